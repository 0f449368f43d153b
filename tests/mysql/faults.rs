//! Faults that only a database has: each command of each write of a whole life cut off, its answer lost, or refused
//! (security table B111, B112).

use cvm_maria::lab;
use cvm_maria::proxy::Proxy;
use cvm_maria::proxy::Strike;
use cvm_maria::table::trail;
use cvm_mysql::database::Database;
use cvm_mysql::registry::MySqlRegistry;
use cvm_shared::entry;
use cvm_shared::event::Event;
use cvm_shared::failure::Failure;
use cvm_shared::ports::Registry as _;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::write::Written;
use cvm_shared::write::write;
use cvm_testkit::contract::life;
use cvm_testkit::sample;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// How often a write that failed is made again, at most.
const TRIES: usize = 3;

/// A registry by way of a proxy; one connection, so that a life's commands come in one order.
async fn struck() -> (Proxy, Database) {
    let name = lab::database_named().await.0;
    let proxy = Proxy::before(lab::server().await.port()).await;
    let mut terms = lab::terms_at(proxy.url("root", &name));
    terms.connections = 1;
    (proxy, Database::open(&terms, None).await.unwrap())
}

/// What a row came to whose write was struck, and how often it was written.
async fn written(registry: &MySqlRegistry, row: &Record, event: &Event) -> (Record, usize) {
    let hand = Hand::new(Author::Worker, NOW);
    for tries in 1..=TRIES {
        match write(registry, &hand, row.clone(), |_| event.clone()).await {
            Ok(Written::Applied(after)) => return (after, tries),
            Ok(Written::Refused(row, refusal)) => panic!("{refusal:?}: {row:?}"),
            Err(failure) => {
                let passes = matches!(
                    failure,
                    Failure::Unavailable { .. } | Failure::Throttled { .. }
                );
                assert!(passes, "{failure:?}");
            }
        }
    }
    panic!("never written")
}

/// Lives a life in which the command with this number is struck in each write; the commands that were, and how often a
/// write had to be made again.
async fn lived(
    proxy: &Proxy,
    database: &Database,
    serial: &str,
    (number, strike): (usize, Strike),
) -> (Vec<String>, usize) {
    let registry = MySqlRegistry::new(database.clone());
    let mut row = sample::device(serial);
    assert!(registry.add(&row).await.unwrap());
    let (mut commands, mut again) = (Vec::new(), 0);
    for event in life(&row, &KeySource::Device(sample::csr())) {
        proxy.strike(number, strike);
        let (after, tries) = written(&registry, &row, &event).await;
        again += tries - 1;
        commands.extend(proxy.calm());
        let found = registry.load(&row.serial).await.unwrap();
        assert_eq!(found.as_ref(), Some(&after), "{strike:?} at {number}");
        row = after;
    }
    let trail = trail(database, &row.serial).await;
    let revisions = row.revision - sample::device(serial).revision;
    assert_eq!(trail.len() as u64, revisions, "{strike:?} at {number}");
    assert_eq!(entry::check(&trail, &row), Ok(()), "{strike:?} at {number}");
    (commands, again)
}

/// Whatever strikes a command of a write: it fails and may be made again, or it is done; it is done once.
async fn every_command_struck(name: &str, strike: Strike) -> (Vec<String>, usize) {
    let (proxy, database) = struck().await;
    let (mut all, mut again) = (Vec::new(), 0);
    for number in 0.. {
        let serial = format!("{name}-{number}");
        let (commands, made_again) = lived(&proxy, &database, &serial, (number, strike)).await;
        if commands.is_empty() {
            break;
        }
        all.extend(commands);
        again += made_again;
    }
    for wanted in ["BEGIN", "execute", "COMMIT"] {
        assert!(all.iter().any(|command| command == wanted), "no {wanted}");
    }
    println!(
        "{strike:?}: {} commands struck, {again} writes made again",
        all.len()
    );
    (all, again)
}

#[tokio::test]
async fn a_connection_that_is_cut_before_a_command() {
    let (_, again) = every_command_struck("cut-before", Strike::CutBefore).await;
    assert!(again > 0);
}

/// A COMMIT among them, whose outcome nobody is told.
#[tokio::test]
async fn a_connection_that_is_cut_before_an_answer() {
    let (_, again) = every_command_struck("cut-after", Strike::CutAfter).await;
    assert!(again > 0);
}

/// Deadlock, lock wait: the transaction is tried again at once, and the caller sees nothing of it. A connection that fails
/// when it is looked at before use is replaced.
#[tokio::test]
async fn a_transaction_that_has_to_give_way() {
    for code in [1213, 1205] {
        let name = format!("gives-way-{code}");
        let (_, again) = every_command_struck(&name, Strike::Answer(code)).await;
        assert_eq!(again, 0, "{code}");
    }
}

/// Read-only, shutting down, too many connections.
#[tokio::test]
async fn a_server_that_is_being_replaced() {
    for code in [1290, 1053, 1040] {
        let name = format!("replaced-{code}");
        let (_, again) = every_command_struck(&name, Strike::Answer(code)).await;
        assert!(again > 0, "{code}");
    }
}
