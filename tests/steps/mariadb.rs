//! On MariaDB: device table, guard, queue and vault are the host form's adapters, in a database of each life's own.

use cvm_maria::ground::Ground;
use cvm_maria::ground::Parts;

use crate::lives::Life;
use crate::matrix::matrix;

async fn on_mariadb(life: Life, certificates: u64) {
    matrix(&Ground::maria(Parts::All), life, certificates).await;
}

#[tokio::test]
async fn every_fault_at_every_call_in_csr_mode() {
    on_mariadb(Life::Csr, 1).await;
}

#[tokio::test]
async fn every_fault_at_every_call_in_keys_mode() {
    on_mariadb(Life::Keys, 1).await;
}

#[tokio::test]
async fn every_fault_at_every_call_of_a_replacement() {
    on_mariadb(Life::Replaced, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_of_a_redelivery_after_the_bundle_expired() {
    on_mariadb(Life::Expired, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_a_reset() {
    on_mariadb(Life::Reset, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_a_certificate_was_kept() {
    on_mariadb(Life::Kept, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_the_order_was_lost() {
    on_mariadb(Life::LostOrder, 1).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_a_failure_that_was_mended() {
    on_mariadb(Life::Mended, 1).await;
}
