//! Rules of who is let in: one refusal for all strangers, and no proof that is good twice or elsewhere.

use cvm_shared::api::NONCE_HEADER;
use cvm_shared::api::TOKEN_SCHEME;
use cvm_shared::api::request_path;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::hex;
use cvm_shared::proof::CLOCK_SKEW;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;

use super::bench::Ask;
use super::bench::Bench;
use super::bench::Twist;
use super::bench::pause;
use super::seen::Checked;
use super::seen::Miss;
use super::seen::Seen;
use super::seen::demand;
use crate::vend::fresh;

/// A poll of a request that no device has.
fn nobodys() -> Ask {
    let id = RequestId::parse(hex(&fresh()));
    Ask::get(id.map_or_else(|_| "/v1/certificates/0".to_owned(), |id| request_path(&id)))
}

/// The refusal of a proof that was made with another secret.
async fn wrong_secret(bench: &Bench) -> Checked<Seen> {
    let stranger = Bench::stranger(bench.serial())?;
    let (ask, _) = bench.signed_as(&stranger, &nobodys(), &Twist::default());
    bench.send(&ask).await
}

pub(crate) async fn no_login(bench: &mut Bench) -> Checked {
    let seen = bench.send(&nobodys()).await?;
    seen.refuses(401, "unauthorized")?;
    seen.has("www-authenticate")
}

pub(crate) async fn refusal_brings_nonce(bench: &mut Bench) -> Checked {
    let refusals = [
        bench.send(&nobodys()).await?,
        wrong_secret(bench).await?,
        bench
            .send(&nobodys().with("authorization", "Basic x"))
            .await?,
    ];
    for seen in refusals {
        RequestNonce::parse(seen.header(NONCE_HEADER))
            .map_err(|_| Miss::Failed(format!("no {NONCE_HEADER} under HTTP {}", seen.status)))?;
    }
    Ok(())
}

pub(crate) async fn other_scheme(bench: &mut Bench) -> Checked {
    let ask = nobodys().with("authorization", "Basic eDp5");
    bench.send(&ask).await?.refuses(400, "bad_request")
}

pub(crate) async fn wrong_proof(bench: &mut Bench) -> Checked {
    wrong_secret(bench).await?.refuses(401, "unauthorized")
}

pub(crate) async fn unknown_alike(bench: &mut Bench) -> Checked {
    let wrong = wrong_secret(bench).await?;
    let name = SerialNumber::parse(format!("unknown-{}", hex(&fresh())));
    let name = name.map_err(|error| Miss::Skipped(error.to_string()))?;
    let (ask, _) = bench.signed_as(&Bench::stranger(&name)?, &nobodys(), &Twist::default());
    let unknown = bench.send(&ask).await?;
    demand(wrong.face() == unknown.face(), || {
        "an unknown device is refused otherwise than a wrong proof".to_owned()
    })
}

pub(crate) async fn other_host(bench: &mut Bench) -> Checked {
    let twist = Twist {
        audience: Some("elsewhere.invalid"),
        ..Twist::default()
    };
    let seen = bench.twisted(&nobodys(), &twist).await?;
    seen.refuses(401, "unauthorized")
}

pub(crate) async fn other_path(bench: &mut Bench) -> Checked {
    let twist = Twist {
        path: Some("/v1/certificates/0123456789abcdef0123456789abcdef"),
        ..Twist::default()
    };
    let seen = bench.twisted(&nobodys(), &twist).await?;
    seen.refuses(401, "unauthorized")
}

pub(crate) async fn other_call(bench: &mut Bench) -> Checked {
    let twist = Twist {
        method: Some("POST"),
        ..Twist::default()
    };
    let seen = bench.twisted(&nobodys(), &twist).await?;
    seen.refuses(401, "unauthorized")
}

