//! The way in: what is refused, what is told to the operator's network, and a certificate that changes.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use cvm_device::install::KeyMode;
use cvm_local::host::Authority;
use reqwest::StatusCode;

use crate::lab::Lab;
use crate::lab::until;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_door_refuses_is_refused_here_too() {
    let lab = Lab::start().await;
    let server = lab.server("a").await;
    let (client, url) = (lab.client(), server.url());
    let status = async |call: reqwest::RequestBuilder| call.send().await.unwrap().status();
    let submit = format!("{url}/v1/certificates");
    let large = client
        .post(&submit)
        .header("content-type", "application/json")
        .body("x".repeat(17 * 1024));
    assert_eq!(status(large).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        status(client.get(format!("{url}/v1/nonce?x=1"))).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        status(client.get(format!("{url}/v1/certificate"))).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        status(client.get(format!("{url}/getcert?deviceToken=x"))).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        status(client.delete(&submit)).await,
        StatusCode::METHOD_NOT_ALLOWED
    );
    for link in [
        "/bundles/b/x?until=9999999999999&proof=00",
        "/bundles/b/x",
        "/bundles/",
    ] {
        assert_eq!(
            status(client.get(format!("{url}{link}"))).await,
            StatusCode::FORBIDDEN
        );
    }
    let posted = client.post(format!("{url}/bundles/b/x"));
    assert_eq!(status(posted).await, StatusCode::METHOD_NOT_ALLOWED);
    let nonce = client.get(format!("{url}/v1/nonce")).send().await.unwrap();
    assert_eq!(nonce.headers()["cache-control"], "no-store");
    assert!(nonce.headers().contains_key("strict-transport-security"));
    // The admin's endpoints are not among the devices'.
    for path in ["/healthz", "/readyz", "/metrics", "/sweep"] {
        assert_eq!(
            status(client.get(format!("{url}{path}"))).await,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

/// Who says nothing, or never ends its header, does not keep its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_let_go() {
    let lab = Lab::start().await;
    let mut options = lab.options("a").set("connections", 10);
    options.tls = None;
    let server = cvm_local::host::HostServer::start(&options).await.unwrap();
    let (port, _) = server.ports();
    let idle: Vec<_> = (0..10)
        .map(|n| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            if n % 2 == 0 {
                stream
                    .write_all(b"GET /v1/nonce HTTP/1.1\r\nhost: x\r\nx: ")
                    .unwrap();
            }
            stream
        })
        .collect();
    let client = reqwest::Client::new();
    let asked = client
        .get(format!("{}/v1/nonce", server.url()))
        .timeout(Duration::from_secs(20));
    assert_eq!(asked.send().await.unwrap().status(), 200, "its turn comes");
    for mut stream in idle {
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(ended.is_ok(), "still open: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_network_sees_health_and_metrics() {
    let lab = Lab::start().await;
    let server = lab.server("a").await;
    let get = async |path: &str| reqwest::get(server.admin(path)).await.unwrap();
    assert_eq!(get("/healthz").await.text().await.unwrap(), "alive\n");
    assert_eq!(get("/readyz").await.status(), 200);
    lab.import("SN-1").await;
    lab.vend(&lab.device(&server.url(), "SN-1", KeyMode::Csr))
        .await
        .unwrap();
    let mut config = lab.device(&server.url(), "SN-2", KeyMode::Csr);
    config.timeout = Duration::from_secs(1);
    lab.vend(&config).await.unwrap_err();
    let text = get("/metrics").await.text().await.unwrap();
    for line in [
        "# TYPE cvm_accepted_total counter",
        "cvm_accepted_total 1",
        "cvm_issued_total 1",
        "cvm_failed_total 0",
        "cvm_issue_seconds_count 1",
        "cvm_queue_depth 0",
        "cvm_dead_letters 0",
        "cvm_oldest_request_seconds 0",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line} in\n{text}");
    }
    assert!(
        text.contains("cvm_unauthorized_total") && !text.contains("cvm_unauthorized_total 0\n")
    );
    for line in server.log().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["timestamp"].is_string() && line["level"].is_string(),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_without_a_new_start() {
    let lab = Lab::start().await;
    let server = lab.server("a").await;
    let url = format!("{}/v1/nonce", server.url());
    assert!(lab.client().get(&url).send().await.is_ok());
    // Half of a pair first: the old one goes on.
    std::fs::write(&lab.authority.certificate, "-----BEGIN").unwrap();
    let told = until(Duration::from_secs(20), async || {
        server.log().contains("cannot be used")
    });
    assert!(told.await);
    assert!(lab.client().get(&url).send().await.is_ok());
    let fresh = Authority::fresh(lab.dir()).unwrap();
    let ca = reqwest::Certificate::from_pem(fresh.ca_pem.as_bytes()).unwrap();
    let shown = until(Duration::from_secs(25), async || {
        let client = reqwest::Client::builder().tls_certs_merge([ca.clone()]);
        client.build().unwrap().get(&url).send().await.is_ok()
    });
    assert!(shown.await);
    assert!(
        lab.client().get(&url).send().await.is_err(),
        "the old one is gone"
    );
}
