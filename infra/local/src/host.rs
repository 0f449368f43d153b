//! A server of the host form as a process of ours: on free ports, with a certificate for this machine.

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Command;

use crate::child::Group;
use crate::database::free_port;
use crate::error::Error;
use crate::error::last_line;
use crate::sdk;

/// How long a server may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A certificate authority of our own, and what it has issued to the server: PEM files in a directory.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The authority's certificate, for devices.
    pub ca_pem: String,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// A fresh one, and a certificate for this machine's own names, in `dir`.
    pub fn fresh(dir: &Path) -> Result<Self, Error> {
        let (ca, certificate, key) = issued().map_err(|error| Error::Host(error.to_string()))?;
        let paths = (dir.join("server.pem"), dir.join("server-key.pem"));
        for (path, text) in [(&paths.0, &certificate), (&paths.1, &key)] {
            std::fs::write(path, text).map_err(|error| Error::disk(path, error))?;
        }
        Ok(Self {
            ca_pem: ca,
            certificate: paths.0,
            key: paths.1,
        })
    }
}

/// CA, certificate and key.
fn issued() -> Result<(String, String, String), rcgen::Error> {
    let ca_key = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::new(Vec::new())?;
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "local host form");
    let ca = params.self_signed(&ca_key)?;
    let issuer = rcgen::Issuer::new(params, ca_key);
    let key = rcgen::KeyPair::generate()?;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    Ok((ca.pem(), certificate.pem(), key.serialize_pem()))
}

/// What a server is told.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Its binary.
    pub binary: PathBuf,
    /// Where its log goes.
    pub log: PathBuf,
    /// Where AWS is.
    pub aws: String,
    /// The database's address.
    pub database_url: String,
    /// Its certificate; without one it is told that a proxy is in front.
    pub tls: Option<Authority>,
    /// The port that devices ask, and the admin's; free ones if none are named.
    pub ports: Option<(u16, u16)>,
    /// Further settings, by key.
    pub settings: Vec<(String, String)>,
}

impl HostOptions {
    /// The settings of a server on the loopback address.
    pub fn new(binary: &Path, dir: &Path, aws: &str, database_url: &str) -> Self {
        Self {
            binary: binary.to_owned(),
            log: dir.join("cvm-server.log"),
            aws: aws.to_owned(),
            database_url: database_url.to_owned(),
            tls: None,
            ports: None,
            settings: Vec::new(),
        }
    }

    /// The same with one more setting.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// A command of the binary with these settings and nothing else of ours.
    fn command(&self, port: u16, admin: u16) -> Command {
        let mut command = Command::new(&self.binary);
        let mut set = |key: &str, value: &str| {
            command.env(format!("CVM_{}", key.to_ascii_uppercase()), value);
        };
        set("listen", &format!("127.0.0.1:{port}"));
        set("admin_listen", &format!("127.0.0.1:{admin}"));
        set("public_host", &format!("localhost:{port}"));
        set("database_url", &self.database_url);
        set("database_tls", "off");
        match &self.tls {
            Some(tls) => {
                set("tls_certificate", &tls.certificate.to_string_lossy());
                set("tls_key", &tls.key.to_string_lossy());
            }
            None => set("behind_proxy", "true"),
        }
        for (key, value) in &self.settings {
            set(key, value);
        }
        command
            .env("AWS_ENDPOINT_URL", &self.aws)
            .env("AWS_REGION", sdk::REGION)
            .env("AWS_ACCESS_KEY_ID", sdk::ROOT.0)
            .env("AWS_SECRET_ACCESS_KEY", sdk::ROOT.1)
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Makes the tables.
    pub async fn migrate(&self) -> Result<(), Error> {
        let mut command = self.command(1, 2);
        let made = crate::child::output(command.arg("migrate")).await?;
        if made.status.success() {
            Ok(())
        } else {
            Err(Error::Host(last_line(&made.stderr)))
        }
    }
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct HostServer {
    group: Group,
    port: u16,
    admin: u16,
    log: PathBuf,
    secure: bool,
}

impl HostServer {
    /// Starts one, and waits until it is ready.
    pub async fn start(options: &HostOptions) -> Result<Self, Error> {
        let (port, admin) = match options.ports {
            Some(ports) => ports,
            None => (free_port()?, free_port()?),
        };
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&options.log);
        let log = log.map_err(|error| Error::disk(&options.log, error))?;
        let log_too = log.try_clone();
        let log_too = log_too.map_err(|error| Error::disk(&options.log, error))?;
        let mut command = options.command(port, admin);
        command.stdin(Stdio::null()).stdout(log).stderr(log_too);
        let mut server = Self {
            group: Group::spawn(&mut command)?,
            port,
            admin,
            log: options.log.clone(),
            secure: options.tls.is_some(),
        };
        let ready = tokio::time::timeout(READY_WITHIN, server.ready()).await;
        ready.unwrap_or_else(|_| Err(server.failed("it was not ready in time")))?;
        Ok(server)
    }

    async fn ready(&mut self) -> Result<(), Error> {
        loop {
            if self.group.ended().is_some() {
                return Err(self.failed("it ended"));
            }
            let answer = reqwest::get(self.admin("/readyz")).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            sdk::pause(Duration::from_millis(30)).await;
        }
    }

    fn failed(&self, what: &str) -> Error {
        let log = std::fs::read(&self.log).unwrap_or_default();
        Error::Host(format!("{what}; its last words: {}", last_line(&log)))
    }

    /// What devices ask.
    pub fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.port)
    }

    /// The ports that devices ask and that the admin endpoints are at.
    pub fn ports(&self) -> (u16, u16) {
        (self.port, self.admin)
    }

    /// One of its admin endpoints.
    pub fn admin(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admin)
    }

    /// The file that it logs to.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// What it logs.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process.
    pub fn id(&mut self) -> Option<u32> {
        self.group.child().id()
    }

    /// Kills it as a power cut would.
    pub async fn kill(mut self) {
        self.group.signal(Signal::KILL);
        let _ended = self.group.wait().await;
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> Result<ExitStatus, Error> {
        self.group.signal(Signal::TERM);
        let ended = self.group.wait().await;
        ended.map_err(|error| Error::Host(error.to_string()))
    }
}
