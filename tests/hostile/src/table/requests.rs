//! Rows of signing requests. They are sent with the right secret.

use cvm_shared::record::Record;

use crate::cast::busy;
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
    let device = busy();
    let own = token(device.serial.as_str());
    let request = Request::submission(body(device.serial.as_str(), &own, Some(csr)));
    let row = rows.add(what, &request, bad_csr(rule));
    row.hides(own).with(device)
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
