//! The port contracts through the real AWS adapters: the same functions that the fakes face.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod lab;

use std::time::Duration;

use cvm_aws::backlog::CERTIFICATE_INDEX;
use cvm_aws::backlog::DynamoBacklog;
use cvm_aws::backlog::WAITING_INDEX;
use cvm_aws::guard::DynamoGuard;
use cvm_aws::guard::FORGET_AT;
use cvm_aws::guard::KEY;
use cvm_aws::item::WAITS_FOR;
use cvm_aws::item::WAITS_SINCE;
use cvm_aws::item::to_item;
use cvm_aws::registry::DynamoRegistry;
use cvm_aws::roster::DynamoRoster;
use cvm_aws::rows::DynamoRows;
use cvm_aws::system::SystemRandom;
use cvm_aws::vault::S3Vault;
use cvm_shared::ids::BundleKey;
use cvm_shared::operate::rows::Inserted;
use cvm_shared::operate::rows::Roster as _;
use cvm_shared::operate::rows::Rows as _;
use cvm_shared::ports::Guard as _;
use cvm_shared::ports::Registry as _;
use cvm_shared::ports::Vault as _;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;
use cvm_standin::Account;
use cvm_standin::Api;
use cvm_standin::Quotas;
use cvm_testkit::contract;
use cvm_testkit::contract_issuer;
use cvm_testkit::contract_janitor;
use cvm_testkit::sample;
use cvm_worker::rates::Api as Paced;
use cvm_worker::rates::RateSource;
use cvm_worker::rates::Rates;
use reqwest::StatusCode;
use zeroize::Zeroizing;

use crate::lab::Lab;

#[tokio::test]
async fn the_table_keeps_the_contract() {
    let lab = Lab::start().await;
    let client = aws_sdk_dynamodb::Client::new(&lab.sdk);
    let registry = DynamoRegistry::new(client.clone(), Account::TABLE.to_owned());
    let put = async |row: &_| {
        let call = client.put_item().table_name(Account::TABLE);
        call.set_item(Some(to_item(row))).send().await.unwrap();
    };
    contract::registry(&registry, put).await;
}

#[tokio::test]
async fn many_rows_are_read_at_once() {
    let lab = Lab::start().await;
    let client = aws_sdk_dynamodb::Client::new(&lab.sdk);
    for serial in ["SN-1", "SN-3"] {
        let call = client.put_item().table_name(Account::TABLE);
        let row = to_item(&sample::device(serial));
        call.set_item(Some(row)).send().await.unwrap();
    }
    let rows = DynamoRows::new(client, Account::TABLE.to_owned());
    let serials = ["SN-3", "SN-2", "SN-1"].map(sample::serial);
    let found = rows.load_many(&serials).await;
    let found = found
        .into_iter()
        .map(|row| row.unwrap().map(|row| row.serial.to_string()));
    let due = [Some("SN-3".to_owned()), None, Some("SN-1".to_owned())];
    assert_eq!(found.collect::<Vec<_>>(), due);
    let many: Vec<_> = (0..101)
        .map(|n| sample::serial(&format!("SN-{n}")))
        .collect();
    assert!(
        rows.load_many(&many).await.iter().all(Result::is_err),
        "as many as DynamoDB takes"
    );
}

#[tokio::test]
async fn the_guard_keeps_the_contract() {
    let lab = Lab::start().await;
    let client = aws_sdk_dynamodb::Client::new(&lab.sdk);
    let table = Account::GUARD_TABLE;
    contract::guard(|| DynamoGuard::new(client.clone(), table.to_owned(), SystemRandom)).await;
}

