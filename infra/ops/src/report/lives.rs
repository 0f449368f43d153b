//! The lives of a batch's devices: their rows, and where a row does not say any more when its certificate was ready, its
//! trail.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use cvm_shared::entry::fact;
use cvm_shared::failure::Failure;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails;
use cvm_shared::record::Record;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Deed;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::batch::manifest::Manifest;
use crate::batch::reading::Pair;
use crate::batch::reading::Reading;
use crate::batch::results::error;
use crate::batch::results::finished_at;
use crate::report::facts::Life;
use crate::site::Site;
use crate::trouble::Trouble;

/// How many trails are read at once.
const IN_FLIGHT: usize = 16;

/// All of them, in the order of the file; `None` if it was stopped.
pub(super) async fn of(
    site: &Site,
    manifest: &Manifest,
    stop: &AtomicBool,
) -> Result<Option<Vec<Life>>, Trouble> {
    let trails = site.trails().await?;
    let mut reading = Reading::new(site, manifest).await?;
    let mut lives = Vec::new();
    while let Some(pairs) = reading.next().await? {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let told = stream::iter(pairs).map(|pair| life(&trails, pair));
        let told: Vec<_> = told.buffered(IN_FLIGHT).collect().await;
        for life in told {
            lives.push(life.map_err(|failure| Trouble::calling("the trails", &failure))?);
        }
    }
    Ok(Some(lives))
}

async fn life(trails: &impl Trails, pair: Pair) -> Result<Life, Failure> {
    let (wanted, found, standing) = match pair {
        Pair::Sound(wanted, found, standing) => (wanted, found, standing),
        Pair::Bad(bad) => {
            return Ok(Life {
                serial: bad
                    .serial
                    .map(|serial| serial.to_string())
                    .unwrap_or_default(),
                state: "bad row".to_owned(),
                error: Some(bad.reason),
                ..Life::default()
            });
        }
    };
    let row = found.as_ref().as_ref().ok().and_then(Option::as_ref);
    let ready_at = match row {
        Some(row) if matches!(row.state, State::Vended { .. }) => ready(trails, row).await?,
        Some(_) | None => None,
    };
    Ok(Life {
        serial: wanted.serial.to_string(),
        state: row.map_or("unknown", |row| row.state.name()).to_owned(),
        error: error(row, standing).map(str::to_owned),
        asked_at: row.and_then(|row| row.requested_at),
        ready_at,
    })
}

/// When the certificate of a vended row was ready.
async fn ready(trails: &impl Trails, row: &Record) -> Result<Option<UnixMillis>, Failure> {
    if let Some(at) = finished_at(row) {
        return Ok(Some(at));
    }
    let trail = trails.read(row.serial.as_str()).await?;
    let is_finish = |entry: &&Placed| {
        let deed = entry.facts.get(fact::DEED);
        deed.is_some_and(|deed| deed == Deed::Finish.as_str())
    };
    let last = trail.iter().rev().find(is_finish);
    let at = last.and_then(|entry| entry.facts.get(fact::AT)?.parse().ok());
    Ok(at.map(UnixMillis))
}
