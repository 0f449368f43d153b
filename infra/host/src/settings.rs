//! Every setting of a server: its name, what it is if nobody says, and what it means.
//!
//! A setting is a key of the file, or a variable of the environment, which comes first: `poll_seconds` is
//! `CVM_POLL_SECONDS`. The list makes `--print-config`, and [`crate::config`] reads exactly these.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::path::PathBuf;

use cvm_aws::config::ConfigError;
use cvm_aws::config::Env;
use cvm_aws::config::PREFIX;

/// A setting.
#[derive(Debug)]
pub struct Setting {
    /// Its key in the file.
    pub key: &'static str,
    /// What it is if nobody says; `None`: it must be said. An empty one is none.
    pub default: Option<&'static str>,
    /// What it means.
    pub says: &'static str,
}

const fn must(key: &'static str, says: &'static str) -> Setting {
    Setting {
        key,
        default: None,
        says,
    }
}

const fn may(key: &'static str, default: &'static str, says: &'static str) -> Setting {
    Setting {
        key,
        default: Some(default),
        says,
    }
}

/// All of them, in the order of the example.
pub const SETTINGS: &[Setting] = &[
    may(
        "roles",
        "door,worker,janitor",
        "What this process does. Apart, each can have a user, rights and a machine of its own.",
    ),
    must(
        "public_host",
        "The host that devices ask, with its port unless it is 443: what their proofs are made out to.",
    ),
    may("listen", "0.0.0.0:8443", "Where devices are listened to."),
    may(
        "tls_certificate",
        "",
        "The server's certificate with its chain (PEM file). Read again when it changes.",
    ),
    may("tls_key", "", "Its private key (PEM file)."),
    may(
        "behind_proxy",
        "false",
        "true: plain HTTP, for a proxy or load balancer in front ends TLS, and the last entry of its X-Forwarded-For is the device's address.",
    ),
    may(
        "admin_listen",
        "127.0.0.1:9180",
        "Where /healthz, /readyz, /metrics and POST /sweep are, in plain HTTP: never open to the world.",
    ),
    may(
        "connections",
        "2000",
        "Connections of devices at the same time; more wait.",
    ),
    must(
        "database_url",
        "mysql://user@host:3306/name, without a password.",
    ),
    may(
        "database_tls",
        "verify",
        "verify: encrypted, and the server's certificate is checked. off: only for a socket or an address of this machine.",
    ),
    may(
        "database_ca",
        "",
        "The authority of the database's certificate (PEM file), if it is none that all know: RDS's is not.",
    ),
    may(
        "database_auth",
        "password",
        "password: from database_password_file, if there is one. rds-iam: a token of AWS's, made anew all the time.",
    ),
    may(
        "database_password_file",
        "",
        "The file with the database's password in one line.",
    ),
    may(
        "database_connections",
        "24",
        "Connections to the database at most.",
    ),
    may(
        "queue",
        "mysql",
        "Where requests wait: mysql, or sqs (queue_url, dead_letter_queue_url).",
    ),
    may("queue_url", "", "The work queue's URL."),
    may("dead_letter_queue_url", "", "The URL of its dead letters."),
    may(
        "vault",
        "mysql",
        "Where bundles wait: mysql, or s3 (bucket, kms_key_arn).",
    ),
    may("bucket", "", "The bucket of bundles."),
    may(
        "kms_key_arn",
        "",
        "The KMS key that they are encrypted with.",
    ),
    may(
        "partition",
        "aws",
        "The AWS partition, for the roots that devices are told to trust: aws, aws-cn or aws-us-gov.",
    ),
    may("trust_anchors_pem", "", "Further roots (PEM text)."),
    may(
        "workers",
        "16",
        "How many requests this process works on at the same time.",
    ),
    may(
        "servers",
        "1",
        "How many such processes there are: they share AWS IoT's quota.",
    ),
    may(
        "iot_rate",
        "0",
        "Calls of AWS IoT per second, of all servers together; 0: what Service Quotas says.",
    ),
    may(
        "lease_seconds",
        "45",
        "How long a claim to a device lasts; longer than run_seconds.",
    ),
    may("run_seconds", "30", "How long one run may last."),
    may(
        "visibility_seconds",
        "180",
        "How long a received message stays hidden; six runs at least.",
    ),
    may(
        "max_receives",
        "5",
        "After how many tries a fault is final.",
    ),
    may(
        "bundle_days",
        "7",
        "How long a bundle waits for its device.",
    ),
    may(
        "creates_per_day",
        "12",
        "Certificates that may be created for one device in a day.",
    ),
    may(
        "poll_seconds",
        "2",
        "The shortest wait that a device is told.",
    ),
    may(
        "polls_per_second",
        "500",
        "Polls per second that devices are spread to.",
    ),
    may(
        "presign_seconds",
        "120",
        "How long a link to a bundle lives.",
    ),
    may(
        "reprovision",
        "redeliver",
        "What a device that was served may have by asking again: never, redeliver or replace.",
    ),
    may(
        "grace_hours",
        "24",
        "How long a replaced certificate stays ACTIVE.",
    ),
    may(
        "weak_secrets",
        "refuse",
        "stretch: the table may hold short secrets, which are checked slowly.",
    ),
    may(
        "legacy_api",
        "off",
        "on: the calls of two published machines are answered (POST /, /getcert).",
    ),
    may(
        "legacy_wait_seconds",
        "20",
        "How long such a call waits for its certificate.",
    ),
    may(
        "stuck_seconds",
        "900",
        "After how long the janitor sends a request again that nobody seems to work on.",
    ),
    may(
        "sweep_seconds",
        "900",
        "How often the janitor goes round; one of all servers does.",
    ),
    may(
        "orphans",
        "delete",
        "What the janitor does with orphaned certificates: delete or report.",
    ),
    may(
        "account_is_ours",
        "false",
        "true: nothing else makes certificates in this account and region.",
    ),
    may(
        "shutdown_seconds",
        "25",
        "How long what is in flight may take when the server is told to stop.",
    ),
    may("log_level", "info", "error, warn, info, debug or trace."),
];