/// A used nonce is forgotten when it may be, and nothing else ever is: a key that were forgotten could be
/// bound again. The template must name the same attribute, in the unit that DynamoDB wants.
#[tokio::test]
async fn only_used_nonces_are_forgotten() {
    let lab = Lab::start().await;
    let client = aws_sdk_dynamodb::Client::new(&lab.sdk);
    let guard = DynamoGuard::new(client, Account::GUARD_TABLE.to_owned(), SystemRandom);
    let forget_at = UnixMillis(1_700_000_900_000);
    assert_eq!(guard.consume("used", forget_at).await, Ok(true));
    let serial = sample::serial("SN-1");
    let key = sample::csr().public_key();
    assert_eq!(guard.bind_key(key, &serial).await, Ok(true));
    guard.nonce_key().await.unwrap();
    let items = lab.account().guarded();
    assert_eq!(items.len(), 3);
    for item in items {
        let is_nonce = item[KEY]["S"] == "nonce#used";
        let forgotten = item.get(FORGET_AT).map(|at| at["N"].as_str().unwrap());
        assert_eq!(forgotten, is_nonce.then_some("1700000900"), "{item}");
    }
    let template = include_str!("../../../infra/template.yaml");
    let ttl = format!("TimeToLiveSpecification: {{ AttributeName: {FORGET_AT}, Enabled: true }}");
    assert!(template.contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn the_vault_keeps_the_contract() {
    let lab = Lab::start().await;
    let vault = lab.vault();
    let read = async |key: &BundleKey| {
        let link = vault.presign(key, Duration::from_mins(1)).await.unwrap();
        let answer = reqwest::get(link).await.unwrap();
        answer.bytes().await.unwrap().to_vec()
    };
    contract::vault(&vault, read).await;
    assert_eq!(lab.account().objects(), 0);
}

#[tokio::test]
async fn an_upload_on_condition_never_overwrites() {
    let lab = Lab::start().await;
    let client = aws_sdk_s3::Client::new(&lab.sdk);
    let put = async |content: &'static str| {
        let call = client.put_object().bucket(Account::BUCKET).key("a");
        let call = call
            .if_none_match("*")
            .body(content.as_bytes().to_vec().into());
        call.send().await
    };
    put("first").await.unwrap();
    let refused = put("second").await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 412);
    assert_eq!(lab.account().object("a"), Some(b"first".to_vec()));
}

#[tokio::test]
async fn the_issuer_keeps_the_contract() {
    let lab = Lab::start().await;
    let binding = sample::device("contract-thing").binding;
    Box::pin(contract_issuer::issuer(&lab.issuer(), &binding)).await;
    assert_eq!(lab.account().certificates(), []);
    assert_eq!(lab.account().most_active_of_a_thing(), 1);
    assert_eq!(lab.account().usage(Api::CreateCertificateFromCsr).calls, 7);
}

#[tokio::test]
async fn an_import_adds_rows_once() {
    let lab = Lab::start().await;
    let client = aws_sdk_dynamodb::Client::new(&lab.sdk);
    let roster = DynamoRoster::new(client.clone(), Account::TABLE.to_owned());
    let rows: Vec<_> = (0..60)
        .map(|n| sample::device(&format!("SN-{n:02}")))
        .collect();
    for expected in [Inserted::New, Inserted::Same] {
        let answers = roster.insert_batch(&rows).await;
        assert!(
            answers.iter().all(|answer| *answer == Ok(expected.clone())),
            "{answers:?}"
        );
    }
    assert_eq!(lab.account().items().len(), 60);
    let registry = DynamoRegistry::new(client, Account::TABLE.to_owned());
    let loaded = registry.load(&sample::serial("SN-07")).await.unwrap();
    assert_eq!(loaded.as_ref(), Some(&rows[7]));
}

#[tokio::test]
async fn a_link_fetches_just_its_object_until_it_expires() {
    let lab = Lab::start().await;
    let vault: S3Vault = lab.vault();
    let stage = async |key: &str| {
        let key = BundleKey::parse(key).unwrap();
        let content = Zeroizing::new(key.to_string().into_bytes());
        vault.stage(&key, &content).await.unwrap();
        key
    };
    let (key, _) = (stage("b/x/link").await, stage("b/x/other").await);
    let link = vault.presign(&key, Duration::from_secs(2)).await.unwrap();
    let get = async |url: &str| reqwest::get(url).await.unwrap();
    let answer = get(&link).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.bytes().await.unwrap(), "b/x/link");
    let other = link.replace("x/link", "x/other");
    assert_eq!(get(&other).await.status(), StatusCode::FORBIDDEN);
    let longer = link.replace("X-Amz-Expires=2", "X-Amz-Expires=3");
    assert_ne!(longer, link);
    assert_eq!(get(&longer).await.status(), StatusCode::FORBIDDEN);
    let bare = link.split('?').next().unwrap();
    assert_eq!(get(bare).await.status(), StatusCode::FORBIDDEN);
    lab::wait(Duration::from_millis(2100)).await;
    assert_eq!(get(&link).await.status(), StatusCode::FORBIDDEN);
}

/// With a name instead of an address in the endpoint, the SDK makes the bucket part of the host.
#[tokio::test]
async fn the_bucket_may_be_part_of_the_host() {
    let lab = Lab::start().await;
    let port = lab.endpoint().rsplit(':').next().unwrap();
    let named = lab::settings(&format!("http://localhost:{port}"));
    let client = aws_sdk_s3::Client::new(&named);
    let vault = S3Vault::new(client, Account::BUCKET.to_owned(), None);
    let key = BundleKey::parse("b/x/hosted").unwrap();
    let content = Zeroizing::new(b"content".to_vec());
    lab.vault().stage(&key, &content).await.unwrap();
    let link = vault.presign(&key, Duration::from_mins(1)).await.unwrap();
    let host = format!("{}.localhost", Account::BUCKET);
    assert!(
        link.starts_with(&format!("http://{host}:{port}/b/x/hosted?")),
        "{link}"
    );
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let http = reqwest::Client::builder()
        .resolve(&host, address)
        .build()
        .unwrap();
    let answer = http.get(&link).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), "content");
}

