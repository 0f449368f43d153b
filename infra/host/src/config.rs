//! What a server is told, as types. What is missing, malformed, unknown or does not fit together is refused at start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cvm_aws::config::ConfigError;
use cvm_aws::config::Env;
use cvm_ingest::config::Terms;
use cvm_ingest::config::trust;
use cvm_mysql::database::DatabaseTerms;
use cvm_mysql::database::Tls;
use cvm_shared::trust::TrustBundle;
use cvm_worker::config::RunTerms;
use cvm_worker::config::rate;
use cvm_worker::config::sweep_terms;
use cvm_worker::rates::RateSource;
use cvm_worker::sweep::SweepTerms;
use tracing::Level;

/// How long a call waits for a connection to the database.
const PATIENCE: Duration = Duration::from_secs(3);

/// A server's configuration.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// What it does.
    pub roles: Roles,
    /// How devices reach it.
    pub web: WebTerms,
    /// Where health and metrics are.
    pub admin: SocketAddr,
    /// The database.
    pub database: DatabaseTerms,
    /// How it lets us in.
    pub login: DatabaseLogin,
    /// Where requests wait.
    pub queue: QueueChoice,
    /// Where bundles wait.
    pub vault: VaultChoice,
    /// What devices are told.
    pub terms: Terms,
    /// The roots that devices are told to trust.
    pub trust: TrustBundle,
    /// How long things last in a worker.
    pub runs: RunTerms,
    /// How many requests are worked on at the same time.
    pub workers: u32,
    /// How fast AWS IoT may be called by all servers together.
    pub rate: RateSource,
    /// How many servers share that.
    pub servers: u32,
    /// What the janitor may do.
    pub sweep: SweepTerms,
    /// How often it goes round.
    pub sweep_every: Duration,
    /// How long what is in flight may take in the end.
    pub shutdown: Duration,
    /// The least severe level that is logged.
    pub level: Level,
}

/// What a process does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Answers devices.
    pub door: bool,
    /// Issues.
    pub worker: bool,
    /// Goes round.
    pub janitor: bool,
}

/// How devices reach a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebTerms {
    /// The host that devices ask, with its port unless it is 443; in lower case.
    pub public_host: String,
    /// Where they are listened to.
    pub listen: SocketAddr,
    /// Certificate and key (PEM files); `None`: a proxy in front ends TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Connections at the same time.
    pub connections: usize,
}

/// How the database lets us in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseLogin {
    /// By the password in this file, or without one.
    Password(Option<PathBuf>),
    /// By a token of AWS's.
    RdsIam,
}

/// Where requests wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueChoice {
    /// In the database.
    MySql,
    /// In SQS.
    Sqs {
        /// The work queue.
        url: String,
        /// Its dead letters.
        dead_letters: String,
    },
}

/// Where bundles wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultChoice {
    /// In the database.
    MySql,
    /// In S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// The KMS key.
        kms_key: String,
    },
}

impl HostConfig {
    /// Reads the settings.
    pub fn from_env(mut env: Env) -> Result<Self, ConfigError> {
        let rate = rate(&mut env)?;
        let config = Self {
            roles: roles(&mut env)?,
            web: web(&mut env)?,
            admin: address(&mut env, "CVM_ADMIN_LISTEN")?,
            database: database(&mut env)?,
            login: login(&mut env)?,
            queue: queue(&mut env)?,
            vault: vault(&mut env)?,
            terms: Terms::from_env(&mut env)?,
            trust: trust(&mut env)?,
            runs: RunTerms::from_env(&mut env)?,
            workers: env.number("CVM_WORKERS", 1..=500)?,
            rate,
            servers: env.number("CVM_SERVERS", 1..=1000)?,
            sweep: sweep_terms(&mut env, rate)?,
            sweep_every: seconds(&mut env, "CVM_SWEEP_SECONDS", 10..=86_400)?,
            shutdown: seconds(&mut env, "CVM_SHUTDOWN_SECONDS", 1..=900)?,
            level: level(&mut env)?,
        };
        env.finish()?;
        Ok(config)
    }
}

fn refuse<T>(name: &'static str, rule: &str) -> Result<T, ConfigError> {
    Err(ConfigError::Malformed {
        name,
        rule: rule.to_owned(),
    })
}

fn roles(env: &mut Env) -> Result<Roles, ConfigError> {
    const NAME: &str = "CVM_ROLES";
    let mut roles = Roles::default();
    for role in env.text(NAME)?.split(',') {
        match role.trim() {
            "door" => roles.door = true,
            "worker" => roles.worker = true,
            "janitor" => roles.janitor = true,
            _ => {
                return refuse(
                    NAME,
                    "must name some of door, worker and janitor, with commas",
                );
            }
        }
    }
    Ok(roles)
}

