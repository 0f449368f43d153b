//! What a server answered, and what may be demanded of an answer.

use cvm_shared::api::PROBLEM_TYPE;
use cvm_shared::api::Problem;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// Why a rule does not pass.
#[derive(Debug)]
pub(crate) enum Miss {
    /// The server breaks it.
    Failed(String),
    /// It cannot be judged.
    Skipped(String),
}

/// What came of a demand.
pub(crate) type Checked<T = ()> = Result<T, Miss>;

/// The demand, or the reason why it is not met.
pub(crate) fn demand(met: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if met {
        Ok(())
    } else {
        Err(Miss::Failed(otherwise()))
    }
}

/// An answer as it came.
pub(crate) struct Seen {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Seen {
    /// A header's value, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    pub(super) fn is(&self, status: u16) -> Checked {
        demand(self.status == status, || {
            format!("HTTP {} instead of {status}", self.status)
        })
    }

    /// The header has this value (media types without their parameters).
    pub(super) fn says(&self, name: &str, expected: &str) -> Checked {
        let value = self.header(name);
        let bare = value.split(';').next().unwrap_or_default().trim();
        demand(bare.eq_ignore_ascii_case(expected), || match value {
            "" => format!("no {name} instead of {expected}"),
            _ => format!("another {name} than {expected}"),
        })
    }

    pub(super) fn has(&self, name: &str) -> Checked {
        demand(!self.header(name).is_empty(), || format!("no {name}"))
    }

    /// A refusal with this status and code, in the one form of all refusals.
    pub(super) fn refuses(&self, status: u16, code: &str) -> Checked {
        self.is(status)?;
        self.says("content-type", PROBLEM_TYPE)?;
        let problem: Problem = self.json("a problem document")?;
        demand(problem.status == status, || {
            format!(
                "the body says status {} under HTTP {status}",
                problem.status
            )
        })?;
        demand(problem.code == code, || {
            let told: String = problem.code.chars().take(40).collect();
            format!("code {told:?} instead of {code}")
        })
    }

    pub(super) fn json<T: DeserializeOwned>(&self, what: &str) -> Checked<T> {
        serde_json::from_slice(&self.body)
            .map_err(|_| Miss::Failed(format!("the body is not {what}")))
    }

    /// What a device can tell two refusals apart by; what differs with every answer is left out.
    pub(super) fn face(&self) -> (u16, Vec<&str>, &[u8]) {
        let names = [
            "content-type",
            "cache-control",
            "www-authenticate",
            "retry-after",
        ];
        let headers = names.map(|name| self.header(name)).to_vec();
        (self.status, headers, &self.body)
    }
}
