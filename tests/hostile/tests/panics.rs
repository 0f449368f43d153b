//! Panics at every call of a life in keys mode: what they say and what is logged around them holds no secret.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;

use cvm_hostile::evidence::Kind;
use cvm_hostile::evidence::Place;
use cvm_hostile::evidence::Secret;
use cvm_hostile::evidence::judge;
use cvm_hostile::forms::pem_lines;
use cvm_shared::api::StatusView;
use cvm_shared::bundle::Bundle;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::open;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::proofs::prover;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use cvm_testkit::site::confirmation;
use cvm_testkit::site::poll;
use cvm_testkit::site::submission;
use futures_util::FutureExt as _;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// All that was logged or said in a panic, by anybody in this process.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything at TRACE, whoever says it: more than any setting of the functions lets through.
static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let page = Page::default();
    let writer = page.clone();
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(move || writer.clone());
    let all = Targets::new().with_default(Level::TRACE);
    let _another_first = tracing_subscriber::registry()
        .with(all)
        .with(lines)
        .try_init();
    let said = page.clone();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        before(info);
        said.0
            .lock()
            .unwrap()
            .extend(format!("{info} {info:?}\n").bytes());
    }));
    page
});

/// A life with this fault in it, and again without; the keys that the device got.
async fn live(site: &Site) -> Vec<String> {
    let mut keys = Vec::new();
    for _ in 0..3 {
        let submitted = submission("SN-1", sample::TOKEN, None);
        let asked = AssertUnwindSafe(site.ask(submitted)).catch_unwind();
        let id = match asked.await {
            Ok(Some(answer)) => serde_json::from_str::<StatusView>(&answer.body).ok(),
            Ok(None) | Err(_) => None,
        };
        let _panicked = AssertUnwindSafe(site.settle(30)).catch_unwind().await;
        keys.extend(staged_key(site));
        let Some(view) = id else { continue };
        for request in [
            poll(view.request_id.as_str()),
            confirmation(view.request_id.as_str()),
        ] {
            let _panicked = AssertUnwindSafe(site.ask(request)).catch_unwind().await;
        }
    }
    keys
}

/// The private key in the bundle that the row names.
fn staged_key(site: &Site) -> Option<String> {
    let row = site.world.registry.row(&sample::serial("SN-1"))?;
    let issued = row.state.issued()?;
    let names = SealedFor {
        serial: &row.serial,
        request: row.state.request_id()?,
        certificate: &issued.certificate_id,
    };
    let sealed = site.world.vault.open(&issued.bundle.key)?;
    let opened = open(prover("SN-1").server_key(), &names, &sealed).ok()?;
    Some(
        Bundle::decode(&opened)
            .ok()?
            .private_key?
            .expose()
            .to_owned(),
    )
}

#[tokio::test]
async fn b91_panics_and_logs_hold_no_secret() {
    let page = PAGE.clone();
    let quiet = Site::new(Faults::default());
    let mut keys = Box::pin(live(&quiet)).await;
    assert!(!keys.is_empty());
    let calls = quiet.faults.calls().len();
    for number in 0..calls {
        let site = Site::new(Faults::at(number, Fault::Panic));
        keys.extend(Box::pin(live(&site)).await);
    }
    let content = page.0.lock().unwrap().clone();
    let text = String::from_utf8_lossy(&content).into_owned();
    assert!(text.matches("panicked").count() >= calls, "{text:.2000}");
    assert!(text.contains("accepted") && !text.contains("PRIVATE KEY"));
    let mut secrets = vec![Secret::new("token", sample::TOKEN.as_bytes(), &[], &[])];
    secrets.push(Secret::new(
        "server key",
        prover("SN-1").server_key(),
        &[],
        &[],
    ));
    let lines = keys.iter().flat_map(|key| pem_lines(key));
    secrets.extend(lines.map(|line| Secret::new("a private key", line.as_bytes(), &[], &[])));
    let place = Place {
        kind: Kind::Log,
        name: "process".to_owned(),
        content,
    };
    let faults = judge(&secrets, &[place]);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
