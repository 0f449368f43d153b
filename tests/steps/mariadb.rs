//! On MariaDB: device table, guard, queue and vault are the host form's adapters, in a database of each test's own.

use cvm_maria::ground::Ground;
use cvm_maria::ground::Parts;
use cvm_testkit::sample::Lean;

use crate::lives::Life;
use crate::matrix::Struck;
use crate::matrix::matrix;

async fn on_mariadb(life: Life, certificates: u64) {
    let ground = Ground::maria(Parts::All);
    matrix(&ground, Struck::Effects, life, certificates).await;
}

/// With `--ignored`: what the others leave out.
#[tokio::test]
#[ignore = "takes some minutes"]
async fn every_fault_at_every_call_of_all_lives() {
    let ground = Ground::maria(Parts::All);
    for (life, certificates) in [
        (Life::Csr, 1),
        (Life::Keys, 1),
        (Life::Replaced, 2),
        (Life::Expired, 2),
        (Life::Reset, 2),
        (Life::Kept, 2),
        (Life::LostOrder, 1),
        (Life::Mended, 1),
        (Life::Lean(Lean::NeitherOfBoth), 1),
    ] {
        matrix(&ground, Struck::All, life, certificates).await;
    }
}

#[tokio::test]
async fn every_effect_struck_in_csr_mode() {
    on_mariadb(Life::Csr, 1).await;
}

#[tokio::test]
async fn every_effect_struck_in_keys_mode() {
    on_mariadb(Life::Keys, 1).await;
}

#[tokio::test]
async fn every_effect_struck_of_a_replacement() {
    on_mariadb(Life::Replaced, 2).await;
}

#[tokio::test]
async fn every_effect_struck_of_a_redelivery_after_the_bundle_expired() {
    on_mariadb(Life::Expired, 2).await;
}

#[tokio::test]
async fn every_effect_struck_after_a_reset() {
    on_mariadb(Life::Reset, 2).await;
}

#[tokio::test]
async fn every_effect_struck_after_a_certificate_was_kept() {
    on_mariadb(Life::Kept, 2).await;
}

#[tokio::test]
async fn every_effect_struck_after_the_order_was_lost() {
    on_mariadb(Life::LostOrder, 1).await;
}

#[tokio::test]
async fn every_effect_struck_after_a_failure_that_was_mended() {
    on_mariadb(Life::Mended, 1).await;
}

#[tokio::test]
async fn every_effect_struck_of_lean_rows() {
    for lean in [Lean::NoThing, Lean::Both] {
        on_mariadb(Life::Lean(lean), 1).await;
    }
}
