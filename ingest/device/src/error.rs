//! How a run ends when it does not succeed: one closed list, each with a code and an exit code.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use cvm_shared::api::Problem;

use crate::action::Step;
use crate::verify::Flaw;

/// The longest text of a server that is repeated in an error.
const TEXT_MAX: usize = 200;

/// Why a run stopped. No variant ever holds the token, a private key or a link to a bundle.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command or the directory cannot be worked with; nothing was sent.
    #[error("{0}")]
    Config(String),
    /// The server refused, and asking the same again cannot help.
    #[error("the server refused to {step}: {code} (HTTP {status}{detail})")]
    Refused {
        /// What was asked.
        step: Step,
        /// The HTTP status.
        status: u16,
        /// The server's stable code, or `http_` and the status.
        code: String,
        /// The server's words after a colon, or nothing.
        detail: String,
    },
    /// The request was accepted, and failed.
    #[error("the certificate could not be issued: {code}{}", if *.retryable { " (asking again later may help)" } else { "" })]
    Failed {
        /// The stable code of the cause.
        code: String,
        /// Whether asking again later can help.
        retryable: bool,
    },
    /// The bundle was shredded before this device installed it.
    #[error("the certificate was handed over already; the operator must reset this device")]
    Gone,
    /// The server's answer is not one that the protocol knows.
    #[error("the answer to {step} makes no sense: {what}")]
    BadAnswer {
        /// What was asked.
        step: Step,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The answer does not come from the server that keeps this device's verifier, or was changed on its
    /// way; nothing that it says is believed.
    #[error(
        "the answer to {step} (HTTP {status}) does not prove that it comes from this device's server"
    )]
    Unproven {
        /// What was asked.
        step: Step,
        /// The HTTP status.
        status: u16,
    },
    /// The bundle is not what was asked for; nothing was installed.
    #[error("the bundle was not installed: {0}")]
    BadBundle(#[from] Flaw),
    /// The install directory could not be read or written.
    #[error("{}: {source}", path.display())]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Not finished, and nothing is lost: the same command goes on from here.
    #[error("not finished: {cause}; try again {}", when(*.after))]
    Later {
        /// What kept it from finishing.
        cause: String,
        /// How long the server asked to wait, where it did.
        after: Option<Duration>,
    },
    /// The MQTT broker refused the certificate, the connection or the topic.
    #[error("the broker refused to {step}: {cause}")]
    Broker {
        /// What was tried.
        step: &'static str,
        /// What the broker or its TLS said.
        cause: String,
    },
}

impl Error {
    /// A refusal, with the server's code if the body is a problem document.
    pub(crate) fn refused(step: Step, status: u16, body: &[u8]) -> Self {
        let problem = serde_json::from_slice::<Problem>(body).ok();
        let (code, detail) = match problem {
            Some(problem) => {
                let words = problem.detail.unwrap_or(problem.title);
                (one_line(&problem.code), format!(": {}", one_line(&words)))
            }
            None => (format!("http_{status}"), String::new()),
        };
        Self::Refused {
            step,
            status,
            code,
            detail,
        }
    }

    /// A failure of the disk at `path`.
    pub(crate) fn disk(path: &Path, source: io::Error) -> Self {
        Self::Disk {
            path: path.to_owned(),
            source,
        }
    }

    /// A stop that loses nothing.
    pub(crate) fn later(cause: impl Into<String>) -> Self {
        Self::Later {
            cause: cause.into(),
            after: None,
        }
    }

    /// A stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Config(_) => "bad_config",
            Self::Refused { code, .. } | Self::Failed { code, .. } => code,
            Self::Gone => "gone",
            Self::BadAnswer { .. } => "bad_answer",
            Self::Unproven { .. } => "unproven_answer",
            Self::BadBundle(_) => "bad_bundle",
            Self::Disk { .. } => "disk",
            Self::Later { .. } => "later",
            Self::Broker { .. } => "broker_refused",
        }
    }

    /// The process's exit code: 1 refused for good, 2 usage, 3 try again later.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Later { .. }
            | Self::Failed {
                retryable: true, ..
            } => 3,
            Self::Refused { .. }
            | Self::Failed {
                retryable: false, ..
            }
            | Self::Gone
            | Self::BadAnswer { .. }
            | Self::Unproven { .. }
            | Self::BadBundle(_)
            | Self::Disk { .. }
            | Self::Broker { .. } => 1,
        }
    }
}

/// The server's words as one short line: they go to a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(printable).take(TEXT_MAX).collect()
}

fn when(after: Option<Duration>) -> String {
    after.map_or_else(
        || "later".to_owned(),
        |wait| format!("in {} s", wait.as_secs_f64().ceil()),
    )
}

/// The TLS error inside an error, if there is one: HTTP and MQTT clients wrap it several deep.
pub(crate) fn tls_cause<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An io::Error shows the cause of what it wraps, not what it wraps.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The innermost cause in its own words: the outer ones repeat it or hold addresses.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    one_line(&innermost.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_carries_the_stable_code() {
        let body = br#"{"status":409,"code":"idempotency_conflict","title":"Conflict"}"#;
        let error = Error::refused(Step::Submit, 409, body);
        assert_eq!(error.code(), "idempotency_conflict");
        assert_eq!(error.exit_code(), 1);
        assert_eq!(
            error.to_string(),
            "the server refused to submit: idempotency_conflict (HTTP 409: Conflict)"
        );
    }

    #[test]
    fn what_is_no_problem_document_is_told_by_its_status() {
        let error = Error::refused(Step::Poll, 403, b"<html>");
        assert_eq!(
            error.to_string(),
            "the server refused to poll: http_403 (HTTP 403)"
        );
    }

    #[test]
    fn a_server_cannot_write_to_the_terminal() {
        assert_eq!(one_line("a\x1b[2J\nb"), "a [2J b");
        assert_eq!(one_line(&"x".repeat(999)).len(), TEXT_MAX);
    }

    #[test]
    fn later_says_when() {
        let error = Error::Later {
            cause: "the request is queued".to_owned(),
            after: Some(Duration::from_millis(1_500)),
        };
        assert_eq!(
            error.to_string(),
            "not finished: the request is queued; try again in 2 s"
        );
        assert_eq!(error.exit_code(), 3);
    }
}
