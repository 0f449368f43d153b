//! The port contracts on MariaDB: the same functions that DynamoDB, SQS, S3 and the fakes face.

use std::time::Duration;

use cvm_maria::lab;
use cvm_mysql::backlog::MySqlBacklog;
use cvm_mysql::batches::MySqlBatches;
use cvm_mysql::database::Database;
use cvm_mysql::guard::MySqlGuard;
use cvm_mysql::links::Links;
use cvm_mysql::listing::MySqlListing;
use cvm_mysql::listing::MySqlStock;
use cvm_mysql::orders::MySqlOrders;
use cvm_mysql::queue::MySqlQueue;
use cvm_mysql::registry::MySqlRegistry;
use cvm_mysql::rows::MySqlRows;
use cvm_mysql::trails::MySqlTrails;
use cvm_mysql::vault::MySqlVault;
use cvm_shared::operate::rows::Inserted;
use cvm_shared::operate::rows::Roster as _;
use cvm_shared::operate::rows::Wanted;
use cvm_shared::operate::work::Batches as _;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Vault as _;
use cvm_shared::record::Record;
use cvm_testkit::contract;
use cvm_testkit::contract_janitor;
use cvm_testkit::contract_operator;
use cvm_testkit::contract_queue;
use cvm_testkit::sample;
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
async fn many_rows_keep_the_contract() {
    let database = lab::database().await;
    let rows = MySqlRows::new(database.clone());
    contract_operator::rows(&rows).await;
    contract_operator::a_roster_takes_any_number(&rows).await;
    contract_operator::an_import_begins_a_trail(&rows, &MySqlTrails::new(database)).await;
}

#[tokio::test]
async fn the_listing_keeps_the_contract() {
    let database = lab::database().await;
    let rows = MySqlRows::new(database.clone());
    let listing = |wanted: &Wanted| MySqlListing::new(database.clone(), wanted.clone());
    contract_operator::listing(&rows, listing).await;
}

#[tokio::test]
async fn the_stock_keeps_the_contract() {
    let database = lab::database().await;
    let rows = MySqlRows::new(database.clone());
    contract_operator::stock(&rows, || MySqlStock::new(database.clone())).await;
}

#[tokio::test]
async fn the_trails_keep_the_contract() {
    contract_operator::trails(&MySqlTrails::new(lab::database().await)).await;
}

#[tokio::test]
async fn the_keys_keep_the_contract() {
    let random = CountedRandom::default();
    let guard = MySqlGuard::new(lab::database().await, random);
    contract_operator::keys(&guard).await;
}

#[tokio::test]
async fn the_orders_keep_the_contract() {
    let (database, clock) = (lab::database().await, HandClock::new());
    let random = CountedRandom::default();
    let queue = MySqlQueue::orders(database.clone(), RECEIVES, clock.clone(), random);
    let orders = MySqlOrders::new(database, "batch-1".to_owned(), clock);
    contract_operator::orders(&orders, &queue, "batch-1").await;
}

#[tokio::test]
async fn the_batches_keep_the_contract() {
    let batches = MySqlBatches::new(lab::database().await, HandClock::new());
    let folder = tempfile::tempdir().unwrap();
    contract_operator::batches(&batches, folder.path()).await;
    // After its time a batch is forgotten, with its rows.
    let later = HandClock::new().now().plus(Duration::from_hours(1));
    assert_eq!(batches.clear(later).await, Ok(2));
    assert_eq!(batches.ids().await, Ok(Vec::new()));
    let mut rows = Vec::new();
    batches.rows("b-1", &mut rows).await.unwrap();
    assert!(rows.is_empty());
}

/// Two imports of one file at the same time: each row is added by one of them, and found by the other.
#[tokio::test]
async fn of_two_imports_each_row_is_new_to_one() {
    let database = lab::database().await;
    let (one, other) = (MySqlRows::new(database.clone()), MySqlRows::new(database));
    let rows: Vec<Record> = (0..400)
        .map(|n| sample::device(&format!("SN-{n:03}")))
        .collect();
    let mut backwards = rows.clone();
    backwards.reverse();
    let (forth, back) = tokio::join!(one.insert_batch(&rows), other.insert_batch(&backwards));
    for (forth, back) in forth.into_iter().zip(back.into_iter().rev()) {
        let both = [forth.unwrap(), back.unwrap()];
        assert!(
            matches!(
                both,
                [Inserted::New, Inserted::Same] | [Inserted::Same, Inserted::New]
            ),
            "{both:?}"
        );
    }
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
