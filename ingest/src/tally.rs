//! What logs and metrics say of a call: whose it is, what it asks for, how it was answered.

use ::http::StatusCode;
use cvm_aws::meters;
use cvm_shared::event::Refusal;
use cvm_shared::failure::Failure;
use cvm_shared::ids::RequestId;
use cvm_shared::record::Record;
use serde_json::Value;
use tracing::Span;
use tracing::field::Empty;
use tracing::field::display;

/// Whose every line about a call is: it begins with API Gateway's id of the call, which is in the access log, too, and
/// has the device once it has logged in, and the request once there is one: the id that the worker's lines have, too.
/// Of the worst level, so that no log level leaves it out.
pub fn span_of(payload: &Value) -> Span {
    span_named(payload["requestContext"]["requestId"].as_str())
}

/// The same for a host that has its own id of the call.
pub fn span_named(id: Option<&str>) -> Span {
    tracing::error_span!("call", gatewayId = id, serial = Empty, request = Empty)
}

/// Notes who calls, after the login: before it, a name is anybody's.
pub(crate) fn is_from(row: &Record) {
    let span = Span::current();
    span.record("serial", display(&row.serial));
    if let Some(request) = row.state.request_id() {
        span.record("request", display(request));
    }
}

/// Notes what the call asks for.
pub(crate) fn asks_for(request: &RequestId) {
    Span::current().record("request", display(request));
}

/// The order is in the queue.
pub(crate) fn accepted() {
    tracing::info!("accepted");
    meters::ACCEPTED.add(1);
}

/// The row takes no new request.
pub(crate) fn refused(refusal: &Refusal) {
    meters::REPEATED.add(u64::from(*refusal == Refusal::Already));
}

/// A call behind the door failed.
pub(crate) fn failed(failure: &Failure) {
    let is_denied = matches!(failure, Failure::Denied { .. });
    meters::DENIED.add(u64::from(is_denied));
}

/// The call was answered.
pub(crate) fn answered(status: StatusCode) {
    let meter = match status.as_u16() {
        401 => &meters::UNAUTHORIZED,
        429 => &meters::TOO_MANY_REQUESTS,
        500.. => &meters::SERVER_ERRORS,
        _ => return,
    };
    meter.add(1);
}
