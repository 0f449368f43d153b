//! `cvmctl batch list`: one line a batch, the last one first.

use clap::Args;
use cvm_shared::operate::work::Batches;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value;

use crate::batch::about::About;
use crate::batch::id::BatchId;
use crate::batch::store;
use crate::calendar::rfc3339;
use crate::cli::Exit;
use crate::context::Context;
use crate::trouble::Trouble;

const COLUMNS: &[&str] = &[
    "batch",
    "submittedAt",
    "by",
    "file",
    "rows",
    "bad",
    "reason",
];

/// How many pages are read at once.
const READS: usize = 16;

/// Which batches to list: all of the last 400 days.
#[derive(Args, Debug)]
pub struct List {}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let batches = site.batches().await?;
        let ids = batches.ids().await;
        let ids = ids.map_err(|failure| Trouble::calling("the batches", &failure))?;
        let ids = ids.iter().filter_map(|id| BatchId::parse(id).ok());
        let reads: Vec<_> = ids.map(|id| page(&batches, id)).collect();
        let pages: Vec<_> = stream::iter(reads).buffered(READS).collect().await;
        let pages: Result<Vec<_>, Trouble> = pages.into_iter().collect();
        // One without a page was never begun.
        let mut pages: Vec<(BatchId, About)> = pages?.into_iter().flatten().collect();
        pages.sort_by_key(|(_, about)| std::cmp::Reverse(about.at));
        let rows: Vec<_> = pages.iter().map(row).collect();
        context.printer(COLUMNS).page(&rows);
        Ok(Exit::Done)
    }
}

async fn page(batches: &impl Batches, id: BatchId) -> Result<Option<(BatchId, About)>, Trouble> {
    let about = store::about(batches, &id).await?;
    Ok(about.map(|about| (id, about)))
}

fn row((id, about): &(BatchId, About)) -> Vec<Value> {
    vec![
        id.as_str().into(),
        rfc3339(about.at).into(),
        about.by.clone().into(),
        about.digest.file.clone().into(),
        about.digest.rows.into(),
        about.digest.bad.into(),
        about.reason.clone().into(),
    ]
}
