//! On the fakes.

use cvm_maria::ground::Ground;
use cvm_testkit::sample::Lean;

use crate::lives::Life;
use crate::matrix::Struck;
use crate::matrix::matrix;

async fn on_fakes(life: Life, certificates: u64) {
    matrix(&Ground::Memory, Struck::All, life, certificates).await;
}

#[tokio::test]
async fn every_fault_at_every_call_in_csr_mode() {
    on_fakes(Life::Csr, 1).await;
}

#[tokio::test]
async fn every_fault_at_every_call_in_keys_mode() {
    on_fakes(Life::Keys, 1).await;
}

#[tokio::test]
async fn every_fault_at_every_call_of_a_replacement() {
    on_fakes(Life::Replaced, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_of_a_redelivery_after_the_bundle_expired() {
    on_fakes(Life::Expired, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_a_reset() {
    on_fakes(Life::Reset, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_a_certificate_was_kept() {
    on_fakes(Life::Kept, 2).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_the_order_was_lost() {
    on_fakes(Life::LostOrder, 1).await;
}

#[tokio::test]
async fn every_fault_at_every_call_after_a_failure_that_was_mended() {
    on_fakes(Life::Mended, 1).await;
}

#[tokio::test]
async fn every_fault_at_every_call_of_lean_rows() {
    for lean in Lean::ALL {
        on_fakes(Life::Lean(lean), 1).await;
    }
}