fn web(env: &mut Env) -> Result<WebTerms, ConfigError> {
    const CERTIFICATE: &str = "CVM_TLS_CERTIFICATE";
    let files = (env.optional(CERTIFICATE), env.optional("CVM_TLS_KEY"));
    let is_behind = env.choice("CVM_BEHIND_PROXY", ["true", "false"])? == "true";
    let tls = match (files, is_behind) {
        ((Some(certificate), Some(key)), false) => Some((certificate.into(), key.into())),
        ((None, None), true) => None,
        ((None, None), false) => {
            return refuse(
                CERTIFICATE,
                "is missing: devices are answered over HTTPS, or behind_proxy = true says that a proxy in front ends it",
            );
        }
        ((Some(_), Some(_)), true) => {
            return refuse(
                "CVM_BEHIND_PROXY",
                "must be false where there is a certificate",
            );
        }
        ((Some(_), None) | (None, Some(_)), _) => {
            return refuse(CERTIFICATE, "and tls_key go together");
        }
    };
    Ok(WebTerms {
        public_host: public_host(env)?,
        listen: address(env, "CVM_LISTEN")?,
        tls,
        connections: env.number("CVM_CONNECTIONS", 10..=100_000)?,
    })
}

fn public_host(env: &mut Env) -> Result<String, ConfigError> {
    const NAME: &str = "CVM_PUBLIC_HOST";
    let host = env.text(NAME)?.to_ascii_lowercase();
    let is_host = host.parse::<http::uri::Authority>().is_ok() && !host.contains('@');
    if is_host {
        Ok(host)
    } else {
        refuse(NAME, "must be a host, with a port unless that is 443")
    }
}

fn address(env: &mut Env, name: &'static str) -> Result<SocketAddr, ConfigError> {
    let address = env.text(name)?.parse();
    address.or_else(|_| refuse(name, "must be an address and a port, as in 127.0.0.1:9180"))
}

fn database(env: &mut Env) -> Result<DatabaseTerms, ConfigError> {
    let authority = env.optional("CVM_DATABASE_CA").map(PathBuf::from);
    let is_verified = env.choice("CVM_DATABASE_TLS", ["verify", "off"])? == "verify";
    let terms = DatabaseTerms {
        url: env.text("CVM_DATABASE_URL")?,
        tls: if is_verified {
            Tls::Verified(authority)
        } else {
            Tls::Off
        },
        connections: env.number("CVM_DATABASE_CONNECTIONS", 4..=1000)?,
        patience: PATIENCE,
    };
    if terms.tls == Tls::Off && !terms.is_local() {
        return refuse(
            "CVM_DATABASE_TLS",
            "may be off only for a socket or an address of this machine",
        );
    }
    Ok(terms)
}

fn login(env: &mut Env) -> Result<DatabaseLogin, ConfigError> {
    let file = env
        .optional("CVM_DATABASE_PASSWORD_FILE")
        .map(PathBuf::from);
    match env.choice("CVM_DATABASE_AUTH", ["password", "rds-iam"])? {
        "rds-iam" if file.is_some() => refuse(
            "CVM_DATABASE_PASSWORD_FILE",
            "has no use with database_auth = rds-iam",
        ),
        "rds-iam" => Ok(DatabaseLogin::RdsIam),
        _ => Ok(DatabaseLogin::Password(file)),
    }
}

fn queue(env: &mut Env) -> Result<QueueChoice, ConfigError> {
    const URL: &str = "CVM_QUEUE_URL";
    let is_sqs = env.choice("CVM_QUEUE", ["mysql", "sqs"])? == "sqs";
    let named = (env.optional(URL), env.optional("CVM_DEAD_LETTER_QUEUE_URL"));
    match (is_sqs, named) {
        (true, (Some(url), Some(dead_letters))) => Ok(QueueChoice::Sqs { url, dead_letters }),
        (true, _) => refuse(
            URL,
            "and dead_letter_queue_url must be said with queue = sqs",
        ),
        (false, (None, None)) => Ok(QueueChoice::MySql),
        (false, _) => refuse(
            URL,
            "and dead_letter_queue_url have no use without queue = sqs",
        ),
    }
}

