//! Rules of what anybody may ask: nonces, roots, and what is not there.

use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::NONCE_HEADER;
use cvm_shared::api::NONCE_PATH;
use cvm_shared::api::NonceView;
use cvm_shared::api::TRUST_BUNDLE_PATH;
use cvm_shared::proof::RequestNonce;
use reqwest::Method;
use x509_parser::pem::Pem;

use super::bench::Ask;
use super::bench::Bench;
use super::seen::Checked;
use super::seen::Miss;
use super::seen::demand;

pub(crate) async fn nonce_answer(bench: &mut Bench) -> Checked {
    let seen = bench.send(&Ask::get(NONCE_PATH)).await?;
    seen.is(200)?;
    seen.says("content-type", "application/json")?;
    let view: NonceView = seen.json("{nonce, expiresAt}")?;
    RequestNonce::parse(&view.nonce).map_err(|error| Miss::Failed(error.to_string()))?;
    demand(seen.header(NONCE_HEADER) == view.nonce, || {
        format!("{NONCE_HEADER} is not the nonce in the body")
    })
}

pub(crate) async fn nonce_not_stored(bench: &mut Bench) -> Checked {
    let seen = bench.send(&Ask::get(NONCE_PATH)).await?;
    seen.says("cache-control", "no-store")
}

pub(crate) async fn nonce_once(bench: &mut Bench) -> Checked {
    let (one, two) = (bench.server_nonce().await?, bench.server_nonce().await?);
    demand(one != two, || "the same nonce twice".to_owned())
}

pub(crate) async fn roots_answer(bench: &mut Bench) -> Checked {
    let seen = bench.send(&Ask::get(TRUST_BUNDLE_PATH)).await?;
    seen.is(200)?;
    seen.has("etag")?;
    let fit = |block: Result<Pem, _>| block.is_ok_and(|block| block.label == "CERTIFICATE");
    let mut blocks = Pem::iter_from_buffer(&seen.body).peekable();
    let some = blocks.peek().is_some();
    demand(some && blocks.all(fit), || {
        "the body is not a set of PEM certificates".to_owned()
    })
}

pub(crate) async fn roots_not_modified(bench: &mut Bench) -> Checked {
    let first = bench.send(&Ask::get(TRUST_BUNDLE_PATH)).await?;
    let known = first.header("etag").to_owned();
    let ask = Ask::get(TRUST_BUNDLE_PATH).with("if-none-match", known);
    let seen = bench.send(&ask).await?;
    seen.is(304)?;
    demand(seen.body.is_empty(), || "a body under HTTP 304".to_owned())
}

pub(crate) async fn unknown_path(bench: &mut Bench) -> Checked {
    let seen = bench.send(&Ask::get("/v1/nothing")).await?;
    seen.refuses(404, "not_found")
}

/// None is percent-encoded: API Gateway decodes a path before it hands it over, so to a server that is the path itself.
pub(crate) async fn path_aliases(bench: &mut Bench) -> Checked {
    for path in ["/v1/nonce/", "/V1/nonce", "/v1//nonce", "/v1/nonce;a=b"] {
        let seen = bench.send(&Ask::get(path)).await?;
        demand(seen.status == 404, || {
            format!("HTTP {} for {path}", seen.status)
        })?;
    }
    Ok(())
}

pub(crate) async fn other_method(bench: &mut Bench) -> Checked {
    for (method, path, allowed) in [
        (Method::PUT, CERTIFICATES_PATH, "POST"),
        (Method::GET, CERTIFICATES_PATH, "POST"),
        (Method::POST, TRUST_BUNDLE_PATH, "GET"),
    ] {
        let seen = bench.send(&Ask::of(method, path)).await?;
        seen.refuses(405, "method_not_allowed")?;
        seen.says("allow", allowed)?;
    }
    Ok(())
}

pub(crate) async fn query_refused(bench: &mut Bench) -> Checked {
    let mut ask = Ask::get(NONCE_PATH);
    ask.query = "?token=x";
    bench.send(&ask).await?.refuses(400, "bad_request")
}

pub(crate) async fn refusal_not_stored(bench: &mut Bench) -> Checked {
    let seen = bench.send(&Ask::get("/v1/nothing")).await?;
    seen.says("cache-control", "no-store")
}
