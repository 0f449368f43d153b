//! The door as strangers and crowds meet it, over HTTP.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_device::conformance::Config;
use cvm_device::conformance::RULES;
use cvm_device::conformance::Verdict;
use cvm_device::conformance::conformance;
use cvm_shared::api::BODY_MAX;
use cvm_shared::api::Problem;
use cvm_shared::api::StatusView;
use cvm_shared::ports::Clock as _;
use cvm_shared::secret::DeviceToken;
use cvm_testkit::sample;
use futures_util::future::join_all;
use reqwest::Method;
use reqwest::StatusCode;

use crate::lab::Lab;

pub(crate) async fn fifty_submissions_at_once_end_with_one_active_certificate(lab: Arc<Lab>) {
    lab.put(&lab.device("E2E-crowd")).await;
    let csr = sample::csr_pem_of("E2E-crowd");
    let crowd = (0..50).map(|_| lab.submit("E2E-crowd", sample::TOKEN, Some(&csr)));
    let mut ids = BTreeSet::new();
    for answer in join_all(crowd).await {
        assert!(answer.status().is_success(), "{}", answer.status());
        ids.insert(answer.json::<StatusView>().await.unwrap().request_id);
    }
    assert_eq!(ids.len(), 1, "one request");
    lab.vended("E2E-crowd", Duration::from_mins(2)).await;
    lab.assert_one_certificate("E2E-crowd").await;
}

pub(crate) async fn every_refused_login_is_the_same(lab: Arc<Lab>) {
    lab.put(&lab.device("E2E-login")).await;
    let mut answers = Vec::new();
    for (serial, token) in [("E2E-nobody", sample::TOKEN), ("E2E-login", "wrong-token")] {
        let answer = lab.submit(serial, token, None).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let mut headers: Vec<_> = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        // Fresh in each answer, and of one length.
        for (name, value) in &mut headers {
            if name == "replay-nonce" {
                *value = value.len().into();
            }
        }
        headers.retain(|(name, _)| {
            !matches!(name.as_str(), "date" | "x-request-id" | "apigw-requestid")
        });
        headers.retain(|(name, _)| !name.as_str().starts_with("x-amz"));
        answers.push((headers, answer.bytes().await.unwrap()));
    }
    assert_eq!(answers[0], answers[1]);
}

pub(crate) async fn bad_requests_are_refused_with_their_code(lab: Arc<Lab>) {
    let json = "application/json";
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(BODY_MAX));
    for (method, path, kind, body, status, code) in [
        ("POST", "/v1/certificates", json, "{", 400, "bad_request"),
        ("POST", "/v1/certificates", json, "[]", 400, "bad_request"),
        (
            "POST",
            "/v1/certificates",
            "text/plain",
            "{}",
            415,
            "unsupported_media_type",
        ),
        (
            "POST",
            "/v1/certificates",
            json,
            large.as_str(),
            413,
            "too_large",
        ),
        (
            "POST",
            "/v1/certificates?deviceToken=x",
            json,
            "{}",
            400,
            "bad_request",
        ),
        (
            "DELETE",
            "/v1/certificates",
            json,
            "",
            405,
            "method_not_allowed",
        ),
        ("GET", "/v1/certificates/x", json, "", 401, "unauthorized"),
        ("GET", "/v2/certificates", json, "", 404, "not_found"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let call = lab
            .http
            .request(method, lab.url(path))
            .header("content-type", kind);
        let answer = call.body(body.to_owned()).send().await.unwrap();
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{path}"
        );
        let problem: Problem = answer.json().await.unwrap();
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (status, code),
            "{path} {body:.20}"
        );
    }
}

/// Every rule of the kit, but for the one that takes five minutes.
pub(crate) async fn the_deployment_keeps_its_contract(lab: Arc<Lab>) {
    const SLOW: &str = "expired-nonce";
    let serial = "E2E-contract";
    let mut device = lab.device(serial);
    device.proof_only = true;
    lab.put(&device).await;
    let config = Config {
        endpoint: lab.site.outputs.api.clone(),
        serial: sample::serial(serial),
        token: DeviceToken::parse(sample::TOKEN).unwrap(),
        audience: Some(lab.site.outputs.audience.clone()),
        ca_pem: String::new(),
        issuer_ca_pem: String::new(),
        confirm: true,
        outlive: None,
        timeout: Duration::from_mins(1),
    };
    let now = || SystemClock.now();
    let outcomes = Box::pin(conformance(&config, now, &|_| ())).await.unwrap();
    assert_eq!(outcomes.len(), RULES.len());
    for outcome in &outcomes {
        match outcome.rule.id {
            SLOW => assert!(
                matches!(outcome.verdict, Verdict::Skipped(_)),
                "{outcome:?}"
            ),
            _ => assert_eq!(outcome.verdict, Verdict::Passed, "{outcome:?}"),
        }
    }
    lab.assert_one_certificate(serial).await;
}
