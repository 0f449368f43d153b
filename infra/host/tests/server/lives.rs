//! Devices from their request to their certificate, over HTTPS, with nothing but MySQL and AWS IoT behind.

use std::time::Duration;

use cvm_device::auth::Auth;
use cvm_device::install::KeyMode;
use cvm_shared::entry::Entry;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_standin::Account;

use crate::lab::Lab;
use crate::lab::until;

/// The row is confirmed, its certificate the only one and ACTIVE, nothing is left over, and the trail leads to the row.
pub(crate) async fn is_served(lab: &Lab, serial: &str) {
    let row = lab.row(serial).await;
    let State::Vended {
        issued, delivery, ..
    } = &row.state
    else {
        panic!("{serial}: {:?}", row.state);
    };
    assert!(
        matches!(delivery, Delivery::Confirmed { .. }),
        "{delivery:?}"
    );
    let its: Vec<_> = lab.account().certificates().into_iter().collect();
    let its: Vec<_> = its
        .iter()
        .filter(|known| known.things.iter().any(|name| name == serial))
        .collect();
    assert_eq!(its.len(), 1);
    assert!(its[0].active && its[0].id == issued.certificate_id.as_str());
    let last = Entry::of(&row).unwrap();
    let text = "SELECT trailHead FROM cvm_trails WHERE productid = ? ORDER BY place DESC LIMIT 1";
    let head = sqlx::query_scalar::<_, String>(text).bind(serial);
    let head = head.fetch_one(lab.database.pool()).await.unwrap();
    assert_eq!(head, last.head.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_database_alone() {
    let lab = Lab::start().await;
    let server = lab.server("a").await;
    for (serial, mode, auth, inline) in [
        ("SN-csr", KeyMode::Csr, Auth::Proof, false),
        ("SN-keys", KeyMode::Keys, Auth::Token, false),
        ("SN-inline", KeyMode::Csr, Auth::Proof, true),
    ] {
        lab.import(serial).await;
        let mut config = lab.device(&server.url(), serial, mode);
        (config.auth, config.inline) = (auth, inline);
        let vended = lab.vend(&config).await.unwrap();
        assert_eq!(vended.device.thing_name.as_str(), serial);
        is_served(&lab, serial).await;
    }
    assert_eq!(lab.count("cvm_bundles").await, 0, "shredded");
    let empty = until(Duration::from_secs(5), async || {
        lab.count("cvm_orders").await == 0
    });
    assert!(empty.await);
    assert_eq!(lab.count("cvm_dead_letters").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_queue_and_a_bucket_of_awss() {
    let lab = Lab::start().await;
    let options = lab
        .options("a")
        .set("queue", "sqs")
        .set("queue_url", lab.account().queue_url())
        .set(
            "dead_letter_queue_url",
            lab.account().dead_letter_queue_url(),
        )
        .set("vault", "s3")
        .set("bucket", Account::BUCKET)
        .set("kms_key_arn", Account::KEY_ARN);
    let server = cvm_local::host::HostServer::start(&options).await.unwrap();
    lab.import("SN-1").await;
    let config = lab.device(&server.url(), "SN-1", KeyMode::Csr);
    lab.vend(&config).await.unwrap();
    is_served(&lab, "SN-1").await;
    assert_eq!(
        lab.count("cvm_orders").await + lab.count("cvm_bundles").await,
        0
    );
    assert_eq!(lab.account().objects(), 0, "shredded");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_each_role_in_a_process_of_its_own() {
    let lab = Lab::start().await;
    let start = async |role: &str| {
        let options = lab.options(role).set("roles", role);
        cvm_local::host::HostServer::start(&options).await.unwrap()
    };
    let door = start("door").await;
    lab.import("SN-1").await;
    let mut config = lab.device(&door.url(), "SN-1", KeyMode::Csr);
    config.timeout = Duration::from_secs(3);
    lab.vend(&config).await.unwrap_err();
    assert_eq!(
        lab.count("cvm_orders").await,
        1,
        "accepted, and nobody works"
    );
    let _worker = start("worker").await;
    config.timeout = Duration::from_secs(30);
    lab.vend(&config).await.unwrap();
    is_served(&lab, "SN-1").await;
}

/// The client of the published Express server posts a form and has its answer in the same call.
#[tokio::test(flavor = "multi_thread")]
async fn published_machines_are_answered_if_that_is_switched_on() {
    let lab = Lab::start().await;
    let options = lab.options("a").set("legacy_api", "on");
    let server = cvm_local::host::HostServer::start(&options).await.unwrap();
    let client = lab.client();
    for serial in ["SN-form", "SN-query"] {
        lab.import(serial).await;
    }
    let token = cvm_testkit::sample::TOKEN;
    let form = format!("seriaNum=SN-form&accessToken={token}");
    let posted = client.post(format!("{}/", server.url())).body(form);
    let posted = posted.header("content-type", "application/x-www-form-urlencoded");
    let answer = posted.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(text.contains("-----BEGIN CERTIFICATE-----"), "{text}");
    let query = format!("serialNumber=SN-query&deviceToken={token}");
    let answer = client
        .get(format!("{}/getcert?{query}", server.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(text.contains("PRIVATE KEY"), "{text}");
    assert!(!server.log().contains(token), "no token in the log");
}
