//! The emulator: one process group on free ports, in a directory of its own, gone with its owner.

use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use aws_config::SdkConfig;
use rustix::process::Signal;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::Command;

use crate::child::Group;
use crate::error::Error;
use crate::error::last_line;
use crate::ports;
use crate::ports::Ports;
use crate::sdk;
use crate::venv::Venv;

/// How long it may take to come up; it takes a second or two on a machine with nothing else to do.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long it may take to end by itself; a busy function may take three.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);
/// How often other ports are tried when somebody else was faster.
const TRIES: usize = 3;
/// Where calls are noted, in the emulator's directory.
const CALLS: &str = "calls.ndjson";

/// Where the emulator listens, without a port on a free one, and whether it notes calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmulatorOptions {
    /// The port of all of AWS over HTTP.
    pub port: Option<u16>,
    /// The port of MQTT with mutual TLS.
    pub mqtt_port: Option<u16>,
    /// Whether it notes who calls what (`record.py`); read them with [`Emulator::calls`].
    pub record: bool,
}

/// A running emulator. Dropping it kills it; it also ends when this process does.
#[derive(Debug)]
pub struct Emulator {
    // In this order: the processes are gone before their directory goes.
    group: Group,
    dir: TempDir,
    ports: Ports,
    endpoint: String,
    ca_pem: String,
}

#[derive(Deserialize)]
struct Ready {
    status: String,
    iot_mtls: String,
}

impl Emulator {
    /// Starts an emulator that checks signatures and policies, and waits until it is ready.
    pub async fn start(venv: &Venv, options: EmulatorOptions) -> Result<Self, Error> {
        let mut tries = 1;
        loop {
            let ports = ports::choose(options.port, options.mqtt_port)?;
            match Self::start_on(venv, ports, options.record).await {
                Err(Error::Emulator(_)) if tries < TRIES && ports.are_taken() => tries += 1,
                ended => return ended,
            }
        }
    }

    async fn start_on(venv: &Venv, ports: Ports, record: bool) -> Result<Self, Error> {
        let dir = tempfile::Builder::new().prefix("cvm-local-").tempdir();
        let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
        let mut command = command(venv, ports, dir.path(), record)?;
        let mut emulator = Self {
            group: Group::spawn(&mut command)?,
            dir,
            ports,
            endpoint: format!("http://127.0.0.1:{}", ports.gateway),
            ca_pem: String::new(),
        };
        let ready = tokio::time::timeout(READY_WITHIN, emulator.ready()).await;
        ready.unwrap_or_else(|_| Err(emulator.failed("it was not ready in time")))?;
        emulator.ca_pem = emulator.fetch("/_ministack/iot/ca.pem").await?;
        Ok(emulator)
    }

    async fn ready(&mut self) -> Result<(), Error> {
        loop {
            if self.group.ended().is_some() {
                return Err(self.failed("it ended"));
            }
            let told = self.fetch("/_ministack/ready").await.unwrap_or_default();
            if let Ok(ready) = serde_json::from_str::<Ready>(&told) {
                match (ready.status.as_str(), ready.iot_mtls.as_str()) {
                    ("completed", "listening") => return Ok(()),
                    (_, "degraded") => return Err(self.failed("its MQTT port cannot be used")),
                    _ => {}
                }
            }
            sdk::pause(Duration::from_millis(50)).await;
        }
    }

    async fn fetch(&self, path: &str) -> Result<String, Error> {
        let failed = |error: reqwest::Error| Error::aws("emulator", &error);
        let answer = reqwest::get(format!("{}{path}", self.endpoint)).await;
        let answer = answer.map_err(failed)?.error_for_status();
        answer.map_err(failed)?.text().await.map_err(failed)
    }

    fn failed(&self, what: &str) -> Error {
        let log = std::fs::read(self.log()).unwrap_or_default();
        Error::Emulator(format!("{what}; its last words: {}", last_line(&log)))
    }

    /// Where all of AWS answers: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The port of the MQTT broker on 127.0.0.1.
    pub fn mqtt_port(&self) -> u16 {
        self.ports.mqtt
    }

    /// The CA that issues the certificates, the broker's own among them.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// What the emulator and the worker function print.
    pub fn log(&self) -> PathBuf {
        self.dir.path().join("emulator.log")
    }

    /// What it has noted of calls so far, one JSON object a line; nothing, if it was not told to.
    pub fn calls(&self) -> String {
        std::fs::read_to_string(self.dir.path().join(CALLS)).unwrap_or_default()
    }

    /// A directory that goes with the emulator.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Settings for any AWS client.
    pub fn sdk(&self) -> SdkConfig {
        sdk::config(&self.endpoint)
    }

    /// Ends the emulator and its functions, and removes its directory.
    pub async fn stop(mut self) {
        self.group.signal(Signal::TERM);
        // Whether it ended or not, the drop kills what is left.
        let _ended = tokio::time::timeout(STOPPED_WITHIN, self.group.wait()).await;
    }
}

/// Functions inherit the emulator's environment, so it is given nothing that they could mistake for theirs.
fn command(venv: &Venv, ports: Ports, dir: &Path, record: bool) -> Result<Command, Error> {
    let path = dir.join("emulator.log");
    let log = std::fs::File::create(&path).map_err(|error| Error::disk(&path, error))?;
    let log_too = log.try_clone().map_err(|error| Error::disk(&path, error))?;
    let mut command = venv.script("emulate.py");
    if record {
        command.arg("--record").arg(dir.join(CALLS));
    }
    command
        .arg(dir)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .env("TMPDIR", dir)
        .env("PYTHONUNBUFFERED", "1")
        .env("AWS_ACCESS_KEY_ID", sdk::ROOT.0)
        .env("AWS_SECRET_ACCESS_KEY", sdk::ROOT.1)
        .env("AUTH", "true")
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", ports.gateway.to_string())
        .env("IOT_MTLS_PORT", ports.mqtt.to_string())
        .env("LAMBDA_EXECUTOR", "local")
        .env("SFTP_ENABLED", "0")
        // Never written to: its end tells the emulator that we are gone.
        .stdin(Stdio::piped())
        .stdout(log)
        .stderr(log_too);
    Ok(command)
}
