//! Requests that prove the secret instead of sending it.

use cvm_ingest::http::Answer;
use cvm_ingest::http::Asked;
use cvm_shared::proof::Call;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::record::Record;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::open;
use cvm_shared::secret::DeviceToken;
use http::HeaderValue;
use http::Method;

use crate::sample;
use crate::site::AUDIENCE;
use crate::site::asked;

/// The prover of a sample device.
pub fn prover(serial: &str) -> Prover {
    let token = DeviceToken::parse(sample::TOKEN).unwrap();
    Prover::new(sample::serial(serial), &token)
}

/// A request with its proof.
pub fn proven(
    prover: &Prover,
    method: Method,
    path: &str,
    (stamp, nonce): (Stamp, &RequestNonce),
    body: &[u8],
) -> Asked {
    let mut asked = asked(method, path, None, body);
    let header = prover.authorize(&call(prover, &asked, stamp, nonce));
    let value = HeaderValue::from_str(&header).unwrap();
    asked.headers.insert("authorization", value);
    asked
}

/// A sealed bundle, opened as its device would.
pub fn opened(row: &Record, sealed: &[u8]) -> Vec<u8> {
    let names = SealedFor {
        serial: &row.serial,
        request: row.state.request_id().unwrap(),
        certificate: &row.state.issued().unwrap().certificate_id,
    };
    let prover = prover(row.serial.as_str());
    open(prover.server_key(), &names, sealed).unwrap().to_vec()
}

/// Whether the answer carries the right proof for this request.
pub fn confirmed(
    prover: &Prover,
    asked: &Asked,
    (stamp, nonce): (Stamp, &RequestNonce),
    answer: &Answer,
) -> bool {
    let text = call(prover, asked, stamp, nonce).canonical();
    let shown = answer.headers.get("cvm1-proof");
    let shown = shown.and_then(|value| value.to_str().ok());
    let (status, body) = (answer.status.as_u16(), answer.body.as_bytes());
    shown.is_some_and(|shown| prover.confirms(&text, status, body, shown))
}

fn call<'a>(
    prover: &'a Prover,
    asked: &'a Asked,
    stamp: Stamp,
    nonce: &'a RequestNonce,
) -> Call<'a> {
    Call {
        method: asked.method.as_str(),
        audience: AUDIENCE,
        path: &asked.path,
        serial: prover.serial(),
        stamp,
        nonce,
        body: &asked.body,
    }
}
