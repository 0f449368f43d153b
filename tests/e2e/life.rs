//! Whole lives: the device's own library against the real functions, to an MQTT session.

use std::sync::Arc;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_device::auth::Auth;
use cvm_device::error::Error;
use cvm_device::install::KeyMode;
use cvm_device::vend::Outcome;
use cvm_device::vend::VendConfig;
use cvm_device::vend::Vended;
use cvm_device::vend::vend;
use cvm_device::verify::Chain;
use cvm_local::iot::call;
use cvm_shared::failure::FailureCode;
use cvm_shared::ids::AttributeName;
use cvm_shared::ids::AttributeValue;
use cvm_shared::ids::ThingGroupName;
use cvm_shared::ids::ThingTypeName;
use cvm_shared::ports::Clock as _;
use cvm_shared::record::Attributes;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_testkit::sample;
use reqwest::Method;
use reqwest::StatusCode;
use serde_json::json;

use crate::cvmctl::cvmctl;
use crate::lab::Lab;
use crate::lab::until;

async fn run(config: &VendConfig) -> Result<Vended, Error> {
    vend(config, &|| SystemClock.now(), &|_| ()).await
}

pub(crate) async fn from_submission_to_mqtt_in_csr_mode(lab: Arc<Lab>) {
    to_mqtt(&lab, "E2E:csr", KeyMode::Csr, Auth::Token).await;
    to_mqtt(&lab, "E2E:csr-proof", KeyMode::Csr, Auth::Proof).await;
}

pub(crate) async fn from_submission_to_mqtt_in_keys_mode(lab: Arc<Lab>) {
    to_mqtt(&lab, "E2E:keys", KeyMode::Keys, Auth::Token).await;
    to_mqtt(&lab, "E2E:keys-nonce", KeyMode::Keys, Auth::Nonce).await;
}

pub(crate) async fn a_device_that_is_reset_has_another_certificate_and_no_longer_the_first(
    lab: Arc<Lab>,
) {
    let serial = "E2E-reset";
    lab.put(&lab.device(serial)).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = lab.submit(serial, sample::TOKEN, None).await;
        answer.error_for_status().unwrap();
        let vended = lab.vended(serial, Duration::from_mins(1)).await;
        ids.push(vended.state.issued().unwrap().certificate_id.clone());
        lab.assert_one_certificate(serial).await;
        let reset = cvmctl(&lab, &["devices", "reset", serial, "--yes"]).await;
        assert_eq!(reset.code, 0, "{reset:?}");
    }
    assert_ne!(ids[0], ids[1]);
}

/// Whoever proves its secret has its bundle in the answer here, the others fetch theirs.
async fn to_mqtt(lab: &Lab, serial: &str, mode: KeyMode, auth: Auth) {
    let mut device = lab.device(serial);
    device.proof_only = auth != Auth::Token;
    lab.put(&device).await;
    let (mut config, _home) = lab.at_device(serial);
    (config.key_mode, config.auth) = (mode, auth);
    config.inline = device.proof_only;
    let vended = run(&config).await.unwrap();
    assert_eq!(vended.outcome, Outcome::Installed);
    assert_eq!(
        vended.chain,
        Some(Chain::Verified),
        "the emulator's CA is in the trust bundle"
    );
    lab.assert_one_certificate(serial).await;
    let row = lab.row(serial).await;
    let State::Vended {
        issued,
        delivery: Delivery::Confirmed { .. },
        ..
    } = &row.state
    else {
        panic!("{row:?}")
    };
    assert_eq!(issued.certificate_id, vended.device.certificate_id);
    the_bundle_is_shredded(lab, issued.bundle.key.as_str()).await;
    lab.connect(&vended.dir).await.unwrap();
    a_strangers_name_is_refused(lab, &vended).await;
    let again = run(&config).await.unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyDone);
    assert_eq!(lab.row(serial).await, row);
}

async fn the_bundle_is_shredded(lab: &Lab, key: &str) {
    let call = lab
        .s3
        .head_object()
        .bucket(&lab.site.outputs.bucket)
        .key(key);
    let error = call.send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 404);
}

