//! Rows of signing requests: the known device sends them with its right secret.

use cvm_shared::record::Record;

use crate::cast::KNOWN;
use crate::cast::token;
use crate::event::Request;
use crate::event::body;
use crate::row::Expected;
use crate::row::Row;
use crate::row::Rows;
use crate::row::bad_csr;

/// One that must be refused for breaking this rule.
pub(super) fn refused<'a>(
    rows: &'a mut Rows,
    what: &str,
    csr: &str,
    rule: &'static str,
) -> &'a mut Row {
    let request = Request::submission(body(KNOWN, &token(KNOWN), Some(csr)));
    let row = rows.add(what, &request, bad_csr(rule));
    row.hides(token(KNOWN))
}

/// One that must be accepted for this device.
pub(super) fn accepted<'a>(
    rows: &'a mut Rows,
    what: &str,
    csr: &str,
    device: Record,
) -> &'a mut Row {
    let serial = device.serial.to_string();
    let request = Request::submission(body(&serial, &token(&serial), Some(csr)));
    let row = rows.add(what, &request, Expected::Accepted);
    row.hides(token(&serial)).with(device)
}