pub(crate) async fn other_body(bench: &mut Bench) -> Checked {
    let twist = Twist {
        body: Some(b"{}"),
        ..Twist::default()
    };
    // One blank more than was proven.
    let seen = bench.twisted(&Ask::submission("{ }"), &twist).await?;
    seen.refuses(401, "unauthorized")
}

pub(crate) async fn wrong_clock(bench: &mut Bench) -> Checked {
    let now = (bench.now)().seconds();
    // A minute beyond the bound, for the server's clock is not ours.
    for at in [
        now.saturating_sub(CLOCK_SKEW + 60),
        now + CLOCK_SKEW + 60,
        1,
    ] {
        let twist = Twist {
            stamp: Some(Stamp::At(at)),
            ..Twist::default()
        };
        let seen = bench.twisted(&nobodys(), &twist).await?;
        seen.refuses(400, "bad_nonce")?;
        seen.has(NONCE_HEADER)?;
    }
    Ok(())
}

fn by_nonce(nonce: RequestNonce) -> Twist {
    Twist {
        stamp: Some(Stamp::NoClock),
        nonce: Some(nonce),
        ..Twist::default()
    }
}

pub(crate) async fn foreign_nonce(bench: &mut Bench) -> Checked {
    let twist = by_nonce(RequestNonce::from_random(fresh()));
    let seen = bench.twisted(&nobodys(), &twist).await?;
    seen.refuses(400, "bad_nonce")
}

pub(crate) async fn changed_nonce(bench: &mut Bench) -> Checked {
    let nonce = bench.server_nonce().await?;
    let (kept, last) = nonce.as_str().split_at(nonce.as_str().len() - 1);
    let other = if last == "A" { "E" } else { "A" };
    let changed = RequestNonce::parse(&format!("{kept}{other}"));
    let changed = changed.map_err(|error| Miss::Skipped(error.to_string()))?;
    let seen = bench.twisted(&nobodys(), &by_nonce(changed)).await?;
    seen.refuses(400, "bad_nonce")
}

pub(crate) async fn expired_nonce(bench: &mut Bench) -> Checked {
    let Some(wait) = bench.config.outlive else {
        return Err(Miss::Skipped(
            "takes five minutes: ask for it with --slow".to_owned(),
        ));
    };
    let nonce = bench.server_nonce().await?;
    pause(wait).await;
    let seen = bench.twisted(&nobodys(), &by_nonce(nonce)).await?;
    seen.refuses(400, "bad_nonce")
}

pub(crate) async fn server_nonce_serves(bench: &mut Bench) -> Checked {
    let nonce = bench.server_nonce().await?;
    let (ask, text) = bench.signed(&nobodys(), &by_nonce(nonce));
    let seen = bench.send(&ask).await?;
    seen.refuses(404, "not_found")?;
    bench.confirms(&text, &seen)
}

pub(crate) async fn nobodys_request(bench: &mut Bench) -> Checked {
    let seen = bench.proven(&nobodys()).await?;
    seen.refuses(404, "not_found")?;
    let odd = bench.proven(&Ask::get("/v1/certificates/0")).await?;
    demand(seen.face() == odd.face(), || {
        "an id of another form is refused otherwise than one that nobody has".to_owned()
    })
}

pub(crate) async fn wrong_token_alike(bench: &mut Bench) -> Checked {
    let wrong = wrong_secret(bench).await?;
    let header = format!(
        "{TOKEN_SCHEME} serial=\"{}\",token=\"wrong\"",
        bench.serial()
    );
    let seen = bench.send(&nobodys().with("authorization", header)).await?;
    demand(wrong.face() == seen.face(), || {
        "a wrong token is refused otherwise than a wrong proof".to_owned()
    })
}

pub(crate) async fn proof_and_token(bench: &mut Bench) -> Checked {
    let body = r#"{"deviceToken":"wrong"}"#;
    let seen = bench
        .twisted(&Ask::submission(body), &Twist::default())
        .await?;
    seen.refuses(400, "bad_request")
}
