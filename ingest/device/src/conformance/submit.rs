//! Rules of what may be asked for, and of asking twice.

use cvm_shared::api::BODY_MAX;
use cvm_shared::api::Status;
use cvm_shared::api::StatusView;
use cvm_shared::api::request_path;
use cvm_shared::ids::SerialNumber;

use super::bench::Ask;
use super::bench::Bench;
use super::bench::Twist;
use super::seen::Checked;
use super::seen::Miss;
use super::seen::Seen;
use super::seen::demand;

pub(crate) async fn other_type(bench: &mut Bench) -> Checked {
    let mut ask = Ask::submission("{}");
    ask.headers = vec![("content-type", "text/plain".to_owned())];
    let seen = bench.proven(&ask).await?;
    seen.refuses(415, "unsupported_media_type")
}

pub(crate) async fn too_large(bench: &mut Bench) -> Checked {
    let ask = Ask::submission(vec![b' '; BODY_MAX + 1]);
    bench.proven(&ask).await?.refuses(413, "too_large")
}

pub(crate) async fn bad_body(bench: &mut Bench) -> Checked {
    for body in ["{", "[]", r#"{"csr":1}"#, r#"{"csr":"x","other":"y"}"#] {
        let seen = bench.proven(&Ask::submission(body)).await?;
        seen.refuses(400, "bad_request")?;
    }
    Ok(())
}

pub(crate) async fn bad_csr(bench: &mut Bench) -> Checked {
    let seen = bench
        .proven(&Ask::submission(r#"{"csr":"rubbish"}"#))
        .await?;
    seen.refuses(422, "bad_csr")
}

pub(crate) async fn foreign_csr(bench: &mut Bench) -> Checked {
    let name = SerialNumber::parse("somebody-else");
    let name = name.map_err(|error| Miss::Skipped(error.to_string()))?;
    let ask = Ask::submission(bench.csr_body(&name)?);
    bench.proven(&ask).await?.refuses(422, "bad_csr")
}

pub(crate) async fn submission(bench: &mut Bench) -> Checked {
    let ask = Ask::submission(bench.csr_body(bench.serial())?);
    let (signed, text) = bench.signed(&ask, &Twist::default());
    let seen = bench.send(&signed).await?;
    if seen.status == 409 || seen.status == 410 {
        let spent = "the device has a request or a certificate already: reset it, or name another";
        return Err(Miss::Failed(spent.to_owned()));
    }
    bench.confirms(&text, &seen)?;
    let view = status(&seen)?;
    seen.says("location", &request_path(&view.request_id))?;
    bench.found.request_id = Some(view.request_id);
    bench.found.accepted = Some(signed);
    Ok(())
}

/// A status in its form: 202 while it is pending, 200 once it is settled.
pub(crate) fn status(seen: &Seen) -> Checked<StatusView> {
    demand(matches!(seen.status, 200 | 202), || {
        format!("HTTP {} instead of 200 or 202", seen.status)
    })?;
    seen.says("content-type", "application/json")?;
    seen.says("cache-control", "no-store")?;
    let view: StatusView = seen.json("a status")?;
    if let Status::Pending { .. } = view.status {
        seen.is(202)?;
        let told: Option<u64> = seen.header("retry-after").parse().ok();
        demand(told.is_some(), || "no Retry-After in seconds".to_owned())?;
    } else {
        seen.is(200)?;
    }
    Ok(view)
}

pub(crate) async fn submitted_again(bench: &mut Bench) -> Checked {
    let id = bench.request_id()?;
    // Signed anew, as an interrupted device would: another text for the same key.
    let ask = Ask::submission(bench.csr_body(bench.serial())?);
    let view = status(&bench.proven(&ask).await?)?;
    demand(view.request_id == id, || {
        "the same key has another request".to_owned()
    })
}

pub(crate) async fn replayed(bench: &mut Bench) -> Checked {
    let missing = || Miss::Skipped("no request was accepted".to_owned());
    let again = bench.found.accepted.clone().ok_or_else(missing)?;
    bench.send(&again).await?.refuses(400, "bad_nonce")
}
