//! The command line: exit codes, one line, no secret.

use std::process::Output;

use cvm_device::install::KeyMode;
use tokio::process::Command;

use crate::Bench;
use crate::server::Fault;
use crate::server::SERIAL;
use crate::server::TOKEN;
use crate::write;

/// Runs `cvm-device vend` as the bench has it, with the secret in the environment.
async fn run(bench: &Bench, more: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_cvm-device"))
        .args(["vend", "--endpoint", &bench.config.endpoint])
        .args(["--serial", SERIAL, "--dir"])
        .arg(&bench.config.dir)
        .args(more)
        .env("CVM_DEVICE_SECRET", TOKEN)
        .output()
        .await
        .unwrap();
    let text = format!("{output:?}");
    assert!(!text.contains(TOKEN), "{text}");
    output
}

#[tokio::test]
async fn done_is_0_and_one_object() {
    let bench = Bench::new(KeyMode::Keys).await;
    let output = run(&bench, &["--keys-mode", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty());
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["outcome"], "installed");
    assert_eq!(object["keyMode"], "keys");
    assert_eq!(object["issuerVerified"], true);
    let again = run(&bench, &["--keys-mode"]).await;
    assert_eq!(again.status.code(), Some(0));
    let text = String::from_utf8(again.stdout).unwrap();
    assert!(
        text.contains("was installed and confirmed before"),
        "{text}"
    );
}

#[tokio::test]
async fn refused_is_1_and_one_line() {
    let bench = Bench::new(KeyMode::Csr).await;
    bench.server.order("submit", Fault::Status(401, None));
    let output = run(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let expected = "cvm-device: the server refused to submit: http_401 (HTTP 401)\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
}

#[tokio::test]
async fn usage_is_2() {
    let bench = Bench::new(KeyMode::Csr).await;
    let secret = bench.config.dir.with_extension("secret");
    write(&secret, "two words\n");
    let file = secret.to_str().unwrap();
    for more in [
        &["--no-such"][..],
        &["--secret-file", "/no/such"],
        &["--secret-file", file],
    ] {
        assert_eq!(run(&bench, more).await.status.code(), Some(2), "{more:?}");
    }
    assert!(bench.server.log().is_empty());
}

#[tokio::test]
async fn the_secret_may_come_from_a_file() {
    let bench = Bench::new(KeyMode::Csr).await;
    let secret = bench.config.dir.with_extension("secret");
    write(&secret, &format!("{TOKEN}\r\n"));
    let output = run(&bench, &["--secret-file", secret.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn later_is_3_and_says_when() {
    let bench = Bench::new(KeyMode::Csr).await;
    bench.server.order("submit", Fault::Status(503, Some(900)));
    let output = run(&bench, &["--json"]).await;
    assert_eq!(output.status.code(), Some(3));
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["error"], "later");
    assert_eq!(object["exitCode"], 3);
}

#[tokio::test]
async fn a_secret_among_the_arguments_is_refused_and_not_repeated() {
    let bench = Bench::new(KeyMode::Csr).await;
    for more in [&["--secret", "hunter3"][..], &["--secret=hunter3"]] {
        let output = run(&bench, more).await;
        assert_eq!(output.status.code(), Some(2), "{more:?}");
        assert!(!format!("{output:?}").contains("hunter3"), "{output:?}");
    }
    assert!(bench.server.log().is_empty());
}

#[tokio::test]
async fn the_secret_is_proven_unless_told_otherwise() {
    for (more, first) in [
        (&[][..], "submit"),
        (&["--auth", "nonce"], "nonce"),
        (&["--inline"], "submit"),
    ] {
        let bench = Bench::new(KeyMode::Csr).await;
        bench.server.book.lock().unwrap().proof_only = true;
        let output = run(&bench, more).await;
        assert_eq!(output.status.code(), Some(0), "{more:?} {output:?}");
        assert_eq!(bench.server.log()[0], first);
    }
    let bench = Bench::new(KeyMode::Csr).await;
    assert_eq!(
        run(&bench, &["--auth", "token"]).await.status.code(),
        Some(0)
    );
    bench.server.book.lock().unwrap().proof_only = true;
    assert_eq!(
        run(&bench, &["--auth", "magic"]).await.status.code(),
        Some(2)
    );
}

async fn judge(bench: &Bench, more: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_cvm-device"))
        .args(["conformance", "--serial", SERIAL])
        .args(more)
        .env("CVM_DEVICE_SECRET", TOKEN)
        .output()
        .await
        .unwrap();
    let text = format!("{output:?}");
    assert!(
        !text.contains(TOKEN) && !text.contains(&bench.server.url),
        "{text}"
    );
    output
}

#[tokio::test]
async fn conformance_says_rule_by_rule_and_exits_by_the_worst() {
    let bench = Bench::new(KeyMode::Csr).await;
    let here = ["--endpoint", &bench.config.endpoint];
    let output = judge(&bench, &here).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("passed  nonce-answer "), "{text}");
    assert!(text.contains("skipped confirm "), "{text}");
    let again = judge(&bench, &[&here[..], &["--json"]].concat()).await;
    assert_eq!(again.status.code(), Some(1));
    let object: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(object["failed"], 1, "{object}");
    let gone = judge(&bench, &["--endpoint", "http://127.0.0.1:9"]).await;
    assert_eq!(gone.status.code(), Some(3));
    assert_eq!(judge(&bench, &[]).await.status.code(), Some(2));
}
