//! Rules of the certificate on its way: the poll, the bundle by both ways, the confirmation.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_shared::api::BundleView;
use cvm_shared::api::INLINE_MAX;
use cvm_shared::api::INLINE_PREFERENCE;
use cvm_shared::api::Status;
use cvm_shared::api::StatusView;
use cvm_shared::api::TOKEN_SCHEME;
use cvm_shared::api::TRUST_BUNDLE_PATH;
use cvm_shared::api::request_path;
use cvm_shared::bundle::digest;
use cvm_shared::ids::CertificateId;

use super::bench::Ask;
use super::bench::Bench;
use super::bench::pause;
use super::seen::Checked;
use super::seen::Miss;
use super::seen::Seen;
use super::seen::demand;
use super::submit::status;
use crate::verify::Expected;
use crate::verify::check;

fn poll_of(bench: &Bench) -> Checked<Ask> {
    Ok(Ask::get(request_path(&bench.request_id()?)))
}

pub(crate) async fn poll(bench: &mut Bench) -> Checked {
    let ask = poll_of(bench)?;
    let view = status(&bench.proven(&ask).await?)?;
    demand(
        Some(&view.request_id) == bench.found.request_id.as_ref(),
        || "the poll of one request shows another".to_owned(),
    )
}

pub(crate) async fn plain_token(bench: &mut Bench) -> Checked {
    let (serial, token) = (bench.serial(), bench.config.token.expose());
    let header = format!("{TOKEN_SCHEME} serial=\"{serial}\",token=\"{token}\"");
    let seen = bench
        .send(&poll_of(bench)?.with("authorization", header))
        .await?;
    if seen.status == 401 {
        return seen.refuses(401, "unauthorized"); // The device must prove its secret.
    }
    status(&seen).map(|_| ())
}

pub(crate) async fn vended(bench: &mut Bench) -> Checked {
    let ask = poll_of(bench)?;
    let mut left = bench.config.timeout;
    loop {
        let seen = bench.proven(&ask).await?;
        let view = status(&seen)?;
        match &view.status {
            Status::Vended { .. } => {
                bench.found.vended = Some(view);
                return Ok(());
            }
            Status::Failed { code, .. } => {
                let code: String = code.chars().take(40).collect();
                return Err(Miss::Failed(format!("the request failed: {code:?}")));
            }
            Status::Pending { .. } => left = next_poll(&seen, left).await?,
        }
    }
}

/// Waits as the server says; hands back the time that is left.
async fn next_poll(seen: &Seen, left: Duration) -> Checked<Duration> {
    let told = seen.header("retry-after").parse().unwrap_or(1);
    let wait = Duration::from_secs(told).max(Duration::from_millis(200));
    let out_of_time = || Miss::Skipped("no certificate in the time given".to_owned());
    let left = left.checked_sub(wait).ok_or_else(out_of_time)?;
    pause(wait).await;
    Ok(left)
}

fn found(bench: &Bench) -> Checked<(&StatusView, &CertificateId, &BundleView)> {
    let missing = || Miss::Skipped("no certificate was vended".to_owned());
    let view = bench.found.vended.as_ref().ok_or_else(missing)?;
    match &view.status {
        Status::Vended {
            certificate_id,
            bundle,
            ..
        } => Ok((view, certificate_id, bundle)),
        Status::Pending { .. } | Status::Failed { .. } => Err(missing()),
    }
}

pub(crate) async fn link(bench: &mut Bench) -> Checked {
    let (_, _, BundleView::Link(link)) = found(bench)? else {
        return Err(Miss::Failed(
            "the bundle itself where a link was asked for".to_owned(),
        ));
    };
    let seen = bench.fetch(&link.url).await?;
    seen.is(200)?;
    demand(digest(&seen.body) == link.sha256, || {
        "the bytes behind the link do not have the announced SHA-256".to_owned()
    })?;
    whole(bench, &seen.body, false).await
}

/// The bundle is for this device, request and key, as far as a device can check.
async fn whole(bench: &Bench, bytes: &[u8], inline: bool) -> Checked {
    let roots = bench.send(&Ask::get(TRUST_BUNDLE_PATH)).await?;
    let (view, certificate_id, bundle) = found(bench)?;
    let expected = Expected {
        serial: bench.serial(),
        request_id: &view.request_id,
        server_key: bench.prover.server_key(),
        inline,
        certificate_id,
        sha256: bundle.sha256(),
        public_key: Some(&bench.identity.public_key()),
        roots_pem: &String::from_utf8_lossy(&roots.body),
        issuer_pem: &bench.config.issuer_ca_pem,
        now: (bench.now)(),
    };
    check(bytes, &expected).map_err(|flaw| Miss::Failed(format!("the bundle: {flaw}")))?;
    Ok(())
}

pub(crate) async fn inline(bench: &mut Bench) -> Checked {
    found(bench)?;
    let ask = poll_of(bench)?.with("prefer", INLINE_PREFERENCE);
    let seen = bench.proven(&ask).await?;
    let view = status(&seen)?;
    let Status::Vended {
        bundle: BundleView::Inline(bundle),
        ..
    } = view.status
    else {
        return Err(Miss::Failed(
            "a link where the bundle was asked for".to_owned(),
        ));
    };
    seen.says("preference-applied", INLINE_PREFERENCE)?;
    let bytes = BASE64_STANDARD.decode(&bundle.content).unwrap_or_default();
    demand(bytes.len() <= INLINE_MAX, || {
        "it is larger than 16 KiB".to_owned()
    })?;
    demand(digest(&bytes) == bundle.sha256, || {
        "the content is not base64 of what has the announced SHA-256".to_owned()
    })?;
    whole(bench, &bytes, true).await
}

fn confirmation(bench: &Bench) -> Checked<Ask> {
    let id = bench.request_id()?;
    Ok(Ask::post(format!("{}/confirm", request_path(&id))))
}

pub(crate) async fn confirm(bench: &mut Bench) -> Checked {
    found(bench)?;
    if !bench.config.confirm {
        return Err(Miss::Skipped("not asked for: --confirm".to_owned()));
    }
    let seen = bench.proven(&confirmation(bench)?).await?;
    bench.found.confirmed = seen.status == 204;
    seen.is(204)?;
    demand(seen.body.is_empty(), || "a body under HTTP 204".to_owned())
}

fn after_confirmation(bench: &Bench) -> Checked {
    let why = || Miss::Skipped("nothing was confirmed".to_owned());
    bench.found.confirmed.then_some(()).ok_or_else(why)
}

pub(crate) async fn confirmed_again(bench: &mut Bench) -> Checked {
    after_confirmation(bench)?;
    bench.proven(&confirmation(bench)?).await?.is(204)
}

pub(crate) async fn shredded(bench: &mut Bench) -> Checked {
    after_confirmation(bench)?;
    let seen = bench.proven(&poll_of(bench)?).await?;
    seen.refuses(410, "bundle_shredded")?;
    let (_, _, BundleView::Link(link)) = found(bench)? else {
        return Ok(());
    };
    let fetched = bench.fetch(&link.url).await?;
    demand(fetched.status != 200, || {
        "the bundle is still there".to_owned()
    })
}

pub(crate) async fn served_once(bench: &mut Bench) -> Checked {
    after_confirmation(bench)?;
    let ask = Ask::submission(bench.csr_body(bench.serial())?);
    let seen = bench.proven(&ask).await?;
    seen.refuses(409, "already_confirmed")
}
