//! The trust bundle: public, so it needs no login, and cacheable, so it costs next to nothing.

use ::http::StatusCode;
use cvm_shared::trust::TrustBundle;

use crate::http::Answer;
use crate::http::Asked;
use crate::problem::Refused;

/// `GET /v1/trust-bundle`: the roots, or 304 if the device has this version of them.
pub(crate) fn trust_bundle(trust: &TrustBundle, asked: &Asked) -> Result<Answer, Refused> {
    let known = asked.header("if-none-match")?.unwrap_or_default();
    // By weak comparison (RFC 9110, 13.1.2): a cache in between may have weakened the tag.
    let has_it = known
        .split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == trust.etag());
    let answer = if has_it {
        Answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        Answer::text(StatusCode::OK, "application/x-pem-file", trust.pem())
    };
    Ok(answer
        .header("etag", trust.etag())
        .header("cache-control", "public, max-age=3600"))
}
