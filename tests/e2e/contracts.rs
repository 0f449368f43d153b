//! The port contracts against the emulator: the same functions that the fakes face.

use std::sync::Arc;
use std::time::Duration;

use cvm_aws::backlog::DynamoBacklog;
use cvm_aws::guard::DynamoGuard;
use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_aws::vault::S3Vault;
use cvm_shared::ids::BundleKey;
use cvm_shared::ports::Vault as _;
use cvm_testkit::contract;
use cvm_testkit::contract_issuer;
use cvm_testkit::contract_janitor;
use cvm_testkit::sample;
use cvm_worker::iot::AwsIssuer;
use cvm_worker::pacer::Pacer;
use cvm_worker::rates::Rates;
use reqwest::StatusCode;
use zeroize::Zeroizing;

use crate::lab::Lab;

pub(crate) async fn the_table_in_dynamodb(lab: Arc<Lab>) {
    contract::registry(&lab.registry(), async |row| lab.put(row).await).await;
}

pub(crate) async fn the_guard_in_dynamodb(lab: Arc<Lab>) {
    let table = &lab.site.outputs.guard_table;
    contract::guard(|| DynamoGuard::new(lab.dynamodb.clone(), table.clone(), SystemRandom)).await;
}

pub(crate) async fn the_vault_in_s3(lab: Arc<Lab>) {
    let outputs = &lab.site.outputs;
    let vault = S3Vault::new(
        lab.s3.clone(),
        outputs.bucket.clone(),
        Some(outputs.key_arn.clone()),
    );
    let read = async |key: &BundleKey| {
        let link = vault.presign(key, Duration::from_mins(1)).await.unwrap();
        let answer = lab.http.get(link).send().await.unwrap();
        answer.bytes().await.unwrap().to_vec()
    };
    contract::vault(&vault, read).await;
    a_link_fetches_until_it_expires(&lab, &vault).await;
}

async fn a_link_fetches_until_it_expires(lab: &Lab, vault: &S3Vault) {
    let key = BundleKey::parse("b/contract/link").unwrap();
    vault
        .stage(&key, &Zeroizing::new(b"content".to_vec()))
        .await
        .unwrap();
    let link = vault.presign(&key, Duration::from_secs(2)).await.unwrap();
    let get = async |url: &str| lab.http.get(url).send().await.unwrap();
    let answer = get(&link).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.bytes().await.unwrap(), "content");
    let other = link.replace("contract/link", "contract/other");
    assert_eq!(get(&other).await.status(), StatusCode::FORBIDDEN);
    let bare = link.split('?').next().unwrap();
    assert_eq!(get(bare).await.status(), StatusCode::FORBIDDEN);
    let expired = crate::lab::until(Duration::from_secs(10), async || {
        let status = get(&link).await.status();
        (status == StatusCode::FORBIDDEN).then_some(())
    });
    assert!(expired.await.is_some(), "the link never expired");
}

pub(crate) async fn the_issuer_in_aws_iot(lab: Arc<Lab>) {
    let sdk = lab.site.emulator.sdk();
    let pacer = Pacer::new(&Rates::uniform(100.0));
    let issuer = AwsIssuer::new(cvm_worker::iot::client(&sdk), pacer, SystemClock);
    let mut binding = lab.device("contract-thing").binding;
    binding.thing = sample::device("contract-thing").binding.thing;
    Box::pin(contract_issuer::issuer(&issuer, &binding)).await;
    contract_janitor::inventory(&issuer, &binding).await;
}

pub(crate) async fn the_waiting_rows_in_dynamodb(lab: Arc<Lab>) {
    let backlog = DynamoBacklog::new(lab.dynamodb.clone(), lab.site.outputs.table.clone());
    contract_janitor::backlog(&backlog, async |row| lab.put(row).await).await;
}
