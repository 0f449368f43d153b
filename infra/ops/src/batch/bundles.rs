//! `cvmctl batch bundles`: what waits for a batch's devices, fetched to a folder of the factory.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Vault;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value;

use crate::batch::folder::Folder;
use crate::batch::folder::Kept;
use crate::batch::id::BatchId;
use crate::batch::reading::Pair;
use crate::batch::reading::Reading;
use crate::batch::store;
use crate::batch::submit::id;
use crate::cli::Exit;
use crate::context::Context;
use crate::terminal::complain;
use crate::trouble::Trouble;

pub(super) const HELP: &str = "\
Each device that has its certificate and has not confirmed it gets a file {productid}.json in the folder,
readable by its owner alone, with a dot for each colon. What is fetched is held against the digest in the
device's row; a file that is there already and right is not fetched again, and none is ever overwritten.

In keys mode a bundle is sealed with the device's secret, and its private key is in it; in CSR mode it is the
plain certificate. Nothing is confirmed: that remains the device's part, and until then the bundle waits in
the bucket, at the longest BundleRetentionDays.

This needs the stack's FactoryPolicy beside its OperatorPolicy.";

const COLUMNS: &[&str] = &["line", "productid", "result"];

/// How many bundles are fetched at once.
const FETCHES: usize = 16;

/// Which bundles to fetch, and where to.
#[derive(Args, Debug)]
pub struct Bundles {
    /// The batch
    #[arg(value_name = "ID", value_parser = id)]
    id: BatchId,
    /// The folder; it is made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Bundles {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let stop = context.stop();
        let site = context.site().await?;
        let (_, manifest) = store::open(&site, &self.id).await?;
        let vault = site.vault().await?;
        let folder = Folder::open(self.out)?;
        let mut reading = Reading::new(&site, &manifest).await?;
        let mut printer = context.printer(COLUMNS);
        let mut end = Exit::Done;
        while let Some(pairs) = reading.next().await? {
            if stop.load(Ordering::Relaxed) {
                complain("stopped; ask for the bundles again to go on");
                return Ok(Exit::Stopped);
            }
            let fetches: Vec<_> = pairs
                .iter()
                .map(|pair| one(&folder, &vault, pair))
                .collect();
            let kept = stream::iter(fetches).buffered(FETCHES).collect::<Vec<_>>();
            let kept: Vec<Kept> = kept.await.into_iter().collect::<Result<_, Trouble>>()?;
            if kept.iter().any(|kept| !kept.is_well()) {
                end = Exit::Refused;
            }
            let rows: Vec<_> = pairs.iter().zip(&kept).map(row).collect();
            printer.page(&rows);
        }
        Ok(end)
    }
}

async fn one(folder: &Folder, vault: &impl Vault, pair: &Pair) -> Result<Kept, Trouble> {
    match pair {
        Pair::Sound(_, found, _) => match &**found {
            Ok(Some(row)) => folder.keep(vault, row).await,
            Ok(None) | Err(_) => Ok(Kept::Nothing),
        },
        Pair::Bad(_) => Ok(Kept::Nothing),
    }
}

fn row((pair, kept): (&Pair, &Kept)) -> Vec<Value> {
    let (line, serial) = match pair {
        Pair::Sound(wanted, ..) => (wanted.line, Some(&wanted.serial)),
        Pair::Bad(bad) => (bad.line, bad.serial.as_ref()),
    };
    let serial = serial.map(SerialNumber::as_str);
    vec![line.into(), serial.into(), kept.as_str().into()]
}
