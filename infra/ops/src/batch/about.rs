//! The page about a batch: who submitted it, when, and what was in its file.

use cvm_shared::ids::Malformed;
use cvm_shared::time::UnixMillis;
use serde::Deserialize;
use serde::Serialize;

/// The version that this code writes and reads.
const VERSION: u32 = 1;

/// What there is to know of a batch beside its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    v: u32,
    /// Who submitted it first (an ARN).
    pub by: String,
    /// When.
    pub at: UnixMillis,
    /// Why, if somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is known of the file.
    #[serde(flatten)]
    pub digest: Digest,
}

/// A file that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// The file's name, without its folder.
    pub file: String,
    /// The file's SHA-256.
    pub file_sha256: String,
    /// The SHA-256 of the rows as they are kept: it covers the signing requests in files beside the file, too.
    pub rows_sha256: String,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them are bad.
    pub bad: u64,
}

impl About {
    /// The page of a batch that begins now.
    pub fn new(by: String, at: UnixMillis, reason: Option<String>, digest: Digest) -> Self {
        Self {
            v: VERSION,
            by,
            at,
            reason,
            digest,
        }
    }

    /// The page as text.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::json!(self).to_string().into_bytes()
    }

    /// Reads [`About::encode`] back.
    pub fn decode(text: &[u8]) -> Result<Self, Malformed> {
        let refuse = |rule: &str| Malformed::new("about.json", rule);
        let about: Self =
            serde_json::from_slice(text).map_err(|_| refuse("lacks a field or has a bad one"))?;
        if about.v == VERSION {
            Ok(about)
        } else {
            Err(refuse("is of a later version of this tool"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_back_and_a_later_version_does_not() {
        let digest = Digest {
            file: "night-shift.csv".to_owned(),
            file_sha256: "a".repeat(64),
            rows_sha256: "b".repeat(64),
            rows: 3,
            bad: 1,
        };
        let about = About::new(
            "arn:aws:iam::1:user/a".to_owned(),
            UnixMillis(5),
            None,
            digest,
        );
        let text = about.encode();
        assert_eq!(About::decode(&text), Ok(about));
        let later = String::from_utf8(text)
            .unwrap()
            .replace("\"v\":1", "\"v\":2");
        assert!(About::decode(later.as_bytes()).is_err());
    }
}
