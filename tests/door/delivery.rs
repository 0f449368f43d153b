//! Bundles at the door: in the answer on wish, sealed, and opened for a device that cannot.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_ingest::http::Answer;
use cvm_ingest::http::Asked;
use cvm_shared::api::BundleView;
use cvm_shared::api::INLINE_PREFERENCE;
use cvm_shared::api::Status;
use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::is_sealed;
use cvm_shared::seal::open;
use cvm_shared::secret::DeviceToken;
use cvm_shared::state::State;
use cvm_shared::verifier::Verifier;
use cvm_testkit::proofs::prover;
use cvm_testkit::sample;
use cvm_testkit::site::submission;
use cvm_testkit::site::view;
use http::HeaderValue;
use http::StatusCode;

use crate::ask;
use crate::code;
use crate::quiet;
use crate::told;

fn inline(mut asked: Asked) -> Asked {
    let wish = HeaderValue::from_static(INLINE_PREFERENCE);
    asked.headers.insert("prefer", wish);
    asked
}

fn content(answer: &Answer) -> Vec<u8> {
    assert_eq!(answer.headers["preference-applied"], INLINE_PREFERENCE);
    let Status::Vended { bundle, .. } = view(answer).status else {
        panic!("{}", answer.body)
    };
    let sha256 = bundle.sha256().to_owned();
    let BundleView::Inline(inline) = bundle else {
        panic!("a link")
    };
    let bytes = BASE64_STANDARD.decode(inline.content).unwrap();
    assert_eq!(digest(&bytes), sha256);
    bytes
}

/// The bundle with a private key lies sealed in the bucket and comes sealed; its device opens it.
#[tokio::test]
async fn a_bundle_comes_in_the_answer_on_wish_and_sealed() {
    let site = quiet();
    let submitted = ask(&site, submission("SN-1", sample::TOKEN, None)).await;
    site.settle(5).await;
    let row = site.world.registry.row(&sample::serial("SN-1")).unwrap();
    let issued = row.state.issued().unwrap().clone();
    let staged = site.world.vault.open(&issued.bundle.key).unwrap();
    assert!(is_sealed(&staged) && !String::from_utf8_lossy(&staged).contains("PRIVATE"));
    let answer = ask(&site, inline(submission("SN-1", sample::TOKEN, None))).await;
    let bytes = content(&answer);
    assert_eq!(bytes, staged);
    let names = SealedFor {
        serial: &row.serial,
        request: &view(&submitted).request_id,
        certificate: &issued.certificate_id,
    };
    let opened = open(prover("SN-1").server_key(), &names, &bytes).unwrap();
    assert!(Bundle::decode(&opened).unwrap().private_key.is_some());
    assert!(open(prover("SN-2").server_key(), &names, &bytes).is_err());
}

#[tokio::test]
async fn a_bundle_that_is_gone_is_told() {
    let site = quiet();
    ask(&site, submission("SN-1", sample::TOKEN, None)).await;
    site.settle(5).await;
    let row = site.world.registry.row(&sample::serial("SN-1")).unwrap();
    site.world
        .vault
        .lose(&row.state.issued().unwrap().bundle.key);
    let answer = ask(&site, inline(submission("SN-1", sample::TOKEN, None))).await;
    assert_eq!(code(&answer), told(410, "bundle_expired"));
}

/// A secret of few bits: only where the operator allows it, only as a token, and its bundle is opened
/// for it, as its device does not know the salt.
#[tokio::test]
async fn a_stretched_secret_logs_in_where_it_may() {
    let mut site = quiet();
    let mut device = sample::device("SN-1");
    let token = DeviceToken::parse("1234").unwrap();
    device.verifier = Verifier::derive_slowly(&device.serial, &token, [9; 16]);
    site.world.registry.put(device);
    let refused = ask(&site, submission("SN-1", "1234", None)).await;
    assert_eq!(code(&refused), told(401, "unauthorized"));
    site.weak_secrets = true;
    for wrong in ["1235", sample::TOKEN] {
        let refused = ask(&site, submission("SN-1", wrong, None)).await;
        assert_eq!(code(&refused), told(401, "unauthorized"));
    }
    let submit = || submission("SN-1", "1234", None);
    assert_eq!(ask(&site, submit()).await.status, StatusCode::ACCEPTED);
    site.settle(5).await;
    let bytes = content(&ask(&site, submit()).await);
    assert!(Bundle::decode(&bytes).unwrap().private_key.is_some());
    // The others are let in as before.
    site.world.registry.put(sample::device("SN-2"));
    let strong = ask(&site, submission("SN-2", sample::TOKEN, None)).await;
    assert_eq!(strong.status, StatusCode::ACCEPTED);
}

/// What lies in the vault is not what the row names: nobody gets it, by whatever way.
#[tokio::test]
async fn a_bundle_that_is_not_the_rows_own_is_not_handed_over() {
    let site = quiet();
    ask(&site, submission("SN-1", sample::TOKEN, None)).await;
    site.settle(5).await;
    let mut row = site.world.registry.row(&sample::serial("SN-1")).unwrap();
    if let State::Vended { issued, .. } = &mut row.state {
        issued.bundle.sha256 = "0".repeat(64);
    }
    site.world.registry.put(row);
    let answer = ask(&site, inline(submission("SN-1", sample::TOKEN, None))).await;
    assert_eq!(code(&answer), told(503, "unavailable"));
}
