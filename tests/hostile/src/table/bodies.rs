//! What several parts of the table are made of: bodies of submissions, sound or raw.

use crate::cast::KNOWN;
use crate::cast::token;
use crate::event::Request;
use crate::event::body;

/// A submission with this text for a body.
pub(super) fn submit(text: &str) -> Request {
    Request::submission(text)
}

/// A body of a known device, sound but for its signing request.
pub(super) fn good() -> String {
    body(KNOWN, &token(KNOWN), Some("x"))
}

/// `{"serialNumber": .., "deviceToken": .., "csr": ..}` with raw JSON for values.
pub(super) fn raw(serial: &str, token: &str, csr: &str) -> String {
    format!(r#"{{"serialNumber":{serial},"deviceToken":{token},"csr":{csr}}}"#)
}
