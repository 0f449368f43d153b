//! Whole runs against a server with faults to order: both modes, and a cut at every step.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod cli;
mod conform;
mod door;
mod http;
mod proof;
mod server;
mod shell;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cvm_device::Error;
use cvm_device::VendConfig;
use cvm_device::Vended;
use cvm_device::identity::public_half;
use cvm_device::install::KeyMode;
use cvm_device::vend::Outcome;
use cvm_device::vend::Progress;
use cvm_device::verify::Chain;
use cvm_shared::ids::SerialNumber;
use cvm_shared::secret::DeviceToken;
use cvm_shared::secret::PrivateKeyPem;
use cvm_shared::time::UnixMillis;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::Instant;
use x509_parser::pem::Pem;

use server::Fault;
use server::KINDS;
use server::SERIAL;
use server::Server;
use server::TOKEN;

const NOW: UnixMillis = UnixMillis(1_767_225_600_000);
const MODES: [KeyMode; 2] = [KeyMode::Csr, KeyMode::Keys];

struct Bench {
    server: Arc<Server>,
    config: VendConfig,
    _temp: tempfile::TempDir,
}

impl Bench {
    async fn new(key_mode: KeyMode) -> Self {
        let server = Server::start().await;
        let temp = tempfile::tempdir().unwrap();
        let serial = SerialNumber::parse(SERIAL).unwrap();
        let token = DeviceToken::parse(TOKEN).unwrap();
        let dir = temp.path().join("device");
        let mut config = VendConfig::new(&server.url, serial, token, dir);
        config.key_mode = key_mode;
        config.retry_base = Duration::from_millis(5);
        config.timeout = Duration::from_secs(20);
        Self {
            server,
            config,
            _temp: temp,
        }
    }

    async fn vend(&self) -> Result<Vended, Error> {
        cvm_device::vend(&self.config, &|| NOW, &|_| ()).await
    }

    /// A run that is dropped as soon as the server hangs.
    async fn cut(&self) {
        tokio::select! {
            ended = self.vend() => panic!("not cut: {ended:?}"),
            () = self.server.hung.notified() => (),
        }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.config.dir.join(name)).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.config.dir.join(name).exists()
    }

    /// Key and certificate belong together, nothing is pending, and one certificate was issued.
    fn assert_usable(&self) {
        let certificate = self.read("certificate.pem");
        let block = Pem::iter_from_buffer(certificate.as_bytes()).next();
        let block = block.unwrap().unwrap();
        let key = PrivateKeyPem::new(self.read("private.key"));
        let spki = block.parse_x509().unwrap().public_key().raw.to_vec();
        assert_eq!(public_half(&key).unwrap(), spki);
        assert_eq!(self.read("ca.pem"), self.server.ca_pem);
        assert!(!self.has("pending.json") && !self.has("pending.key"));
        assert!(self.server.confirmed());
        assert_eq!(self.server.issued(), 1);
    }
}

#[tokio::test]
async fn a_whole_run_in_both_modes() {
    for mode in MODES {
        let bench = Bench::new(mode).await;
        bench.server.book.lock().unwrap().wait_seconds = 1;
        let started = Instant::now();
        let vended = bench.vend().await.unwrap();
        bench.assert_usable();
        assert_eq!(vended.outcome, Outcome::Installed);
        assert_eq!(vended.chain, Some(Chain::Verified));
        assert_eq!(vended.polls, 2);
        assert_eq!(vended.device.thing_name.as_str(), "thing-1");
        assert_eq!(vended.device.key_mode, mode);
        // Retry-After of the first poll, and the shortest wait after the submission.
        let waited = Duration::from_millis(1_200);
        assert!(started.elapsed() >= waited && vended.ready_after.unwrap() >= waited);
        let way = ["submit", "poll", "poll", "fetch", "roots", "confirm"];
        assert_eq!(bench.server.log(), way);
    }
}

#[tokio::test]
async fn a_second_run_says_so_and_sends_nothing() {
    let bench = Bench::new(KeyMode::Csr).await;
    let first = bench.vend().await.unwrap();
    bench.server.log();
    let second = bench.vend().await.unwrap();
    assert_eq!(second.outcome, Outcome::AlreadyDone);
    assert_eq!(second.device, first.device);
    assert!(bench.server.log().is_empty());
}

#[tokio::test]
async fn a_run_cut_at_any_request_goes_on_to_one_certificate() {
    let mut cases = tokio::task::JoinSet::new();
    for mode in MODES {
        for kind in KINDS {
            cases.spawn(cut_and_go_on(mode, kind, Fault::HangBefore));
            cases.spawn(cut_and_go_on(mode, kind, Fault::HangAfter));
        }
    }
    assert_eq!(cases.join_all().await.len(), 20);
}

async fn cut_and_go_on(mode: KeyMode, kind: &'static str, fault: Fault) {
    let bench = Bench::new(mode).await;
    bench.server.order(kind, fault);
    bench.cut().await;
    let key = bench.has("pending.key").then(|| bench.read("pending.key"));
    assert_eq!(key.is_some(), mode == KeyMode::Csr, "{kind} {fault:?}");
    let vended = bench.vend().await.unwrap();
    let expected = if kind == "confirm" {
        Outcome::Confirmed
    } else {
        Outcome::Installed
    };
    assert_eq!(vended.outcome, expected, "{mode:?} {kind} {fault:?}");
    bench.assert_usable();
    if let Some(key) = key {
        assert_eq!(bench.read("private.key"), key);
    }
}

