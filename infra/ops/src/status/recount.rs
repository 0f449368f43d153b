//! `cvmctl status --recount`: reads every device once and tells by how much the count is off.

use std::sync::atomic::Ordering;

use cvm_shared::operate::rows::Listing as _;
use cvm_shared::operate::rows::Wanted;
use cvm_shared::operate::trails::Counts;
use cvm_shared::operate::trails::Trails as _;
use serde_json::Value;

use crate::cli::Exit;
use crate::context::Context;
use crate::site::Site;
use crate::terminal::complain;
use crate::trouble::Trouble;

const COLUMNS: &[&str] = &["state", "counted", "found", "corrected"];

/// Counts anew and corrects.
pub(super) async fn recount(site: &Site, context: &Context) -> Result<Exit, Trouble> {
    let table = site.table().await?;
    let trails = site.trails().await?;
    let failed = |failure| Trouble::calling("the tables", &failure);
    let before = trails.counts().await.map_err(failed)?;
    let stop = context.stop();
    let mut found = Counts::new();
    let mut listing = table.listing(&Wanted::default());
    while let Some(page) = listing.page().await.map_err(failed)? {
        if stop.load(Ordering::Relaxed) {
            complain("stopped; nothing was corrected");
            return Ok(Exit::Stopped);
        }
        for row in page {
            let state = row.map_or("unknown", |record| record.state.name());
            *found.entry(state.to_owned()).or_default() += 1;
        }
    }
    let corrections = difference(&before, &found);
    if !trails.correct(&corrections).await.map_err(failed)? {
        complain("a database counts its devices at each look: there is nothing to correct");
    }
    let names = before.keys().chain(found.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    let rows: Vec<Vec<Value>> = names
        .into_iter()
        .map(|name| {
            let of = |counts: &Counts| counts.get(name).copied().unwrap_or(0);
            vec![
                name.as_str().into(),
                of(&before).into(),
                of(&found).into(),
                of(&corrections).into(),
            ]
        })
        .collect();
    context.printer(COLUMNS).page(&rows);
    Ok(Exit::Done)
}

/// What has to be added to the count.
fn difference(counted: &Counts, found: &Counts) -> Counts {
    let mut steps = found.clone();
    for (state, count) in counted {
        *steps.entry(state.clone()).or_default() -= count;
    }
    steps
}
