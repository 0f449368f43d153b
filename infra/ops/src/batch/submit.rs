//! `cvmctl batch submit`: a file checked, kept, sent row by row, and waited for.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use clap::Args;
use cvm_aws::system::SystemClock;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use serde_json::Value;

use crate::batch::id::BatchId;
use crate::batch::manifest::Manifest;
use crate::batch::row::Row;
use crate::batch::source::Format;
use crate::batch::store;
use crate::batch::submitter::Submitter;
use crate::batch::work::Ended;
use crate::batch::work::Work;
use crate::cli::Care;
use crate::cli::Exit;
use crate::context::Context;
use crate::printer::Printer;
use crate::site::Site;
use crate::store::DeviceTable;
use crate::store::KeyGuard;
use crate::store::OrderQueue;
use crate::terminal::complain;
use crate::trouble::Trouble;

pub(super) const HELP: &str = "\
The file is CSV with a header, or NDJSON (one object a line), with these names:
  productid   the serial number of a device that was imported
  csr         its signing request in PEM form; without one, AWS IoT makes the key (keys mode)
  csrFile     the name of a file with it, from the folder of FILE, instead of csr

First the whole file is checked, and nothing is sent if a row is bad (see --skip-bad). Then each device is
asked for as if it had asked itself. A row whose device has asked or has its certificate is not sent again,
so a file can be submitted as often as need be: that is how to go on after Ctrl-C, and how to try again
what failed. Sent orders are worked off by the stack, whether somebody waits here or not.

Without --id, the batch is named after its file. Anybody can ask for it by that name: its rows are kept in
the stack's bucket, or a host's database, for 400 days. They hold serial numbers and signing requests, no secrets.

The orders of a batch are one tenant of the queue (on SQS, fair queues): a device that asks by itself meanwhile
need not wait behind them.

Sending costs one read and one write of its row a device, and one more write for a key of its own.";

const PROBLEMS: &[&str] = &["line", "productid", "problem"];

/// What to submit.
#[derive(Args, Debug)]
pub struct Submit {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The form of the file, if its name does not end in .csv, .ndjson or .jsonl
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Format>,
    /// What to call the batch (a-z A-Z 0-9 _ -)
    #[arg(long, value_name = "ID", value_parser = id)]
    id: Option<BatchId>,
    /// Submit the sound rows of a file that has bad ones, too
    #[arg(long)]
    skip_bad: bool,
    /// Send no more than so many devices a second
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
    /// Send, and do not wait for the certificates
    #[arg(long)]
    no_wait: bool,
    /// How many certificates AWS IoT issues a second, for a first guess at the time
    #[arg(long, value_name = "N", default_value = "10")]
    quota: NonZeroU32,
    #[command(flatten)]
    care: Care,
}

/// Reads a batch's name.
pub(crate) fn id(text: &str) -> Result<BatchId, Malformed> {
    BatchId::parse(text)
}

