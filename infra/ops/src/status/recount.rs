//! `cvmctl status --recount`: reads every device once and tells by how much the count is off.

use std::sync::atomic::Ordering;

use cvm_aws::listing::DynamoListing;
use cvm_aws::listing::Wanted;
use cvm_aws::trails::Counts;
use serde_json::Value;

use crate::cli::Exit;
use crate::context::Context;
use crate::site::Part;
use crate::site::Site;
use crate::terminal::complain;
use crate::trouble::Trouble;

const COLUMNS: &[&str] = &["state", "counted", "found", "corrected"];

/// Counts anew and corrects.
pub(super) async fn recount(site: &Site, context: &Context) -> Result<Exit, Trouble> {
    let table = site.name(Part::Table).await?;
    let trails = site.trails().await?;
    let failed = |failure| Trouble::calling("the tables", &failure);
    let before = trails.counts().await.map_err(failed)?;
    let stop = context.stop();
    let mut found = Counts::new();
    let mut listing = DynamoListing::new(site.dynamodb(), table, &Wanted::default());
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
    trails.count(&corrections).await.map_err(failed)?;
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