fn vault(env: &mut Env) -> Result<VaultChoice, ConfigError> {
    const BUCKET: &str = "CVM_BUCKET";
    let is_s3 = env.choice("CVM_VAULT", ["mysql", "s3"])? == "s3";
    let named = (env.optional(BUCKET), env.optional("CVM_KMS_KEY_ARN"));
    match (is_s3, named) {
        (true, (Some(bucket), Some(kms_key))) => Ok(VaultChoice::S3 { bucket, kms_key }),
        (true, _) => refuse(BUCKET, "and kms_key_arn must be said with vault = s3"),
        (false, (None, None)) => Ok(VaultChoice::MySql),
        (false, _) => refuse(BUCKET, "and kms_key_arn have no use without vault = s3"),
    }
}

fn seconds(
    env: &mut Env,
    name: &'static str,
    bounds: std::ops::RangeInclusive<u64>,
) -> Result<Duration, ConfigError> {
    Ok(Duration::from_secs(env.number(name, bounds)?))
}

fn level(env: &mut Env) -> Result<Level, ConfigError> {
    const NAME: &str = "CVM_LOG_LEVEL";
    let level = env.text(NAME)?.parse();
    level.or_else(|_| refuse(NAME, "must be error, warn, info, debug or trace"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SettingsError;
    use crate::settings::gather;

    fn with(changes: &[(&str, &str)]) -> Result<HostConfig, String> {
        let must = [
            ("CVM_PUBLIC_HOST", "CVM.example.com"),
            ("CVM_DATABASE_URL", "mysql://cvm@db.example.com/cvm"),
            ("CVM_TLS_CERTIFICATE", "/c"),
            ("CVM_TLS_KEY", "/k"),
        ];
        let kept = must
            .iter()
            .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let vars = kept
            .chain(changes)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = HostConfig::from_env(gather(None, vars).unwrap());
        config.map_err(|error| SettingsError::from(error).to_string())
    }

    #[test]
    fn little_must_be_said() {
        let config = with(&[]).unwrap();
        assert_eq!(config.web.public_host, "cvm.example.com");
        assert_eq!(config.database.tls, Tls::Verified(None));
        assert_eq!(config.queue, QueueChoice::MySql);
        assert_eq!(config.vault, VaultChoice::MySql);
        let all = Roles {
            door: true,
            worker: true,
            janitor: true,
        };
        assert_eq!(config.roles, all);
    }

    #[test]
    fn what_does_not_fit_together_is_refused_by_name() {
        for (changes, rule) in [
            (&[("CVM_TLS_KEY", "")][..], "setting tls_certificate"),
            (&[("CVM_BEHIND_PROXY", "true")], "setting behind_proxy"),
            (
                &[("CVM_TLS_KEY", ""), ("CVM_TLS_CERTIFICATE", "")],
                "is missing",
            ),
            (&[("CVM_DATABASE_TLS", "off")], "setting database_tls"),
            (&[("CVM_QUEUE", "sqs")], "setting queue_url"),
            (&[("CVM_QUEUE_URL", "x")], "have no use"),
            (
                &[("CVM_VAULT", "s3"), ("CVM_BUCKET", "b")],
                "setting bucket",
            ),
            (&[("CVM_ROLES", "door,clerk")], "setting roles"),
            (&[("CVM_LEASE_SECONDS", "20")], "setting lease_seconds"),
            (&[("CVM_LISTEN", "8443")], "setting listen"),
            (&[("CVM_PUBLIC_HOST", "https://x")], "setting public_host"),
            (
                &[("CVM_PUBLIC_HOST", "")],
                "public_host (CVM_PUBLIC_HOST) is missing",
            ),
            (&[("CVM_LOG_LEVEL", "loud")], "setting log_level"),
            (
                &[("CVM_SWEEP_SECOND", "9")],
                "unknown: setting sweep_second",
            ),
            (
                &[
                    ("CVM_DATABASE_AUTH", "rds-iam"),
                    ("CVM_DATABASE_PASSWORD_FILE", "/p"),
                ],
                "setting database_password_file",
            ),
        ] {
            let refusal = with(changes).unwrap_err();
            assert!(refusal.contains(rule), "{changes:?}: {refusal}");
        }
    }

    #[test]
    fn the_way_to_a_database_on_this_machine_may_be_plain() {
        for url in [
            "mysql://cvm@127.0.0.1/cvm",
            "mysql://cvm@localhost:3307/cvm",
            "mysql://cvm@localhost/cvm?socket=/run/mysqld/mysqld.sock",
        ] {
            let config = with(&[("CVM_DATABASE_URL", url), ("CVM_DATABASE_TLS", "off")]);
            assert_eq!(config.unwrap().database.tls, Tls::Off);
        }
    }
}
