//! The device API's JSON, shared by the door and the device. Times are whole seconds since 1970.

use serde::Deserialize;
use serde::Serialize;

use crate::ids::CertificateId;
use crate::ids::RequestId;

/// Where certificates are asked for.
pub const CERTIFICATES_PATH: &str = "/v1/certificates";
/// Where the trust bundle lies.
pub const TRUST_BUNDLE_PATH: &str = "/v1/trust-bundle";
/// The scheme of the `Authorization` header in plain token mode:
/// `CVM1-TOKEN serial="...",token="..."`.
pub const TOKEN_SCHEME: &str = "CVM1-TOKEN";
/// The scheme of the `Authorization` header in proof mode ([`crate::proof`]):
/// `CVM1 serial="...",ts="...",nonce="...",proof="..."`.
pub const PROOF_SCHEME: &str = "CVM1";
/// Where a server's nonce is asked for.
pub const NONCE_PATH: &str = "/v1/nonce";
/// The header of an answer that proves the server.
pub const PROOF_HEADER: &str = "cvm1-proof";
/// The header of a server's nonce: on the answer to [`NONCE_PATH`] and on every 400 and 401.
pub const NONCE_HEADER: &str = "replay-nonce";
/// The code of a refusal that a fresh nonce helps against.
pub const BAD_NONCE: &str = "bad_nonce";
/// What a device that cannot follow a link sends as `Prefer` (RFC 7240) to have the bundle in the answer.
pub const INLINE_PREFERENCE: &str = "bundle=inline";
/// The largest bundle that is put into an answer, in bytes.
pub const INLINE_MAX: usize = 16 * 1024;
/// The largest request body, in bytes.
pub const BODY_MAX: usize = 16 * 1024;
/// The media type of every error.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// What a request has come to: the answer to a submission and to a poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// The request; `Location` holds its path.
    pub request_id: RequestId,
    /// How it stands.
    #[serde(flatten)]
    pub status: Status,
}

/// How a request stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "status",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Status {
    /// Not done yet: poll again after that many seconds (`Retry-After` says the same).
    Pending {
        /// Seconds to wait.
        poll_after_seconds: u64,
    },
    /// Done: fetch the bundle, install it, confirm.
    Vended {
        /// The certificate.
        certificate_id: CertificateId,
        /// The AWS IoT data endpoint (host name).
        endpoint: String,
        /// The bundle, or where it can be fetched.
        bundle: BundleView,
    },
    /// Failed.
    Failed {
        /// The stable code of the cause.
        code: String,
        /// Whether submitting the same request again can succeed.
        retryable: bool,
        /// When it failed.
        failed_at: u64,
        /// From when on submitting again can help, if waiting is what helps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<u64>,
    },
}

/// How a device gets its bundle.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BundleView {
    /// It fetches the bundle.
    Link(BundleLink),
    /// It asked for the bundle itself, with [`INLINE_PREFERENCE`].
    Inline(InlineBundle),
}

impl BundleView {
    /// SHA-256 of the bundle's bytes in lower-case hex.
    pub fn sha256(&self) -> &str {
        match self {
            Self::Link(link) => &link.sha256,
            Self::Inline(inline) => &inline.sha256,
        }
    }
}

impl std::fmt::Debug for BundleView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(link) => link.fmt(f),
            Self::Inline(_) => f.write_str("InlineBundle([REDACTED])"),
        }
    }
}

/// The bundle in the answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InlineBundle {
    /// The bundle's bytes in base64 (RFC 4648, section 4).
    pub content: String,
    /// SHA-256 of the bundle's bytes in lower-case hex.
    pub sha256: String,
}

/// A server's nonce, for devices without a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NonceView {
    /// The nonce; the header [`NONCE_HEADER`] says the same.
    pub nonce: String,
    /// The moment from which it is refused, in seconds since 1970: a hint, not a time to trust.
    pub expires_at: u64,
}

/// A link to the bundle: whoever has it can fetch, so it lives for seconds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleLink {
    /// The presigned URL.
    pub url: String,
    /// The moment from which the URL is refused.
    pub expires_at: u64,
    /// SHA-256 of the bundle's bytes in lower-case hex.
    pub sha256: String,
}

impl std::fmt::Debug for BundleLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BundleLink(expires at {})", self.expires_at)
    }
}

/// A refusal (RFC 9457), with our stable code beside the standard members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status code.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What it means, in a few words that never change.
    pub title: String,
    /// Which field broke which rule, where that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The path of a request.
pub fn request_path(id: &RequestId) -> String {
    format!("{CERTIFICATES_PATH}/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_status_has_the_documented_shape() {
        let view = StatusView {
            request_id: RequestId::parse("0".repeat(32)).unwrap(),
            status: Status::Pending {
                poll_after_seconds: 3,
            },
        };
        let json = serde_json::to_value(&view).unwrap();
        let expected = serde_json::json!({
            "requestId": "0".repeat(32), "status": "pending", "pollAfterSeconds": 3
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<StatusView>(json).unwrap(), view);
    }

    #[test]
    fn a_link_does_not_print_its_url() {
        let link = BundleLink {
            url: "https://x/?X-Amz-Signature=hunter2".to_owned(),
            expires_at: 7,
            sha256: String::new(),
        };
        assert_eq!(format!("{link:?}"), "BundleLink(expires at 7)");
    }
}