/// The certificate opens its own Thing's session and no other's: the policy holds.
async fn a_strangers_name_is_refused(lab: &Lab, vended: &Vended) {
    let path = vended.dir.join("device.json");
    let own = std::fs::read_to_string(&path).unwrap();
    let name = vended.device.thing_name.as_str();
    std::fs::write(
        &path,
        own.replace(&format!("\"{name}\""), "\"somebody-else\""),
    )
    .unwrap();
    assert!(
        lab.connect(&vended.dir).await.is_err(),
        "connected as somebody else"
    );
    std::fs::write(&path, own).unwrap();
    lab.connect(&vended.dir).await.unwrap();
}

pub(crate) async fn a_thing_is_made_with_type_group_and_attributes(lab: Arc<Lab>) {
    let endpoint = lab.site.emulator.endpoint();
    let post = async |path: &str| {
        call(endpoint, Method::POST, path, &json!({}))
            .await
            .unwrap()
    };
    post("/thing-types/e2e-type").await;
    post("/thing-groups/e2e-group").await;
    let mut device = lab.device("E2E-typed");
    let attribute = (
        AttributeName::parse("site").unwrap(),
        AttributeValue::parse("hall-7").unwrap(),
    );
    device.binding.thing_type = Some(ThingTypeName::parse("e2e-type").unwrap());
    device.binding.thing_group = Some(ThingGroupName::parse("e2e-group").unwrap());
    device.binding.attributes = Attributes::new([attribute].into(), true).unwrap();
    lab.put(&device).await;
    lab.submit("E2E-typed", sample::TOKEN, None).await;
    lab.vended("E2E-typed", Duration::from_mins(1)).await;
    lab.assert_one_certificate("E2E-typed").await;
    let get = async |path: &str| {
        call(endpoint, Method::GET, path, &json!(null))
            .await
            .unwrap()
    };
    let thing = get("/things/E2E-typed").await;
    assert_eq!(thing["thingTypeName"], "e2e-type");
    assert_eq!(thing["attributes"], json!({ "site": "hall-7" }));
    let members = get("/thing-groups/e2e-group/things").await;
    assert_eq!(members["things"], json!(["E2E-typed"]));
}

pub(crate) async fn a_missing_thing_group_fails_visibly(lab: Arc<Lab>) {
    let mut device = lab.device("E2E-grouped");
    device.binding.thing_group = Some(ThingGroupName::parse("no-such-group").unwrap());
    lab.put(&device).await;
    let answer = lab.submit("E2E-grouped", sample::TOKEN, None).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let failed = until(Duration::from_mins(1), async || {
        match lab.row("E2E-grouped").await.state {
            State::Failed { failure, .. } => Some(failure),
            State::Disabled
            | State::Registered
            | State::Requested { .. }
            | State::Issuing { .. }
            | State::Vended { .. } => None,
        }
    });
    assert_eq!(
        failed.await.map(FailureCode::as_str),
        Some("thing_config_missing")
    );
    assert!(lab.attached("E2E-grouped").await.is_empty());
}

pub(crate) async fn a_device_that_is_cut_off_comes_to_the_same_end(lab: Arc<Lab>) {
    lab.put(&lab.device("E2E-cut")).await;
    let (config, _home) = lab.at_device("E2E-cut");
    // Each run is dropped a little later than the one before it, wherever it is by then.
    for millis in [1, 20, 60, 150, 300, 600] {
        let cut = tokio::time::timeout(Duration::from_millis(millis), run(&config)).await;
        if cut.is_ok() {
            break;
        }
    }
    // The last run that was dropped may hold the directory's lock until its write to disk is done.
    let ended = until(Duration::from_mins(1), async || match run(&config).await {
        Err(Error::Later { .. }) => None,
        ended => Some(ended),
    });
    ended.await.expect("the lock is let go").unwrap();
    lab.assert_one_certificate("E2E-cut").await;
    lab.connect(&config.dir).await.unwrap();
}
