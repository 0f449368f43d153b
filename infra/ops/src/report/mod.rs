//! `cvmctl report`: a batch as one page that can be mailed, read on a phone and kept.

mod chart;
pub mod facts;
mod lives;
pub mod page;

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::batch::id::BatchId;
use crate::batch::store;
use crate::batch::submit::id;
use crate::cli::Exit;
use crate::context::Context;
use crate::report::facts::Facts;
use crate::report::page::page;
use crate::site::about_file;
use crate::terminal::complain;
use crate::trouble::Trouble;

/// What it costs.
pub const COST: &str = "\
Each row of the batch is read once, and the trail of each device that has confirmed already: about $0.05
for 100,000 devices. The page needs no network, runs no script, and holds serial numbers and no secret.";

/// Of which batch, and where to.
#[derive(Args, Debug)]
pub struct Report {
    /// The batch
    #[arg(long, value_name = "ID", value_parser = id)]
    batch: BatchId,
    /// The file; it must not exist yet
    #[arg(long, value_name = "FILE")]
    html: PathBuf,
    /// Certificates a second that the account may issue, for the line in the chart
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    quota: f64,
}

impl Report {
    /// Carries it out.
    pub async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let stop = context.stop();
        let site = context.site().await?;
        let (about, manifest) = store::open(&site, &self.batch).await?;
        let Some(lives) = lives::of(&site, &manifest, stop).await? else {
            complain("stopped; nothing was written");
            return Ok(Exit::Stopped);
        };
        let (rows, told) = (about.digest.rows, lives.len() as u64);
        if rows != told {
            let message = format!("{rows} rows were submitted and {told} came out");
            return Err(Trouble::refused(message));
        }
        let facts = Facts::of(self.batch.as_str(), site.now(), self.quota, &lives);
        let trouble = |error: &std::io::Error| about_file(&self.html, error);
        let mut file = File::create_new(&self.html).map_err(|error| trouble(&error))?;
        let written = file.write_all(page(&facts).as_bytes());
        written.map_err(|error| trouble(&error))?;
        complain(&format!("{told} rows in {}", self.html.display()));
        Ok(Exit::Done)
    }
}
