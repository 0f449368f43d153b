//! The port contracts on MariaDB: the same functions that DynamoDB, SQS, S3 and the fakes face.

use std::time::Duration;

use cvm_maria::lab;
use cvm_mysql::backlog::MySqlBacklog;
use cvm_mysql::database::Database;
use cvm_mysql::guard::MySqlGuard;
use cvm_mysql::links::Links;
use cvm_mysql::queue::MySqlQueue;
use cvm_mysql::registry::MySqlRegistry;
use cvm_mysql::vault::MySqlVault;
use cvm_shared::ports::Vault as _;
use cvm_shared::record::Record;
use cvm_testkit::contract;
use cvm_testkit::contract_janitor;
use cvm_testkit::contract_queue;
use cvm_testkit::time::CountedRandom;
use cvm_testkit::time::HandClock;

const RECEIVES: u32 = 30;

async fn put(database: &Database, row: &Record) {
    MySqlRegistry::new(database.clone()).add(row).await.unwrap();
}

pub(crate) async fn table(database: &Database) {
    let registry = MySqlRegistry::new(database.clone());
    contract::registry(&registry, async |row| put(database, row).await).await;
}

pub(crate) async fn waiting_rows(database: &Database) {
    let backlog = MySqlBacklog::new(database.clone());
    contract_janitor::backlog(&backlog, async |row| put(database, row).await).await;
}

pub(crate) async fn guard(database: &Database) {
    let random = CountedRandom::default();
    contract::guard(|| MySqlGuard::new(database.clone(), random.clone())).await;
}

pub(crate) async fn queue(database: &Database) {
    let (clock, random) = (HandClock::new(), CountedRandom::default());
    let queue = MySqlQueue::orders(database.clone(), RECEIVES, clock.clone(), random.clone());
    let dead = MySqlQueue::dead_letters(database.clone(), clock.clone(), random);
    contract_queue::queue(&queue, &dead, async |span| clock.advance(span)).await;
}

pub(crate) async fn vault(database: &Database) {
    let guard = MySqlGuard::new(database.clone(), CountedRandom::default());
    let links = Links::shared(&guard, "https://cvm.test".to_owned());
    let vault = MySqlVault::new(database.clone(), links.await.unwrap(), HandClock::new());
    let read = async |key: &_| {
        let link = vault.presign(key, Duration::from_mins(1)).await.unwrap();
        let rest = link.strip_prefix("https://cvm.test").unwrap();
        let (path, query) = rest.split_once('?').unwrap();
        let opened = vault.open(path, query, 1024).await.unwrap();
        opened.unwrap().to_vec()
    };
    contract::vault(&vault, read).await;
}

#[tokio::test]
async fn the_table_keeps_the_contract() {
    table(&lab::database().await).await;
}

#[tokio::test]
async fn the_waiting_rows_keep_the_contract() {
    waiting_rows(&lab::database().await).await;
}

#[tokio::test]
async fn the_guard_keeps_the_contract() {
    guard(&lab::database().await).await;
}

#[tokio::test]
async fn the_queue_keeps_the_contract() {
    queue(&lab::database().await).await;
}

#[tokio::test]
async fn the_vault_keeps_the_contract() {
    vault(&lab::database().await).await;
}
