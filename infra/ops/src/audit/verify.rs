//! `cvmctl audit verify`: trails against the rows that they lead to.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use cvm_aws::system::SystemClock;
use cvm_shared::entry::Broken;
use cvm_shared::entry::Entry;
use cvm_shared::entry::check;
use cvm_shared::entry::fact;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::rows::Listing as _;
use cvm_shared::operate::rows::Wanted;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails as _;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Registry as _;
use serde_json::Value;

use crate::cli::Exit;
use crate::cli::serial;
use crate::context::Context;
use crate::printer::Printer;
use crate::store::DeviceTable;
use crate::store::TrailStore;
use crate::terminal::complain;
use crate::trouble::Trouble;

const COLUMNS: &[&str] = &["productid", "entries", "result"];

/// How often, and after what pause, a row is looked at again whose trail does not reach it yet.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(5);

/// Whose trails to check.
#[derive(Args, Debug)]
pub struct Verify {
    /// The devices
    #[arg(value_name = "SERIAL", value_parser = serial, required_unless_present = "all")]
    serials: Vec<SerialNumber>,
    /// All devices; only those with something wrong are listed
    #[arg(long, conflicts_with = "serials")]
    all: bool,
}

/// What came of one device.
struct Found {
    entries: usize,
    /// What is wrong; nothing if it is whole.
    wrong: Vec<String>,
}

/// The two tables.
struct Books {
    table: DeviceTable,
    trails: TrailStore,
}

impl Verify {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let books = Books {
            table: site.table().await?,
            trails: site.trails().await?,
        };
        let mut printer = context.printer(COLUMNS);
        let stop = context.stop();
        if self.all {
            return all(&books, &mut printer, stop).await;
        }
        let mut exit = Exit::Done;
        for serial in &self.serials {
            let found = books
                .look(serial)
                .await
                .map_err(|failure| trouble(&failure))?;
            if !found.wrong.is_empty() {
                exit = Exit::Refused;
            }
            printer.page(&[found.line(serial)]);
        }
        Ok(exit)
    }
}

/// Every device of the table.
async fn all(books: &Books, printer: &mut Printer, stop: &AtomicBool) -> Result<Exit, Trouble> {
    let mut listing = books.table.listing(&Wanted::default());
    let (mut whole, mut broken) = (0u64, 0u64);
    while let Some(page) = listing.page().await.map_err(|failure| trouble(&failure))? {
        for row in page {
            if stop.load(Ordering::Relaxed) {
                complain(&format!("stopped: {whole} whole, {broken} not"));
                return Ok(Exit::Stopped);
            }
            let found = match row {
                Ok(record) => (record.serial.clone(), books.look(&record.serial).await),
                Err((serial, failure)) => {
                    complain(&format!("device {serial}: {failure}"));
                    broken += 1;
                    continue;
                }
            };
            let (serial, found) = (found.0, found.1.map_err(|failure| trouble(&failure))?);
            if found.wrong.is_empty() {
                whole += 1;
            } else {
                broken += 1;
                printer.page(&[found.line(&serial)]);
            }
        }
    }
    complain(&format!("{whole} trails are whole, {broken} are not"));
    Ok(if broken == 0 {
        Exit::Done
    } else {
        Exit::Refused
    })
}

fn trouble(failure: &Failure) -> Trouble {
    Trouble::calling("the tables", failure)
}

impl Books {
    /// Looks at one device. A stack's ledger is some seconds behind its table: what only lacks its end is looked at again.
    async fn look(&self, serial: &SerialNumber) -> Result<Found, Failure> {
        for _ in 1..TRIES {
            let (found, is_behind) = self.glance(serial).await?;
            if !is_behind {
                return Ok(found);
            }
            SystemClock.sleep(PAUSE).await;
        }
        Ok(self.glance(serial).await?.0)
    }

    /// What there is now, and whether only the end differs.
    async fn glance(&self, serial: &SerialNumber) -> Result<(Found, bool), Failure> {
        let placed = self.trails.read(serial.as_str()).await?;
        let entries: Vec<Entry> = placed.iter().filter_map(Placed::entry).collect();
        let mut wrong: Vec<String> = placed.iter().filter_map(unsigned).collect();
        let Some(row) = self.table.load(serial).await? else {
            wrong.push("no such device".to_owned());
            return Ok((Found::new(&placed, wrong), false));
        };
        let verdict = check(&entries, &row);
        let is_behind = matches!(verdict, Err(Broken::End { .. }));
        wrong.extend(verdict.err().map(|broken| broken.to_string()));
        Ok((Found::new(&placed, wrong), is_behind))
    }
}

/// What an entry says that nobody signed.
fn unsigned(entry: &Placed) -> Option<String> {
    if entry.head.is_some() {
        return None;
    }
    let fact = |name: &str| entry.facts.get(name).map_or("?", String::as_str);
    let (deed, revision) = (fact(fact::DEED), fact(fact::REVISION));
    Some(format!("{deed} at revision {revision}"))
}

impl Found {
    fn new(placed: &[Placed], wrong: Vec<String>) -> Self {
        Self {
            entries: placed.len(),
            wrong,
        }
    }

    fn line(&self, serial: &SerialNumber) -> Vec<Value> {
        let result = if self.wrong.is_empty() {
            "whole".to_owned()
        } else {
            self.wrong.join("; ")
        };
        vec![serial.as_str().into(), self.entries.into(), result.into()]
    }
}
