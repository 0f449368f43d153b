//! The real ledger function behind the emulator's stream: every change of a row is in its trail.

use std::sync::Arc;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_aws::trails::DynamoTrails;
use cvm_shared::entry::Entry;
use cvm_shared::entry::check;
use cvm_shared::entry::fact;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails as _;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Registry as _;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::begun;
use cvm_testkit::sample;

use crate::lab::Lab;
use crate::lab::until;

const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn every_change_of_a_row_is_in_its_trail(lab: Arc<Lab>) {
    let serial = "E2E-trail";
    let operator = Author::parse("arn:aws:iam::000000000000:user/factory").unwrap();
    let hand = Hand::new(operator, SystemClock.now());
    lab.put(&begun(lab.device(serial), hand)).await;
    let csr = sample::csr_pem_of(serial);
    let answer = lab.submit(serial, sample::TOKEN, Some(&csr)).await;
    answer.error_for_status().unwrap();
    lab.vended(serial, PATIENCE).await;
    let trail = whole(&lab, serial).await;
    let deeds: Vec<&str> = told(&trail, fact::DEED);
    assert_eq!(deeds, ["import", "apply", "claim", "commit", "finish"]);
    let authors: Vec<&str> = told(&trail, fact::AUTHOR);
    assert_eq!(authors[1..], ["ingest", "worker", "worker", "worker"]);
    a_change_by_hand_shows(&lab, serial).await;
}

/// What nobody signed is in the trail as what it is, and the row does not agree with its trail any more.
async fn a_change_by_hand_shows(lab: &Lab, serial: &str) {
    let mut forged = lab.row(serial).await;
    forged.revision += 1;
    forged.proof_only = true;
    lab.put(&forged).await;
    let told = until(PATIENCE, async || {
        let trail = read(lab, serial).await;
        trail.into_iter().find(|entry| entry.head.is_none())
    });
    let entry = told.await.expect("the ledger was told");
    assert_eq!(entry.facts[fact::DEED], "changed outside");
    let trail = read(lab, serial).await;
    let entries: Vec<Entry> = trail.iter().filter_map(Placed::entry).collect();
    assert!(check(&entries, &forged).is_err());
}

/// The trail, once it leads to the row.
async fn whole(lab: &Lab, serial: &str) -> Vec<Placed> {
    let whole = until(PATIENCE, async || {
        let row = lab.registry().load(&name(serial)).await.unwrap()?;
        let trail = read(lab, serial).await;
        let entries: Vec<Entry> = trail.iter().filter_map(Placed::entry).collect();
        check(&entries, &row).is_ok().then_some(trail)
    });
    whole.await.expect("a whole trail")
}

async fn read(lab: &Lab, serial: &str) -> Vec<Placed> {
    let table = lab.site.outputs.audit_table.clone();
    let trails = DynamoTrails::new(lab.dynamodb.clone(), table);
    trails.read(serial).await.unwrap()
}

fn name(serial: &str) -> SerialNumber {
    sample::serial(serial)
}

fn told<'a>(trail: &'a [Placed], name: &str) -> Vec<&'a str> {
    let told = trail.iter().map(|entry| entry.facts.get(name));
    told.map(|fact| fact.map_or("", String::as_str)).collect()
}