#[tokio::test]
async fn objects_are_kept_looked_at_and_missed() {
    let lab = Lab::start().await;
    let client = aws_sdk_s3::Client::new(&lab.sdk);
    let content = "content ".repeat(20_000);
    let call = client.put_object().bucket(Account::BUCKET).key("a/b c+d");
    let call = call.body(content.clone().into_bytes().into());
    call.send().await.unwrap();
    let call = client.get_object().bucket(Account::BUCKET).key("a/b c+d");
    let got = call.send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), content);
    let call = client.head_object().bucket(Account::BUCKET).key("a/b c+d");
    assert_eq!(call.send().await.unwrap().content_length(), Some(160_000));
    lab.account().lose_object("a/b c+d");
    let call = client.get_object().bucket(Account::BUCKET).key("a/b c+d");
    let missed = call.send().await.unwrap_err();
    assert!(missed.into_service_error().is_no_such_key());
}

/// A file is sent as a stream, in chunks with the checksum after the last one.
#[tokio::test]
async fn an_upload_in_chunks_arrives_whole() {
    let lab = Lab::start().await;
    let client = aws_sdk_s3::Client::new(&lab.sdk);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/iot.rs");
    let stream = aws_sdk_s3::primitives::ByteStream::from_path(path);
    let call = client.put_object().bucket(Account::BUCKET).key("file");
    let call = call.body(stream.await.unwrap());
    call.send().await.unwrap();
    let content = include_bytes!("../src/iot.rs").to_vec();
    assert_eq!(lab.account().object("file"), Some(content));
}

#[tokio::test]
async fn listing_goes_page_by_page() {
    let lab = Lab::start().await;
    let client = aws_sdk_s3::Client::new(&lab.sdk);
    for key in ["a/1", "b/1", "b/2", "b/3", "c/1"] {
        let call = client.put_object().bucket(Account::BUCKET).key(key);
        call.send().await.unwrap();
    }
    let list = client
        .list_objects_v2()
        .bucket(Account::BUCKET)
        .prefix("b/");
    let mut pages = list.max_keys(2).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let keys = page
            .unwrap()
            .contents()
            .iter()
            .map(|o| o.key().unwrap().to_owned())
            .collect::<Vec<_>>();
        found.push(keys);
    }
    assert_eq!(found, [vec!["b/1", "b/2"], vec!["b/3"]]);
}

#[tokio::test]
async fn the_waiting_rows_keep_the_contract() {
    let lab = Lab::start().await;
    let (account, client) = (lab.account(), aws_sdk_dynamodb::Client::new(&lab.sdk));
    account.add_index(WAITING_INDEX, WAITS_FOR, Some(WAITS_SINCE));
    account.add_index(CERTIFICATE_INDEX, "certID", None);
    let backlog = DynamoBacklog::new(client.clone(), Account::TABLE.to_owned());
    let put = async |row: &Record| {
        let call = client.put_item().table_name(Account::TABLE);
        call.set_item(Some(to_item(row))).send().await.unwrap();
    };
    contract_janitor::backlog(&backlog, put).await;
}

#[tokio::test]
async fn the_inventory_keeps_the_contract() {
    let lab = Lab::start().await;
    let mut binding = sample::device("contract-thing").binding;
    binding.policy = sample::policy(Account::POLICY);
    contract_janitor::inventory(&lab.issuer(), &binding).await;
    contract_janitor::inventory_in_order(&lab.issuer(), &binding).await;
}

#[tokio::test]
async fn the_workers_pace_is_what_service_quotas_says() {
    let lab = Lab::start().await;
    let raised = Quotas::aws_defaults().scaled(4.0);
    lab.account().set_quotas(&raised);
    let rates = Rates::from(RateSource::ServiceQuotas, &lab.sdk).await;
    let expected = [
        (Paced::CreateFromCsr, 60.0),
        (Paced::CreateWithKeys, 40.0),
        (Paced::UpdateCertificate, 40.0),
    ];
    for (api, rate) in expected {
        assert!((rates.of(api) - rate).abs() < 0.01, "{api:?}: {rates:?}");
    }
    // Nobody answers: the defaults.
    let nowhere = lab::settings("http://127.0.0.1:9");
    let rates = Rates::from(RateSource::ServiceQuotas, &nowhere).await;
    assert_eq!(rates, Rates::aws_defaults());
}