impl Submit {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let stop = context.stop();
        let mut problems = context.printer(PROBLEMS);
        let manifest = self.read(&mut problems, stop)?;
        let id = self.id.clone();
        let id = id.unwrap_or_else(|| BatchId::of_file(&manifest.digest.file_sha256));
        let site = context.site().await?;
        if !self.care.dry_run {
            self.begin(context, &site, &id, &manifest).await?;
        }
        let submitter = submitter(&site, &id).await?;
        let mut work = Work::new(&submitter, stop, problems, &manifest.digest);
        let sent = if self.care.dry_run {
            work.look(&manifest).await?
        } else {
            let hand = site.hand(self.care.reason.clone()).await?;
            work.send(&manifest, &hand, self.rate).await?
        };
        let ended = match sent {
            Ended::Over if !self.no_wait && !self.care.dry_run => work.wait(self.quota.get()).await,
            sent @ (Ended::Over | Ended::Stopped | Ended::Failed(_)) => sent,
        };
        work.print(context, self.care.dry_run);
        Ok(self.conclude(&id, &ended, work.is_well()))
    }

    /// Checks the whole file.
    fn read(&self, problems: &mut Printer, stop: &AtomicBool) -> Result<Manifest, Trouble> {
        let format = self.format.or_else(|| Format::of(&self.file));
        let format = format.ok_or_else(|| {
            let path = self.file.display();
            Trouble::usage(format!("{path}: say its --format, csv or ndjson"))
        })?;
        let manifest = Manifest::read(&self.file, format, |row| {
            if let Row::Bad(bad) = row {
                let serial = bad.serial.as_ref().map(SerialNumber::as_str);
                problems.page(&[vec![
                    bad.line.into(),
                    serial.into(),
                    bad.reason.clone().into(),
                ]]);
            }
            if stop.load(Ordering::Relaxed) {
                return Err(stopped("stopped; nothing was sent"));
            }
            Ok(())
        })?;
        let (bad, rows) = (manifest.digest.bad, manifest.digest.rows);
        if bad > 0 && !self.skip_bad {
            let message = format!("{bad} of {rows} rows are bad, nothing was sent; see --skip-bad");
            return Err(Trouble::refused(message));
        }
        Ok(manifest)
    }

    /// Asks, and begins the batch unless it was begun before.
    async fn begin(
        &self,
        context: &Context,
        site: &Site,
        id: &BatchId,
        manifest: &Manifest,
    ) -> Result<(), Trouble> {
        let batches = site.batches().await?;
        let is_begun = store::is_begun(&batches, id, manifest).await?;
        let count = manifest.digest.rows - manifest.digest.bad;
        let question = if is_begun {
            format!("Go on with batch {id} of {count} devices?")
        } else {
            format!("Submit {count} devices as batch {id}?")
        };
        context.consent(&self.care, &question)?;
        if is_begun {
            return Ok(());
        }
        let hand = site.hand(self.care.reason.clone()).await?;
        store::begin(&batches, id, manifest, &hand).await
    }

    /// What is left to say, and the exit code.
    fn conclude(&self, id: &BatchId, ended: &Ended, is_well: bool) -> Exit {
        let path = self.file.display();
        match ended {
            Ended::Over if self.care.dry_run => told(is_well),
            Ended::Over => {
                complain(&format!("see cvmctl batch results {id}"));
                told(is_well)
            }
            Ended::Stopped => {
                let named = match &self.id {
                    Some(id) => format!(" --id {id}"),
                    None => String::new(),
                };
                complain(&format!(
                    "stopped; to go on: cvmctl batch submit {path}{named}; to look: cvmctl batch status {id}"
                ));
                Exit::Stopped
            }
            Ended::Failed(failure) => {
                let trouble = Trouble::calling(&format!("batch {id}"), failure);
                complain(&format!(
                    "{}; submit {path} again to go on",
                    trouble.message
                ));
                Exit::Aws
            }
        }
    }
}

fn told(is_well: bool) -> Exit {
    if is_well { Exit::Done } else { Exit::Refused }
}

fn stopped(message: &str) -> Trouble {
    Trouble {
        exit: Exit::Stopped,
        message: message.to_owned(),
    }
}

/// The real ports.
pub(super) type RealSubmitter =
    Submitter<DeviceTable, DeviceTable, OrderQueue, KeyGuard, SystemClock>;

async fn submitter(site: &Site, id: &BatchId) -> Result<RealSubmitter, Trouble> {
    let table = site.table().await?;
    Ok(Submitter::new(
        table.clone(),
        table,
        site.orders(id.group()).await?,
        site.guard().await?,
        SystemClock,
    ))
}

/// A problem with a row, as it is printed.
pub(super) fn problem(line: u64, serial: &str, problem: &str) -> Vec<Value> {
    vec![line.into(), serial.into(), problem.into()]
}