/// Why there are no settings to work with.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{}: {message}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        message: String,
    },
    /// A setting is missing, has a value that it may not have, or is unknown.
    #[error("{0}")]
    Setting(String),
}

impl From<ConfigError> for SettingsError {
    fn from(error: ConfigError) -> Self {
        Self::Setting(match error {
            ConfigError::Missing(name) => format!("{} is missing", told(name)),
            ConfigError::Malformed { name, rule } => format!("{} {rule}", told(name)),
            ConfigError::Unknown(names) => {
                let names: Vec<_> = names.iter().map(|name| told(name)).collect();
                format!("unknown: {}", names.join(", "))
            }
        })
    }
}

/// A variable as the file and the environment name it.
fn told(variable: &str) -> String {
    format!("setting {} ({variable})", key_of(variable))
}

fn key_of(variable: &str) -> String {
    let key = variable.strip_prefix(PREFIX).unwrap_or(variable);
    key.to_ascii_lowercase()
}

fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase())
}

/// Settings from the file, if one is named, and the environment; what neither says is the default.
pub fn gather(
    file: Option<&Path>,
    vars: impl IntoIterator<Item = (String, String)>,
) -> Result<Env, SettingsError> {
    let defaults = SETTINGS
        .iter()
        .filter_map(|setting| Some((variable_of(setting.key), setting.default?.to_owned())));
    let mut all: BTreeMap<String, String> = defaults.collect();
    if let Some(path) = file {
        all.extend(read(path)?);
    }
    // A variable that is empty says nothing, as everywhere in a shell.
    let said = vars.into_iter().filter(|(_, value)| !value.is_empty());
    all.extend(said);
    Ok(Env::new(all))
}

fn read(path: &Path) -> Result<Vec<(String, String)>, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::File {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|message| SettingsError::Form {
        path: path.to_owned(),
        message,
    })
}

fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let message = error.message().to_owned();
        match error.span() {
            Some(span) => format!("line {}: {message}", line(text, span.start)),
            None => message,
        }
    })?;
    let said = table.into_iter().map(|(key, value)| {
        let text =
            plain(value).ok_or_else(|| format!("{key} must be a text, a number, true or false"))?;
        Ok((variable_of(&key), text))
    });
    said.collect()
}

fn line(text: &str, place: usize) -> usize {
    let before = text.as_bytes().iter().take(place);
    before.filter(|byte| **byte == b'\n').count() + 1
}

fn plain(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Float(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => None,
    }
}

/// The file with every setting, its default and its meaning.
pub fn example() -> String {
    let mut text = String::from(
        "# Settings of cvm-server. Each can also be a variable of the environment, which comes first: poll_seconds is\n\
         # CVM_POLL_SECONDS. What is commented out is what it is if nobody says.\n",
    );
    for setting in SETTINGS {
        let (mark, value) = match setting.default {
            None => ("", "..."),
            Some(default) => ("# ", default),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n# {}\n{mark}{} = \"{value}\"\n",
            setting.says, setting.key
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, vars: &[(&str, &str)]) -> Env {
        let file = tempfile(text);
        let vars = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        gather(Some(&file), vars).unwrap()
    }

    fn tempfile(text: &str) -> PathBuf {
        let name = format!("cvm-settings-{}-{}", std::process::id(), text.len());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn the_environment_comes_before_the_file_and_the_file_before_the_default() {
        let mut env = with(
            "poll_seconds = 5\nservers = 3\n",
            &[("CVM_SERVERS", "4"), ("CVM_WORKERS", "")],
        );
        assert_eq!(env.text("CVM_POLL_SECONDS").unwrap(), "5");
        assert_eq!(env.text("CVM_SERVERS").unwrap(), "4");
        assert_eq!(env.text("CVM_WORKERS").unwrap(), "16");
    }

    #[test]
    fn what_is_wrong_is_named_as_the_file_names_it() {
        let unknown = with("pol_seconds = 5\n", &[]).finish().unwrap_err();
        let text = SettingsError::from(unknown).to_string();
        assert!(
            text.contains("setting pol_seconds (CVM_POL_SECONDS)"),
            "{text}"
        );
        let missing = SettingsError::from(ConfigError::Missing("CVM_PUBLIC_HOST"));
        assert_eq!(
            missing.to_string(),
            "setting public_host (CVM_PUBLIC_HOST) is missing"
        );
        let broken = parse("a = 1\nb = \n").unwrap_err();
        assert!(broken.starts_with("line 2: "), "{broken}");
        assert_eq!(
            parse("a = [1]").unwrap_err(),
            "a must be a text, a number, true or false"
        );
    }

    #[test]
    fn the_example_is_a_file_of_known_settings() {
        let said = parse(&example()).unwrap();
        let must: Vec<_> = said.into_iter().map(|(name, _)| key_of(&name)).collect();
        assert_eq!(must, ["database_url", "public_host"]);
        let all = example()
            .replace("\n# ", "\n")
            .lines()
            .filter(|line| line.contains(" = \""))
            .count();
        assert_eq!(all, SETTINGS.len());
    }
}
