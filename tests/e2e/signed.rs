//! An API that asks for an AWS signature itself (`ApiAuth=AWS_IAM`), as the China regions may: nobody without one comes to
//! the door, and beside one the device's own header has another name.

use std::sync::Arc;
use std::time::Duration;

use cvm_local::iot::signature;
use cvm_testkit::sample;
use reqwest::Method;
use reqwest::Response;
use reqwest::StatusCode;
use serde_json::Value;
use serde_json::json;

use crate::lab::Lab;

const SERIAL: &str = "E2E-signed";

pub(crate) async fn an_api_that_wants_signatures_serves_who_signs() {
    let lab = Lab::with(&[("ApiAuth", "AWS_IAM"), ("IotCallsPerSecond", "50")]).await;
    lab.put(&lab.device(SERIAL)).await;
    let csr = sample::csr_pem_of(SERIAL);
    let unsigned = lab.submit(SERIAL, sample::TOKEN, Some(&csr)).await;
    assert_eq!(unsigned.status(), StatusCode::FORBIDDEN);
    let body = json!({ "csr": csr }).to_string();
    let accepted = signed(&lab, Method::POST, "/v1/certificates", &body).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let place = accepted.headers()["location"].to_str().unwrap().to_owned();
    lab.vended(SERIAL, Duration::from_mins(1)).await;
    let shown = signed(&lab, Method::GET, &place, "").await;
    assert_eq!(shown.status(), StatusCode::OK);
    let shown: Value = serde_json::from_str(&shown.text().await.unwrap()).unwrap();
    assert!(shown["bundle"]["url"].is_string());
    Lab::stop(Arc::new(lab)).await;
}

/// A call that is signed, and shows the device's token beside the signature.
async fn signed(lab: &Lab, method: Method, path: &str, body: &str) -> Response {
    let url = lab.url(path);
    let token = sample::TOKEN;
    let mut call = lab.http.request(method.clone(), &url);
    for (name, value) in signature("execute-api", &method, &url, body).unwrap() {
        call = call.header(name, value);
    }
    let shown = format!("CVM1-TOKEN serial=\"{SERIAL}\",token=\"{token}\"");
    call = call.header("cvm1-authorization", shown);
    call = call.header("content-type", "application/json");
    call.body(body.to_owned()).send().await.unwrap()
}
