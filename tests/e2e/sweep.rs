//! The janitor in this process, on the real adapters, against the emulator.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use cvm_aws::backlog::DynamoBacklog;
use cvm_aws::queue::SqsQueue;
use cvm_aws::registry::DynamoRegistry;
use cvm_aws::system::SystemClock;
use cvm_aws::vault::S3Vault;
use cvm_local::iot::invoke;
use cvm_shared::csr::Csr;
use cvm_shared::event::Event;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Issuer as _;
use cvm_shared::reprovision::Disuse;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::transition::next;
use cvm_testkit::sample;
use cvm_testkit::site::SWEEP_TERMS;
use cvm_worker::iot::AwsIssuer;
use cvm_worker::iot::client;
use cvm_worker::pacer::Pacer;
use cvm_worker::rates::Rates;
use cvm_worker::sweep::Janitor;
use cvm_worker::sweep::SweepTerms;
use cvm_worker::table::Table;

use crate::contracts;
use crate::lab::Lab;

/// A clock that is two hours ahead: what was created a moment ago is old enough.
#[derive(Clone, Copy, Debug)]
struct Ahead;

impl Clock for Ahead {
    fn now(&self) -> UnixMillis {
        SystemClock.now().plus(Duration::from_hours(2))
    }

    async fn sleep(&self, span: Duration) {
        SystemClock.sleep(span).await;
    }
}

pub(crate) async fn the_janitor_mends_what_it_should_and_leaves_the_rest() {
    let lab = Arc::new(Lab::start().await);
    contracts::the_waiting_rows_in_dynamodb(lab.clone()).await;
    the_janitors_own_function_goes_round(lab.clone()).await;
    Box::pin(an_orphan_is_swept_and_everything_else_stays(lab.clone())).await;
    Lab::stop(lab).await;
}

/// The real binary under the template's role: every call that a round makes is allowed.
async fn the_janitors_own_function_goes_round(lab: Arc<Lab>) {
    let serial = "E2E-revoked";
    lab.put(&lab.device(serial)).await;
    lab.submit(serial, sample::TOKEN, Some(&sample::csr_pem_of(serial)))
        .await
        .error_for_status()
        .unwrap();
    let vended = lab.vended(serial, Duration::from_mins(1)).await;
    let certificate = vended.state.issued().unwrap().certificate_id.to_string();
    lab.put(&next(&vended, &Event::Revoke { keep: None }).unwrap())
        .await;
    let to_keep = vended_and_revoked(&lab, "E2E-kept").await;
    // And one whose order is lost.
    let mut lost = lab.device("E2E-lost");
    let request = Request::new(&lost.serial, lost.generation, KeySource::Service);
    lost.requested_at = Some(UnixMillis(1));
    lost.state = State::Requested {
        request,
        issued: None,
    };
    lab.put(&lost).await;
    let (endpoint, function) = (
        lab.site.emulator.endpoint(),
        &lab.site.outputs.janitor_function,
    );
    let told = invoke(endpoint, function, &serde_json::json!({}))
        .await
        .unwrap();
    assert_eq!(told["failed"], 0, "{told}");
    assert_eq!(told["complete"], true, "{told}");
    assert_eq!(told["removed"], 1, "{told}");
    assert!(told["resent"].as_u64() >= Some(1), "{told}");
    assert_eq!(told["deactivated"], 1, "{told}");
    let active = lab.active().await;
    assert!(!active.contains(&certificate) && !active.contains(&to_keep));
    let kept = &lab.row("E2E-kept").await.superseded[0];
    assert!(kept.inactive_at.is_some());
    assert_eq!(lab.row(serial).await.superseded, []);
    lab.vended("E2E-lost", Duration::from_mins(1)).await;
}

/// A device whose certificate is to be kept; the certificate's id.
async fn vended_and_revoked(lab: &Lab, serial: &str) -> String {
    lab.put(&lab.device(serial)).await;
    let csr = sample::csr_pem_of(serial);
    let answer = lab.submit(serial, sample::TOKEN, Some(&csr)).await;
    answer.error_for_status().unwrap();
    let vended = lab.vended(serial, Duration::from_mins(1)).await;
    let keep = Some(Disuse::Revoked);
    lab.put(&next(&vended, &Event::Revoke { keep }).unwrap())
        .await;
    vended.state.issued().unwrap().certificate_id.to_string()
}

/// With the rights of the janitor's role.
async fn an_orphan_is_swept_and_everything_else_stays(lab: Arc<Lab>) {
    let issuer_of = |sdk: &SdkConfig| {
        let pacer = Pacer::new(&Rates::uniform(100.0));
        AwsIssuer::new(client(sdk), pacer, Ahead)
    };
    let issuer = || issuer_of(&lab.site.emulator.sdk());
    let csr = Csr::parse(&sample::csr_pem_of("E2E-orphan")).unwrap();
    // The row asked for this key and names another certificate of it: the twin is the orphan.
    let (kept, orphan) = (
        issuer().create_from_csr(&csr).await.unwrap(),
        issuer().create_from_csr(&csr).await.unwrap(),
    );
    let foreign = Csr::parse(&sample::csr_pem_of("E2E-somebody-else")).unwrap();
    let foreign = issuer().create_from_csr(&foreign).await.unwrap();
    let mut row = lab.device("E2E-orphan");
    let request = Request::new(&row.serial, row.generation, KeySource::Device(csr));
    row.state = State::Failed {
        request: request.id,
        issued: Some(sample::issued(&kept.names)),
        failure: cvm_shared::failure::FailureCode::PolicyMissing,
        failed_at: UnixMillis(0),
        retry_at: None,
    };
    lab.put(&row).await;
    let outputs = &lab.site.outputs;
    let sdk = lab.sdk_of("JanitorRole").await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let janitor = Janitor {
        registry: Table {
            rows: DynamoRegistry::new(dynamodb.clone(), outputs.table.clone()),
            backlog: DynamoBacklog::new(dynamodb, outputs.table.clone()),
        },
        queue: SqsQueue::new(aws_sdk_sqs::Client::new(&sdk), outputs.queue_url.clone()),
        issuer: issuer_of(&sdk),
        vault: S3Vault::new(aws_sdk_s3::Client::new(&sdk), outputs.bucket.clone(), None),
        clock: Ahead,
        terms: SweepTerms {
            account_is_ours: false,
            ..SWEEP_TERMS
        },
    };
    let deadline = Ahead.now().plus(Duration::from_mins(5));
    let summary = janitor.sweep(deadline).await;
    assert!(summary.complete && summary.failed == 0, "{summary:?}");
    assert_eq!(summary.orphans, 1, "{summary:?}");
    assert!(summary.unattributed >= 1, "{summary:?}");
    let exists = async |id| {
        cvm_shared::ports::Inventory::pem(&issuer(), id)
            .await
            .unwrap()
    };
    assert_eq!(exists(&orphan.names.id).await, None);
    assert!(exists(&kept.names.id).await.is_some(), "the row names it");
    assert!(exists(&foreign.names.id).await.is_some(), "it is not ours");
    for left in [kept, foreign] {
        issuer().retire(&left.names, &row.binding).await.unwrap();
    }
}
