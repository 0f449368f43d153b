//! AWS IoT as its users know it: deleting, throttling, listing, quotas; and faults of all services.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod lab;

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use cvm_shared::failure::Failure;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::Issuer as _;
use cvm_shared::ports::NewCertificate;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::request::KeySource;
use cvm_standin::Account;
use cvm_standin::Api;
use cvm_standin::FaultOptions;
use cvm_standin::Limit;
use cvm_standin::Options;
use cvm_standin::Quotas;
use cvm_testkit::sample;
use reqwest::Method;
use reqwest::Response;
use reqwest::StatusCode;
use serde_json::Value;
use serde_json::json;

use crate::lab::Lab;

/// Unsigned calls by hand: only the worker may name AWS IoT's client.
struct Rest<'a> {
    lab: &'a Lab,
    http: reqwest::Client,
}

impl<'a> Rest<'a> {
    fn of(lab: &'a Lab) -> Self {
        let http = reqwest::Client::new();
        Self { lab, http }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Response {
        let call = self
            .http
            .request(method, format!("{}{path}", self.lab.endpoint()));
        call.json(&body).send().await.unwrap()
    }

    async fn create(&self) -> String {
        let csr = json!({ "certificateSigningRequest": sample::csr_pem() });
        let answer = self.call(Method::POST, "/certificates", csr).await;
        let answer: Value = answer.json().await.unwrap();
        answer["certificateId"].as_str().unwrap().to_owned()
    }

    async fn set_status(&self, id: &str, status: &str) {
        let path = format!("/certificates/{id}?newStatus={status}");
        let answer = self.call(Method::PUT, &path, json!({})).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }

    async fn policy(&self, method: Method, id: &str) {
        let path = format!("/target-policies/{}", Account::POLICY);
        let target = json!({ "target": arn(id) });
        let answer = self.call(method, &path, target).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }

    async fn thing(&self, method: Method, id: &str) {
        let url = format!("{}/things/a%3Ab/principals", self.lab.endpoint());
        let call = self
            .http
            .request(method, url)
            .header("x-amzn-principal", arn(id));
        assert_eq!(call.send().await.unwrap().status(), StatusCode::OK);
    }

    /// Status and error code of an attempt to delete.
    async fn delete(&self, id: &str) -> (u16, String) {
        let answer = self
            .call(Method::DELETE, &format!("/certificates/{id}"), json!({}))
            .await;
        let code = answer.headers().get("x-amzn-errortype");
        let code = code.map_or("", |code| code.to_str().unwrap()).to_owned();
        (answer.status().as_u16(), code)
    }
}

fn arn(id: &str) -> String {
    format!("arn:aws:iot:us-east-1:{}:cert/{id}", Account::NUMBER)
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn only_what_is_inactive_and_detached_can_be_deleted() {
    let lab = Lab::start().await;
    let rest = Rest::of(&lab);
    let id = rest.create().await;
    rest.call(Method::POST, "/things/a%3Ab", json!({})).await;
    rest.policy(Method::PUT, &id).await;
    rest.thing(Method::PUT, &id).await;
    rest.set_status(&id, "ACTIVE").await;
    let view = lab.account().certificates().remove(0);
    assert!(view.active && view.things.contains("a:b") && view.policies.contains(Account::POLICY));
    assert_eq!(
        rest.delete(&id).await,
        refused(406, "CertificateStateException")
    );
    rest.set_status(&id, "INACTIVE").await;
    assert_eq!(
        rest.delete(&id).await,
        refused(409, "DeleteConflictException")
    );
    rest.policy(Method::POST, &id).await;
    assert_eq!(
        rest.delete(&id).await,
        refused(409, "DeleteConflictException"),
        "attached to the Thing"
    );
    rest.thing(Method::DELETE, &id).await;
    rest.policy(Method::PUT, &id).await;
    assert_eq!(
        rest.delete(&id).await,
        refused(409, "DeleteConflictException"),
        "attached to the policy"
    );
    rest.policy(Method::POST, &id).await;
    assert_eq!(rest.delete(&id).await, refused(200, ""));
    assert_eq!(
        rest.delete(&id).await,
        refused(404, "ResourceNotFoundException")
    );
    assert_eq!(lab.account().created(), 1);
}

#[tokio::test]
async fn by_force_policies_go_along_but_things_do_not() {
    let lab = Lab::start().await;
    let rest = Rest::of(&lab);
    let id = rest.create().await;
    rest.call(Method::POST, "/things/a%3Ab", json!({})).await;
    rest.policy(Method::PUT, &id).await;
    rest.thing(Method::PUT, &id).await;
    let forced = format!("{id}?forceDelete=true");
    assert_eq!(
        rest.delete(&forced).await,
        refused(409, "DeleteConflictException")
    );
    rest.thing(Method::DELETE, &id).await;
    assert_eq!(rest.delete(&forced).await, refused(200, ""));
}

#[tokio::test]
async fn a_certificate_is_active_at_once_only_if_asked_for() {
    let lab = Lab::start().await;
    let rest = Rest::of(&lab);
    let csr = json!({ "certificateSigningRequest": sample::csr_pem() });
    for (query, active) in [
        ("", false),
        ("?setAsActive=false", false),
        ("?setAsActive=true", true),
    ] {
        rest.call(Method::POST, &format!("/certificates{query}"), csr.clone())
            .await;
        let made = lab.account().certificates().pop().unwrap();
        assert_eq!(made.active, active, "{query}");
        rest.call(
            Method::POST,
            &format!("/keys-and-certificate{query}"),
            json!({}),
        )
        .await;
        let made = lab.account().certificates().pop().unwrap();
        assert_eq!(made.active, active, "{query}");
    }
    assert_eq!(lab.account().created(), 6);
}

#[tokio::test]
async fn a_thing_may_be_made_again_only_as_it_is() {
    let lab = Lab::start().await;
    let rest = Rest::of(&lab);
    let make = async |color: &str| {
        let body = json!({ "attributePayload": { "attributes": { "color": color } } });
        rest.call(Method::POST, "/things/a%3Ab", body)
            .await
            .status()
    };
    assert_eq!(make("red").await, StatusCode::OK);
    assert_eq!(make("red").await, StatusCode::OK);
    assert_eq!(make("blue").await, StatusCode::CONFLICT);
    let told = rest.call(Method::GET, "/things/a%3Ab", json!({})).await;
    let told: Value = told.json().await.unwrap();
    assert_eq!(told["attributes"]["color"], "red");
    let join = async || {
        let body = json!({ "thingGroupName": "group", "thingName": "a:b" });
        let path = "/thing-groups/addThingToThingGroup";
        rest.call(Method::PUT, path, body).await.status()
    };
    assert_eq!(join().await, StatusCode::NOT_FOUND);
    lab.account().add_thing_group("group");
    assert_eq!(join().await, StatusCode::OK);
}

#[tokio::test]
async fn a_certificate_takes_ten_policies() {
    let lab = Lab::start().await;
    let rest = Rest::of(&lab);
    let id = rest.create().await;
    for (n, status) in (1..=11).map(|n| (n, if n > 10 { 410 } else { 200 })) {
        let name = format!("policy-{n}");
        lab.account().add_policy(&name);
        let target = json!({ "target": arn(&id) });
        let path = format!("/target-policies/{name}");
        let answer = rest.call(Method::PUT, &path, target).await;
        assert_eq!(answer.status().as_u16(), status, "{n}");
    }
    let path = format!("/attached-policies/{}", arn(&id).replace('/', "%2F"));
    let told: Value = rest
        .call(Method::POST, &path, json!({}))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(told["policies"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn what_is_no_signing_request_is_refused() {
    let lab = Lab::start().await;
    let csr = json!({ "certificateSigningRequest": "-----BEGIN CERTIFICATE REQUEST-----" });
    let answer = Rest::of(&lab)
        .call(Method::POST, "/certificates", csr)
        .await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        answer.headers()["x-amzn-errortype"],
        "InvalidRequestException"
    );
    assert_eq!(lab.account().created(), 0);
}

#[tokio::test]
async fn two_active_certificates_of_a_thing_are_never_forgotten() {
    let lab = Lab::start().await;
    let rest = Rest::of(&lab);
    rest.call(Method::POST, "/things/a%3Ab", json!({})).await;
    let ids = [rest.create().await, rest.create().await];
    for id in &ids {
        rest.thing(Method::PUT, id).await;
        rest.set_status(id, "ACTIVE").await;
        rest.set_status(id, "INACTIVE").await;
    }
    assert_eq!(lab.account().most_active_of_a_thing(), 1);
    for id in &ids {
        rest.set_status(id, "ACTIVE").await;
    }
    for id in &ids {
        rest.set_status(id, "INACTIVE").await;
    }
    assert_eq!(lab.account().most_active_of_a_thing(), 2);
}

#[tokio::test]
async fn certificates_are_listed_newest_first_and_by_page() {
    let lab = Lab::start().await;
    let rest = Rest::of(&lab);
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(rest.create().await);
    }
    let page = async |query: String| -> Value {
        let answer = rest
            .call(
                Method::GET,
                &format!("/certificates?pageSize=2{query}"),
                json!({}),
            )
            .await;
        answer.json().await.unwrap()
    };
    let first = page(String::new()).await;
    assert_eq!(first["certificates"][0]["certificateId"], made[2]);
    assert_eq!(first["certificates"][1]["certificateId"], made[1]);
    let marker = first["nextMarker"].as_str().unwrap();
    let second = page(format!("&marker={marker}")).await;
    assert_eq!(second["certificates"][0]["certificateId"], made[0]);
    assert_eq!(second.get("nextMarker"), None);
    let oldest = page("&isAscendingOrder=true".to_owned()).await;
    assert_eq!(oldest["certificates"][0]["certificateId"], made[0]);
    let marker = oldest["nextMarker"].as_str().unwrap();
    let newest = page(format!("&isAscendingOrder=true&marker={marker}")).await;
    assert_eq!(newest["certificates"][0]["certificateId"], made[2]);
}

#[tokio::test]
async fn a_certificate_can_be_made_to_look_old() {
    let lab = Lab::start().await;
    let rest = Rest::of(&lab);
    let id = rest.create().await;
    let created = async || -> f64 {
        let answer = rest
            .call(Method::GET, &format!("/certificates/{id}"), json!({}))
            .await;
        let answer: Value = answer.json().await.unwrap();
        answer["certificateDescription"]["creationDate"]
            .as_f64()
            .unwrap()
    };
    let before = created().await;
    lab.account().backdate_certificates(Duration::from_hours(1));
    assert!((before - created().await - 3600.0).abs() < 0.01);
}

fn issued(names: &CertificateRef) -> Issued {
    Issued {
        certificate_id: names.id.clone(),
        certificate_arn: names.arn.clone(),
        endpoint: String::new(),
        bundle: BundleRef {
            key: cvm_shared::ids::BundleKey::parse("b/x").unwrap(),
            sha256: "a".repeat(64),
        },
    }
}

/// Through the worker's own adapter and its own check of what came back.
#[tokio::test]
async fn certificates_carry_the_key_that_was_asked_for() {
    let lab = Lab::start().await;
    let issuer = lab.issuer();
    let csr = sample::csr();
    let made = issuer.create_from_csr(&csr).await.unwrap();
    let asked = KeySource::Device(csr);
    assert_eq!(cvm_worker::verify::verify(&made, &asked, None), Ok(()));
    let other = KeySource::Device(sample::csr());
    assert!(cvm_worker::verify::verify(&made, &other, None).is_err());
    let (made, key): (NewCertificate, _) = issuer.create_with_keys().await.unwrap();
    assert_eq!(
        cvm_worker::verify::verify(&made, &KeySource::Service, Some(&key)),
        Ok(())
    );
    let mut typed = sample::device("thing").binding;
    typed.thing_type = Some("sensor".to_owned().try_into().unwrap());
    assert_eq!(
        issuer.ensure_thing(&typed).await,
        Err(Failure::ThingConfigMissing)
    );
    lab.account().add_thing_type("sensor");
    issuer.ensure_thing(&typed).await.unwrap();
    issuer.attach(&issued(&made.names), &typed).await.unwrap();
}

#[tokio::test]
async fn a_bucket_lets_through_its_burst_and_then_its_rate() {
    let limit = Limit::per_second(20.0);
    let quotas = Quotas::unlimited().with(Api::DescribeEndpoint, Some(limit));
    let lab = Lab::with(Options {
        quotas,
        ..Options::default()
    })
    .await;
    let rest = Rest::of(&lab);
    let start = now();
    let (mut through, mut throttled) = (0_u32, 0_u32);
    while start.elapsed() < Duration::from_secs(2) {
        let path = "/endpoint?endpointType=iot:Data-ATS";
        let answer = rest.call(Method::GET, path, json!({})).await;
        match answer.status() {
            StatusCode::OK => through += 1,
            status => {
                assert_eq!(status, StatusCode::BAD_REQUEST);
                assert_eq!(answer.headers()["x-amzn-errortype"], "ThrottlingException");
                throttled += 1;
            }
        }
    }
    let allowed = 20.0 + 20.0 * start.elapsed().as_secs_f64();
    assert!(
        f64::from(through) <= allowed + 1.0,
        "{through} of {allowed}"
    );
    assert!(
        f64::from(through) >= allowed * 0.8,
        "{through} of {allowed}"
    );
    let usage = lab.account().usage(Api::DescribeEndpoint);
    assert_eq!(usage.calls, u64::from(through + throttled));
    assert_eq!(
        (usage.tokens, usage.throttled),
        (u64::from(through), u64::from(throttled))
    );
    assert!(usage.span() > Duration::from_millis(1500));
}

#[tokio::test]
async fn quotas_are_told_as_they_are_set() {
    let lab = Lab::with(Options {
        quotas: Quotas::aws_defaults().scaled(2.0),
        ..Options::default()
    })
    .await;
    let ask = async |code: &str| {
        let call = reqwest::Client::new().post(lab.endpoint());
        let call = call.header("x-amz-target", "ServiceQuotasV20190624.GetServiceQuota");
        call.json(&json!({ "ServiceCode": "iotcore", "QuotaCode": code }))
            .send()
            .await
            .unwrap()
    };
    let told: Value = ask("L-01BCDDCA").await.json().await.unwrap();
    assert_eq!(told["Quota"]["Value"], 30.0);
    let told = ask("L-00000000").await;
    assert_eq!(
        told.headers()["x-amzn-errortype"],
        "NoSuchResourceException"
    );
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_has_taken_effect() {
    let lab = Lab::with(Options {
        faults: FaultOptions {
            lose_response: 1.0,
            ..FaultOptions::default()
        },
        seed: 1,
        ..Options::default()
    })
    .await;
    let issuer = lab.issuer();
    let mut details = BTreeSet::new();
    for _ in 0..10 {
        let lost = issuer.create_from_csr(&sample::csr()).await;
        let Err(Failure::Unavailable { detail, .. }) = lost else {
            unreachable!("{lost:?}");
        };
        details.insert(detail);
    }
    assert_eq!(details.len(), 2, "cut connections and errors: {details:?}");
    assert_eq!(lab.account().created(), 10);
    lab.account().set_faults(FaultOptions::default());
    issuer.create_from_csr(&sample::csr()).await.unwrap();
}

/// Status and error code of a call to create, which must not have created anything.
async fn refused_create(faults: FaultOptions) -> (u16, String) {
    let lab = Lab::with(Options {
        faults,
        ..Options::default()
    })
    .await;
    let csr = json!({ "certificateSigningRequest": sample::csr_pem() });
    let answer = Rest::of(&lab)
        .call(Method::POST, "/certificates", csr)
        .await;
    assert_eq!(lab.account().created(), 0);
    assert_eq!(lab.account().calls()["CreateCertificateFromCsr"], 1);
    let code = answer.headers()["x-amzn-errortype"].to_str().unwrap();
    (answer.status().as_u16(), code.to_owned())
}

#[tokio::test]
async fn a_call_that_fails_or_is_throttled_has_no_effect() {
    let failed = refused_create(FaultOptions {
        fail: 1.0,
        ..FaultOptions::default()
    });
    let (status, code) = failed.await;
    assert!(status == 500 || status == 503, "{status} {code}");
    let throttled = refused_create(FaultOptions {
        throttle: 1.0,
        ..FaultOptions::default()
    });
    assert_eq!(throttled.await, refused(400, "ThrottlingException"));
}

#[tokio::test]
async fn a_stopped_stand_in_takes_no_more_connections() {
    let lab = Lab::start().await;
    let endpoint = lab.endpoint().to_owned();
    assert!(reqwest::get(&endpoint).await.is_ok());
    drop(lab);
    lab::wait(Duration::from_millis(200)).await;
    assert!(reqwest::get(&endpoint).await.is_err());
}

#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn now() -> Instant {
    Instant::now()
}
