//! What a suite stands on: the testkit's fakes, or the MySQL adapters in a database of its own.

use cvm_mysql::database::Database;
use cvm_testkit::guard::TestGuard;
use cvm_testkit::queue::TestQueue;
use cvm_testkit::registry::TestRegistry;
use cvm_testkit::vault::TestVault;
use cvm_testkit::world::World;

use crate::blocking::wait;
use crate::guard::MariaGuard;
use crate::lab;
use crate::queue::MariaQueue;
use crate::shelf::MariaShelf;
use crate::table::MariaTable;

/// Which of the host form's parts are the adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Device table, guard and vault. The queue is the fake: histories can be held to those on the fakes, call for call.
    Tables,
    /// The queue too.
    All,
}

/// What a suite stands on. One who plays at a time.
#[derive(Clone, Debug)]
pub enum Ground {
    /// The fakes.
    Memory,
    /// The adapters, in this database.
    Maria(Database, Parts),
}

impl Ground {
    /// The adapters in a fresh database.
    pub fn maria(parts: Parts) -> Self {
        Self::Maria(wait(lab::database()), parts)
    }

    /// A fresh world; the last one on this ground is gone.
    pub fn world(&self) -> World {
        let mut world = World::new();
        let Self::Maria(database, parts) = self else {
            return world;
        };
        let emptied = database.clone();
        wait(async move { lab::empty(&emptied).await });
        world.registry = TestRegistry::on(MariaTable::new(database.clone()));
        world.guard = TestGuard::on(MariaGuard::new(database.clone()));
        let clock = world.clock.clone();
        world.vault = TestVault::on(MariaShelf::new(database.clone(), clock.clone()));
        if *parts == Parts::All {
            world.queue = TestQueue::on(MariaQueue::new(database.clone(), clock));
        }
        world
    }
}

/// Tests with these names, on the fakes and on MariaDB: each is an async function of a ground beside this.
#[macro_export]
macro_rules! on_both_grounds {
    ($($name:ident)*) => {
        mod fakes {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(&$crate::ground::Ground::Memory).await;
                }
            )*
        }

        mod mariadb {
            $(
                #[tokio::test]
                async fn $name() {
                    let parts = $crate::ground::Parts::All;
                    super::$name(&$crate::ground::Ground::maria(parts)).await;
                }
            )*
        }
    };
}
