//! What an operator needs of a store, on DynamoDB, SQS and S3: the same functions that a host's database faces.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod lab;

use cvm_aws::batches::S3Batches;
use cvm_aws::guard::DynamoGuard;
use cvm_aws::intake::SqsIntake;
use cvm_aws::keys::DynamoKeys;
use cvm_aws::listing::DynamoListing;
use cvm_aws::orders::SqsOrders;
use cvm_aws::roster::DynamoRoster;
use cvm_aws::rows::DynamoRows;
use cvm_aws::stock::DynamoStock;
use cvm_aws::system::SystemRandom;
use cvm_aws::trails::DynamoTrails;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::nonce::NonceKey;
use cvm_shared::operate::moving::Bound;
use cvm_shared::operate::moving::Keys;
use cvm_shared::operate::rows::Found;
use cvm_shared::operate::rows::Inserted;
use cvm_shared::operate::rows::Roster;
use cvm_shared::operate::rows::Rows;
use cvm_shared::operate::rows::Wanted;
use cvm_shared::ports::Guard;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;
use cvm_standin::Account;
use cvm_testkit::contract_operator;

use crate::lab::Lab;

/// Reads and adds are two adapters, for two rights.
struct Both(DynamoRows, DynamoRoster);

impl Rows for Both {
    async fn load_many(&self, serials: &[SerialNumber]) -> Vec<Found> {
        self.0.load_many(serials).await
    }
}

impl Roster for Both {
    fn at_once(&self) -> usize {
        self.1.at_once()
    }

    async fn insert_batch(&self, records: &[Record]) -> Vec<Result<Inserted, Failure>> {
        self.1.insert_batch(records).await
    }
}

/// So are the guard and whoever reads its keys.
struct Guarded(DynamoGuard<SystemRandom>, DynamoKeys);

impl Guard for Guarded {
    async fn nonce_key(&self) -> Result<NonceKey, Failure> {
        self.0.nonce_key().await
    }

    async fn consume(&self, used: &str, forget_at: UnixMillis) -> Result<bool, Failure> {
        self.0.consume(used, forget_at).await
    }

    async fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure> {
        self.0.bind_key(key, serial).await
    }
}

impl Keys for Guarded {
    async fn bound(&self, after: Option<String>) -> Result<(Vec<Bound>, Option<String>), Failure> {
        self.1.bound(after).await
    }

    async fn holder(&self, key: PublicKeyDigest) -> Result<Option<SerialNumber>, Failure> {
        self.1.holder(key).await
    }
}

fn dynamodb(lab: &Lab) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&lab.sdk)
}

fn both(lab: &Lab) -> Both {
    let table = Account::TABLE.to_owned();
    Both(
        DynamoRows::new(dynamodb(lab), table.clone()),
        DynamoRoster::new(dynamodb(lab), table),
    )
}

#[tokio::test]
async fn many_rows_keep_the_contract() {
    let lab = Lab::start().await;
    contract_operator::rows(&both(&lab)).await;
    contract_operator::a_roster_takes_any_number(&both(&lab)).await;
}

#[tokio::test]
async fn the_listing_keeps_the_contract() {
    let lab = Lab::start().await;
    lab.account().set_scan_page(100);
    let table = || Account::TABLE.to_owned();
    let listing = |wanted: &Wanted| DynamoListing::new(dynamodb(&lab), table(), wanted);
    contract_operator::listing(&both(&lab), listing).await;
}

#[tokio::test]
async fn the_stock_keeps_the_contract() {
    let lab = Lab::start().await;
    let table = || Account::TABLE.to_owned();
    contract_operator::stock(&both(&lab), || DynamoStock::new(dynamodb(&lab), table())).await;
}

#[tokio::test]
async fn the_trails_keep_the_contract() {
    let lab = Lab::start().await;
    lab.account().set_scan_page(7);
    let trails = DynamoTrails::new(dynamodb(&lab), Account::AUDIT_TABLE.to_owned());
    contract_operator::trails(&trails).await;
}

#[tokio::test]
async fn the_keys_keep_the_contract() {
    let lab = Lab::start().await;
    lab.account().set_scan_page(2);
    let table = || Account::GUARD_TABLE.to_owned();
    let guard = DynamoGuard::new(dynamodb(&lab), table(), SystemRandom);
    let keys = DynamoKeys::new(dynamodb(&lab), table());
    contract_operator::keys(&Guarded(guard, keys)).await;
}

#[tokio::test]
async fn the_orders_keep_the_contract() {
    let lab = Lab::start().await;
    let (client, url) = (
        aws_sdk_sqs::Client::new(&lab.sdk),
        lab.account().queue_url(),
    );
    let orders = SqsOrders::new(client.clone(), url.clone(), "batch-1".to_owned());
    contract_operator::orders(&orders, &SqsIntake::new(client, url), "batch-1").await;
}

#[tokio::test]
async fn the_batches_keep_the_contract() {
    let lab = Lab::start().await;
    let client = aws_sdk_s3::Client::new(&lab.sdk);
    let batches = S3Batches::new(client, Account::BUCKET.to_owned());
    let folder = tempfile::tempdir().unwrap();
    contract_operator::batches(&batches, folder.path()).await;
}
