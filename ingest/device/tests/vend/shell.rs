//! The shell's client: whole runs, cuts, refusals, and nothing secret among any process's arguments.

use std::path::Path;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;

use cvm_device::Auth;
use cvm_device::install::KeyMode;
use cvm_device::install::read_device;
use tokio::process::Child;
use tokio::process::Command;

use crate::Bench;
use crate::server::Fault;
use crate::server::SERIAL;
use crate::server::TOKEN;
use crate::write;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cvm-device.sh");

/// The shells of this machine that the script is made for; `sh` is always one.
const SHELLS: [&[&str]; 4] = [&["sh"], &["dash"], &["busybox", "sh"], &["bash", "--posix"]];

async fn bench() -> Bench {
    let bench = Bench::new(KeyMode::Csr).await;
    bench.server.book.lock().unwrap().proof_only = true;
    bench
}

fn command(shell: &[&str], bench: &Bench, more: &[&str]) -> Command {
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .args([SCRIPT, "--endpoint", &bench.config.endpoint])
        .args(["--serial", SERIAL, "--dir"])
        .arg(&bench.config.dir)
        .args(more)
        .env("CVM_DEVICE_SECRET", TOKEN)
        .kill_on_drop(true);
    command
}

async fn run(bench: &Bench, more: &[&str]) -> Output {
    let output = command(&["sh"], bench, more).output().await.unwrap();
    let text = format!("{output:?}");
    assert!(!text.contains(TOKEN), "{text}");
    output
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn is_here(shell: &[&str]) -> bool {
    let mut command = Command::new(shell[0]);
    let ended = command.args(&shell[1..]).args(["-c", "exit 7"]).output();
    ended
        .await
        .is_ok_and(|output| output.status.code() == Some(7))
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn every_shell_at_hand_reads_it_and_gets_a_certificate() {
    for shell in SHELLS {
        if !is_here(shell).await {
            continue;
        }
        let mut checked = Command::new(shell[0]);
        let checked = checked.args(&shell[1..]).args(["-n", SCRIPT]).status();
        assert!(checked.await.unwrap().success(), "{shell:?}");
        let bench = bench().await;
        let output = command(shell, &bench, &[]).output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{shell:?} {}", told(&output));
        bench.assert_usable();
        let way = ["submit", "poll", "poll", "fetch", "roots", "confirm"];
        assert_eq!(bench.server.log(), way, "{shell:?}");
        for (name, expected) in [("private.key", 0o600), ("certificate.pem", 0o644)] {
            assert_eq!(mode(&bench.config.dir.join(name)), expected, "{name}");
        }
        assert!(!bench.has(".work"));
        let device = read_device(&bench.config.dir).unwrap().unwrap();
        assert_eq!(device.thing_name.as_str(), "thing-1");
    }
}

#[tokio::test]
async fn without_a_clock_and_inline() {
    let bench = bench().await;
    let output = run(&bench, &["--no-clock", "--inline"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    bench.assert_usable();
    let way = ["nonce", "submit", "nonce", "poll", "nonce", "poll", "roots"];
    assert_eq!(bench.server.log()[..7], way);
}

#[tokio::test]
async fn a_refused_moment_is_replaced_by_the_servers_nonce() {
    let bench = bench().await;
    bench.server.order("submit", Fault::BadNonce);
    let output = run(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(bench.server.log()[..3], ["submit", "submit", "nonce"]);
}

#[tokio::test]
async fn a_busy_or_silent_server_is_waited_for() {
    let bench = bench().await;
    bench.server.order("submit", Fault::Status(503, Some(1)));
    bench.server.order("submit", Fault::Close);
    bench.server.order("confirm", Fault::Status(429, Some(1)));
    bench.server.order("fetch", Fault::Status(403, None));
    let output = run(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    bench.assert_usable();
}

#[tokio::test]
async fn a_wait_beyond_the_time_given_is_not_begun() {
    let bench = bench().await;
    bench.server.order("submit", Fault::Status(503, Some(900)));
    let output = run(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(told(&output).contains("in 900 s"), "{}", told(&output));
}

#[tokio::test]
async fn an_answer_that_lies_is_not_believed_and_the_next_run_goes_on() {
    let bench = bench().await;
    for (kind, fault) in [
        ("submit", Fault::Unproven),
        ("submit", Fault::Restated(200)),
        ("poll", Fault::Changed),
        ("fetch", Fault::Changed),
        ("confirm", Fault::Unproven),
    ] {
        bench.server.order(kind, fault);
        let output = run(&bench, &[]).await;
        assert_eq!(output.status.code(), Some(1), "{kind} {fault:?}");
        assert_eq!(bench.has("device.json"), kind == "confirm");
        let words = if kind == "fetch" { "SHA-256" } else { "prove" };
        assert!(told(&output).contains(words), "{kind} {}", told(&output));
    }
    assert_eq!(run(&bench, &[]).await.status.code(), Some(0));
    bench.assert_usable();
    let again = run(&bench, &[]).await;
    assert_eq!(again.status.code(), Some(0));
    assert!(told(&again).contains("confirmed before"));
}

/// The first run is killed outright, the second interrupted; the third meets what both left.
#[tokio::test]
async fn a_run_cut_short_keeps_its_key() {
    let bench = bench().await;
    for (kind, signal) in [("submit", "KILL"), ("poll", "INT"), ("confirm", "TERM")] {
        bench.server.order(kind, Fault::HangAfter);
        let mut command = command(&["sh"], &bench, &[]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        // One that asks with another key would be refused and never get there.
        let hung = bench.server.hung.notified();
        tokio::time::timeout(Duration::from_mins(1), hung)
            .await
            .unwrap();
        let key = bench.read("pending.key");
        signal_to(&child, signal).await;
        // The shell takes a signal once the program that it waits for has ended.
        end_curl_of(&child).await;
        let ended = child.wait().await.unwrap();
        assert!(!ended.success(), "{kind}");
        assert_eq!(bench.has(".work"), signal == "KILL");
        assert_eq!(bench.read("pending.key"), key);
    }
    let output = run(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    bench.assert_usable();
}

async fn signal_to(child: &Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.await.unwrap().success());
}

/// Ends the process that the child waits for: it is the one whose parent's parent the child is.
async fn end_curl_of(child: &Child) {
    for id in below(child.id().unwrap()) {
        let mut kill = Command::new("kill");
        // It may have ended meanwhile.
        let kill = kill.args(["-s", "KILL", &id.to_string()]);
        let _ = kill.stderr(Stdio::null()).status().await;
    }
}

/// All processes below this one.
fn below(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for (id, stat) in processes() {
        let after_name = stat.rsplit(')').next().unwrap_or_default().to_owned();
        if after_name.split(' ').nth(2) == Some(&parent.to_string()) {
            found.extend(below(id));
            found.push(id);
        }
    }
    found
}

fn processes() -> Vec<(u32, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| {
        Some((
            id,
            std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?,
        ))
    })
    .collect()
}

/// 43 characters that stand for 32 bytes, some that only look like it, and more than a block of SHA-256.
#[tokio::test]
async fn secrets_of_all_forms_are_proven() {
    const LONG: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~%$'`";
    for secret in [
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9",
        "-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_A",
        "not.base64.but.exactly.as.long.as.that.....",
        LONG,
    ] {
        let bench = bench().await;
        bench.server.book.lock().unwrap().secret = Some(secret);
        let file = bench.config.dir.with_extension("secret");
        write(&file, &format!("{secret}\r\n"));
        bench.server.order("poll", Fault::Status(403, None));
        let output = run(&bench, &["--secret-file", file.to_str().unwrap()]).await;
        // So far and no further: what comes after the login does not depend on the secret.
        assert!(
            told(&output).contains("refused to poll"),
            "{secret} {}",
            told(&output)
        );
    }
}

#[tokio::test]
async fn usage_is_2_and_nothing_is_sent() {
    let bench = bench().await;
    let secret = bench.config.dir.with_extension("secret");
    write(&secret, "two words\n");
    let file = secret.to_str().unwrap();
    for more in [
        &["--no-such"][..],
        &["--secret", "hunter3"],
        &["--keys-mode"],
        &["--serial", "a/b"],
        &["--secret-file", "/no/such"],
        &["--secret-file", file],
        &["--endpoint", "http://cvm.example"],
        &["--endpoint", "http://localhost:80@cvm.example"],
        &["--endpoint", "http://127.0.0.1.cvm.example"],
        &["--endpoint", "https://user@cvm.example"],
        &["--timeout-seconds", "soon"],
        &["--dir"],
    ] {
        let output = run(&bench, more).await;
        assert_eq!(output.status.code(), Some(2), "{more:?} {}", told(&output));
        assert!(!told(&output).contains("hunter3"));
    }
    assert!(bench.server.log().is_empty());
    assert_eq!(run(&bench, &["--help"]).await.status.code(), Some(0));
}

#[tokio::test]
async fn the_librarys_client_goes_on_where_the_shells_stopped() {
    let mut bench = bench().await;
    bench.config.auth = Auth::Proof;
    bench.server.order("poll", Fault::Unproven);
    assert_eq!(run(&bench, &[]).await.status.code(), Some(1));
    let key = bench.read("pending.key");
    let vended = cvm_device::vend(&bench.config, &crate::server::now, &|_| ()).await;
    vended.unwrap();
    bench.assert_usable();
    assert_eq!(bench.read("private.key"), key);
    // And the other way round: all that is left is to say so.
    assert!(told(&run(&bench, &[]).await).contains("confirmed before"));
}

/// The secret and the keys derived from it are never an argument or a variable of a process that is
/// started: a stand-in for each program writes down what it was given.
#[tokio::test]
async fn no_program_is_given_a_secret_by_argument() {
    let bench = bench().await;
    let tools = bench.config.dir.with_extension("bin");
    let seen = bench.config.dir.with_extension("seen");
    std::fs::create_dir(&tools).unwrap();
    for tool in [
        "curl",
        "openssl",
        "od",
        "tr",
        "sed",
        "cut",
        "sha256sum",
        "grep",
        "cat",
        "fold",
    ] {
        let Some(real) = which(tool) else { continue };
        let script = format!(
            "#!/bin/sh\n{{ printf '%s\\n' {tool} \"$@\"; /usr/bin/env; }} >>'{}'\nexec '{real}' \"$@\"\n",
            seen.display()
        );
        let path = tools.join(tool);
        write(&path, &script);
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, executable).unwrap();
    }
    let path = format!("{}:{}", tools.display(), env!("PATH"));
    let output = command(&["sh"], &bench, &[]).env("PATH", path).output();
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let seen = std::fs::read_to_string(&seen).unwrap();
    assert!(seen.contains("openssl\ndgst") && seen.contains("curl\n-q\n-K\n-\n"));
    let secret_hex = cvm_shared::ids::hex(TOKEN.as_bytes());
    for secret in [TOKEN, &secret_hex, "CVM1 serial", "X-Amz-Signature"] {
        assert!(!seen.contains(secret), "{secret}");
    }
    assert!(!seen.contains("hmac") && !seen.contains("macopt"));
}

fn which(tool: &str) -> Option<String> {
    let found = env!("PATH").split(':').map(|dir| format!("{dir}/{tool}"));
    found.into_iter().find(|path| Path::new(path).exists())
}