#[tokio::test]
async fn a_busy_or_broken_server_costs_a_retry_and_no_more() {
    let mut cases = tokio::task::JoinSet::new();
    for kind in KINDS {
        cases.spawn(async move {
            let bench = Bench::new(KeyMode::Csr).await;
            bench.server.order(kind, Fault::Status(503, Some(0)));
            bench.server.order(kind, Fault::Close);
            bench.server.order(kind, Fault::Status(500, None));
            let vended = bench.vend().await.unwrap();
            assert_eq!(vended.outcome, Outcome::Installed, "{kind}");
            bench.assert_usable();
        });
    }
    assert_eq!(cases.join_all().await.len(), KINDS.len());
}

#[tokio::test]
async fn an_expired_link_is_replaced() {
    let bench = Bench::new(KeyMode::Keys).await;
    bench.server.order("fetch", Fault::Status(403, None));
    bench.vend().await.unwrap();
    bench.assert_usable();
    let way = ["submit", "poll", "poll", "fetch", "poll", "fetch", "roots"];
    assert_eq!(bench.server.log()[..7], way);
}

#[tokio::test]
async fn a_failed_request_is_submitted_anew() {
    let bench = Bench::new(KeyMode::Csr).await;
    bench.server.order("poll", Fault::Failed(true));
    bench.vend().await.unwrap();
    bench.assert_usable();
    assert_eq!(bench.server.log()[..3], ["submit", "poll", "submit"]);
}

#[tokio::test]
async fn a_failure_for_good_and_a_refusal_install_nothing() {
    let table = [
        (Fault::Failed(false), "policy_missing", 1),
        (Fault::Status(401, None), "http_401", 1),
        (Fault::Status(302, None), "http_302", 1),
    ];
    for (fault, code, exit_code) in table {
        let bench = Bench::new(KeyMode::Csr).await;
        bench.server.order("submit", fault);
        let error = bench.vend().await.unwrap_err();
        assert_eq!((error.code(), error.exit_code()), (code, exit_code));
        assert!(!bench.has("device.json"));
    }
}

#[tokio::test]
async fn a_changed_bundle_is_not_installed_and_the_next_run_gets_the_good_one() {
    let bench = Bench::new(KeyMode::Keys).await;
    bench.server.order("fetch", Fault::Changed);
    let error = bench.vend().await.unwrap_err();
    assert_eq!(error.code(), "bad_bundle");
    assert!(!bench.has("private.key") && !bench.server.confirmed());
    bench.vend().await.unwrap();
    bench.assert_usable();
}

#[tokio::test]
async fn a_confirmation_that_comes_too_late_is_one() {
    let bench = Bench::new(KeyMode::Csr).await;
    bench.server.order("confirm", Fault::HangAfter);
    bench.cut().await;
    bench.server.order("confirm", Fault::Status(410, None));
    let vended = bench.vend().await.unwrap();
    assert_eq!(vended.outcome, Outcome::Confirmed);
    assert!(!bench.has("pending.json"));
}

#[tokio::test]
async fn a_device_whose_certificate_went_elsewhere_is_told_so() {
    let bench = Bench::new(KeyMode::Csr).await;
    bench.vend().await.unwrap();
    std::fs::remove_dir_all(&bench.config.dir).unwrap();
    let error = bench.vend().await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("already_confirmed", 1));
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_begun() {
    let bench = Bench::new(KeyMode::Csr).await;
    bench.server.order("submit", Fault::Status(429, Some(3600)));
    let error = bench.vend().await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert_eq!(
        error.to_string(),
        "not finished: the server cannot submit now (HTTP 429); try again in 3600 s"
    );
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_at_the_deadline() {
    let mut bench = Bench::new(KeyMode::Csr).await;
    bench.config.timeout = Duration::from_millis(300);
    bench.server.order("submit", Fault::HangBefore);
    assert_eq!(bench.vend().await.unwrap_err().exit_code(), 3);
}

#[tokio::test]
async fn what_is_no_tls_is_told_at_once() {
    let mut bench = Bench::new(KeyMode::Csr).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    bench.config.endpoint = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let error = bench.vend().await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let text = error.to_string();
    assert!(text.contains("no trusted connection"), "{text}");
}

#[tokio::test]
async fn a_directory_stays_with_its_device_and_its_mode() {
    let mut bench = Bench::new(KeyMode::Csr).await;
    bench.server.order("poll", Fault::HangBefore);
    bench.cut().await;
    bench.config.key_mode = KeyMode::Keys;
    assert_eq!(bench.vend().await.unwrap_err().exit_code(), 2);
    bench.config.key_mode = KeyMode::Csr;
    bench.config.serial = SerialNumber::parse("SN-2").unwrap();
    assert_eq!(bench.vend().await.unwrap_err().exit_code(), 2);
    bench.config.serial = SerialNumber::parse(SERIAL).unwrap();
    bench.vend().await.unwrap();
    bench.config.serial = SerialNumber::parse("SN-2").unwrap();
    assert_eq!(bench.vend().await.unwrap_err().exit_code(), 2);
}

#[tokio::test]
async fn who_listens_hears_the_way_and_no_secret() {
    let bench = Bench::new(KeyMode::Keys).await;
    let heard = std::sync::Mutex::new(Vec::new());
    let listener = |progress: Progress| heard.lock().unwrap().push(progress.to_string());
    let vended = cvm_device::vend(&bench.config, &|| NOW, &listener).await;
    let text = format!("{vended:?} {:?}", heard.lock().unwrap());
    assert!(text.contains("accepted as request"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!text.contains("PRIVATE KEY"), "{text}");
}

#[tokio::test]
async fn many_devices_run_in_one_process() {
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        runs.spawn(async {
            let bench = Bench::new(KeyMode::Csr).await;
            bench.vend().await.unwrap();
            bench.assert_usable();
        });
    }
    assert_eq!(runs.join_all().await.len(), 8);
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
