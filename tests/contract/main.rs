//! The port contracts against the fakes. The same functions run against the emulator in `e2e`.

use cvm_testkit::contract;
use cvm_testkit::contract_issuer;
use cvm_testkit::contract_janitor;
use cvm_testkit::guard::TestGuard;
use cvm_testkit::issuer::MemoryIssuer;
use cvm_testkit::registry::TestRegistry;
use cvm_testkit::sample;
use cvm_testkit::time::HandClock;
use cvm_testkit::vault::TestVault;

#[tokio::test]
async fn the_table_in_memory() {
    let registry = TestRegistry::default();
    contract::registry(&registry, async |row| registry.put(row.clone())).await;
}

#[tokio::test]
async fn the_waiting_rows_in_memory() {
    let registry = TestRegistry::default();
    contract_janitor::backlog(&registry, async |row| registry.put(row.clone())).await;
}

#[tokio::test]
async fn the_inventory_in_memory() {
    let issuer = MemoryIssuer::new(&[sample::POLICY], HandClock::new());
    let binding = sample::device("contract-thing").binding;
    contract_janitor::inventory(&issuer, &binding).await;
    contract_janitor::inventory_in_order(&issuer, &binding).await;
}

#[tokio::test]
async fn the_vault_in_memory() {
    let vault = TestVault::default();
    contract::vault(&vault, async |key| vault.open(key).unwrap()).await;
}

#[tokio::test]
async fn the_guard_in_memory() {
    let guard = TestGuard::default();
    contract::guard(|| guard.clone()).await;
}

#[tokio::test]
async fn the_issuer_in_memory() {
    let issuer = MemoryIssuer::new(&[sample::POLICY], HandClock::new());
    contract_issuer::issuer(&issuer, &sample::device("contract-thing").binding).await;
}
