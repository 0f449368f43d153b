//! The one call of STS that an operator's tool makes: who am I?

use axum::http::StatusCode;
use axum::response::Response;

use crate::account::Account;
use crate::wire::Incoming;
use crate::wire::respond;

/// The call's name, as it stands in the form.
const OPERATION: &str = "GetCallerIdentity";

/// The call that a request makes, if it is one of the query protocol.
pub(crate) fn operation(request: &Incoming) -> Option<&'static str> {
    let form = request.header("content-type")? == "application/x-www-form-urlencoded";
    let called = request.body.split(|byte| *byte == b'&');
    let mut called = called.filter_map(|pair| pair.strip_prefix(b"Action="));
    (form && called.next()? == OPERATION.as_bytes()).then_some(OPERATION)
}

/// Everybody is the operator.
pub(crate) fn answer() -> Response {
    let (arn, number) = (Account::OPERATOR, Account::NUMBER);
    let told = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>{arn}</Arn><UserId>AIDATEST</UserId><Account>{number}</Account></GetCallerIdentityResult>\
         </GetCallerIdentityResponse>"
    );
    respond(StatusCode::OK, "text/xml", told)
}
