//! Runs of a device that proves its secret: by its clock, by a server's nonce, and against a server
//! or a wire that lies.

use std::time::Duration;

use cvm_device::Auth;
use cvm_device::Error;
use cvm_device::Vended;
use cvm_device::install::KeyMode;
use cvm_shared::time::UnixMillis;

use crate::Bench;
use crate::MODES;
use crate::server::Fault;
use crate::server::now;

async fn bench(key_mode: KeyMode, auth: Auth) -> Bench {
    let mut bench = Bench::new(key_mode).await;
    bench.config.auth = auth;
    bench.server.book.lock().unwrap().proof_only = true;
    bench
}

async fn vend(bench: &Bench) -> Result<Vended, Error> {
    cvm_device::vend(&bench.config, &now, &|_| ()).await
}

#[tokio::test]
async fn a_whole_run_in_both_modes_without_showing_the_secret() {
    for mode in MODES {
        for inline in [false, true] {
            let mut bench = bench(mode, Auth::Proof).await;
            bench.config.inline = inline;
            let vended = vend(&bench).await.unwrap();
            bench.assert_usable();
            assert!(vended.ready_after.is_some());
            let mut way = vec!["submit", "poll", "poll", "fetch", "roots", "confirm"];
            way.retain(|step| !inline || *step != "fetch");
            assert_eq!(bench.server.log(), way);
        }
    }
}

#[tokio::test]
async fn a_wrong_clock_costs_one_refusal_and_then_the_servers_nonces_are_used() {
    let bench = bench(KeyMode::Csr, Auth::Proof).await;
    let slow = || now().minus(Duration::from_hours(1));
    let vended = cvm_device::vend(&bench.config, &slow, &|_| ()).await;
    vended.unwrap();
    bench.assert_usable();
    let way = [
        "submit", "submit", "nonce", "poll", "nonce", "poll", "fetch",
    ];
    assert_eq!(bench.server.log()[..7], way);
}

#[tokio::test]
async fn a_device_without_a_clock_asks_for_a_nonce_first() {
    let bench = bench(KeyMode::Csr, Auth::Nonce).await;
    // Its clock serves the certificate's validity alone.
    let vended = cvm_device::vend(&bench.config, &|| UnixMillis(1_767_225_600_000), &|_| ()).await;
    vended.unwrap();
    let way = ["nonce", "submit", "nonce", "poll", "nonce", "poll"];
    assert_eq!(bench.server.log()[..6], way);
}

#[tokio::test]
async fn a_nonce_that_lay_too_long_is_replaced_once() {
    let bench = bench(KeyMode::Csr, Auth::Nonce).await;
    bench.server.book.lock().unwrap().stale_nonces = 1;
    vend(&bench).await.unwrap();
    assert_eq!(bench.server.log()[..3], ["nonce", "submit", "submit"]);
    let bench = self::bench(KeyMode::Csr, Auth::Nonce).await;
    bench.server.book.lock().unwrap().stale_nonces = 9;
    let error = vend(&bench).await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("bad_nonce", 1));
    assert_eq!(bench.server.log(), ["nonce", "submit", "submit"]);
}

#[tokio::test]
async fn a_server_without_nonces_is_no_use_and_a_busy_one_is_waited_for() {
    let bench = bench(KeyMode::Csr, Auth::Nonce).await;
    bench.server.order("nonce", Fault::Status(404, None));
    let error = vend(&bench).await.unwrap_err();
    assert_eq!(error.code(), "bad_answer");
    bench.server.order("nonce", Fault::Status(503, Some(0)));
    vend(&bench).await.unwrap();
    bench.assert_usable();
}

#[tokio::test]
async fn an_answer_that_was_changed_or_is_not_proven_is_not_believed() {
    let faults = [Fault::Changed, Fault::Restated(200), Fault::Unproven];
    for fault in faults {
        for kind in ["submit", "poll"] {
            if (kind, fault) == ("poll", Fault::Restated(200)) {
                continue; // The second poll is a 200 already.
            }
            let bench = bench(KeyMode::Csr, Auth::Proof).await;
            bench.server.order(kind, fault);
            let error = vend(&bench).await.unwrap_err();
            assert_eq!(error.code(), "unproven_answer", "{kind} {fault:?}");
            assert_eq!(error.exit_code(), 1);
            assert!(!bench.has("device.json"));
            // Nothing is lost: the same device goes on once its own server answers.
            vend(&bench).await.unwrap();
            bench.assert_usable();
        }
    }
}

#[tokio::test]
async fn a_confirmation_or_an_end_that_is_not_proven_is_none() {
    for fault in [
        Fault::Unproven,
        Fault::Status(410, None),
        Fault::Status(409, None),
    ] {
        let bench = bench(KeyMode::Csr, Auth::Proof).await;
        bench.server.order("confirm", fault);
        let error = vend(&bench).await.unwrap_err();
        assert_eq!(error.code(), "unproven_answer", "{fault:?}");
        assert!(bench.has("pending.json"), "{fault:?}");
        vend(&bench).await.unwrap();
        bench.assert_usable();
    }
}

#[tokio::test]
async fn a_server_by_another_name_needs_its_audience() {
    let mut bench = bench(KeyMode::Csr, Auth::Proof).await;
    bench.config.audience = Some("cvm.example".to_owned());
    assert_eq!(vend(&bench).await.unwrap_err().code(), "unauthorized");
    bench.config.audience = bench.server.url.strip_prefix("http://").map(str::to_owned);
    vend(&bench).await.unwrap();
    bench.config.audience = Some("a\nb".to_owned());
    assert_eq!(vend(&bench).await.unwrap_err().exit_code(), 2);
}

#[tokio::test]
async fn a_key_in_clear_is_taken_from_the_answer_and_not_from_a_link() {
    let mut bench = bench(KeyMode::Keys, Auth::Proof).await;
    bench.server.book.lock().unwrap().in_clear = true;
    assert_eq!(vend(&bench).await.unwrap_err().code(), "bad_bundle");
    assert!(!bench.has("private.key") && !bench.server.confirmed());
    bench.config.inline = true;
    vend(&bench).await.unwrap();
    bench.assert_usable();
}

#[tokio::test]
async fn a_device_that_must_prove_is_refused_its_token() {
    let bench = bench(KeyMode::Csr, Auth::Token).await;
    assert_eq!(vend(&bench).await.unwrap_err().code(), "unauthorized");
}
