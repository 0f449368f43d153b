//! The port contracts against the fakes. The same functions run against the emulator in `e2e`.

use cvm_testkit::contract;
use cvm_testkit::issuer::MemoryIssuer;
use cvm_testkit::registry::MemoryRegistry;
use cvm_testkit::sample;
use cvm_testkit::vault::MemoryVault;

#[tokio::test]
async fn the_table_in_memory() {
    let registry = MemoryRegistry::default();
    contract::registry(&registry, async |row| registry.put(row.clone())).await;
}

#[tokio::test]
async fn the_vault_in_memory() {
    contract::vault(&MemoryVault::default()).await;
}

#[tokio::test]
async fn the_issuer_in_memory() {
    let issuer = MemoryIssuer::new(&[sample::POLICY]);
    contract::issuer(&issuer, &sample::device("contract-thing").binding).await;
}
