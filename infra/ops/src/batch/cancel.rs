//! `cvmctl batch cancel`: what no worker has taken up yet is reset, so that its order is moot.

use std::sync::atomic::Ordering;

use clap::Args;
use cvm_shared::event::Event;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Hand;
use cvm_shared::write::Written;
use cvm_shared::write::write;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value;

use crate::batch::calling_off::CallingOff;
use crate::batch::calling_off::call_off;
use crate::batch::id::BatchId;
use crate::batch::reading::Pair;
use crate::batch::reading::Reading;
use crate::batch::row::Wanted;
use crate::batch::store;
use crate::batch::submit::id;
use crate::cli::Care;
use crate::cli::Exit;
use crate::context::Context;
use crate::site::Site;
use crate::store::DeviceTable;
use crate::terminal::complain;
use crate::trouble::Trouble;

pub(super) const HELP: &str = "\
Devices that wait for a worker are reset, as by devices reset, and their orders do nothing any more. What
a worker is at, what has its certificate and what a device asked for by itself stays as it is. The batch
can be submitted again. Stop its submit first, if that is still sending.";

const COLUMNS: &[&str] = &["line", "productid", "result"];

/// How many rows are written at once.
const WRITES: usize = 32;

/// Which batch to take back.
#[derive(Args, Debug)]
pub struct Cancel {
    /// The batch
    #[arg(value_name = "ID", value_parser = id)]
    id: BatchId,
    #[command(flatten)]
    care: Care,
}

impl Cancel {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let stop = context.stop();
        let site = context.site().await?;
        let (about, manifest) = store::open(&site, &self.id).await?;
        let hand = self.hand(context, &site, about.digest.rows).await?;
        let mut caller = Caller {
            registry: site.table().await?,
            hand,
            begun: about.at,
        };
        let mut reading = Reading::new(&site, &manifest).await?;
        let mut printer = context.printer(COLUMNS);
        let mut count = 0usize;
        while let Some(pairs) = reading.next().await? {
            if stop.load(Ordering::Relaxed) {
                complain("stopped; cancel it again to go on");
                return Ok(Exit::Stopped);
            }
            caller.hand = caller.hand.map(|hand| Hand {
                at: site.now(),
                ..hand
            });
            let results = caller.call_off(&pairs).await;
            count += results.iter().filter(|result| is_reset(result)).count();
            let rows = pairs.iter().zip(&results).map(row).collect::<Vec<_>>();
            printer.page(&rows);
            if let Some(failure) = results.into_iter().find_map(Result::err) {
                return Err(Trouble::calling("the device table", &failure));
            }
        }
        let deed = if self.care.dry_run {
            "would be"
        } else {
            "were"
        };
        complain(&format!("{count} devices {deed} taken back"));
        Ok(Exit::Done)
    }

    /// In whose name; nobody's, if nothing is to be done.
    async fn hand(
        &self,
        context: &Context,
        site: &Site,
        rows: u64,
    ) -> Result<Option<Hand>, Trouble> {
        if self.care.dry_run {
            return Ok(None);
        }
        let question = format!(
            "Take back what waits of the {rows} rows of batch {}?",
            self.id
        );
        context.consent(&self.care, &question)?;
        site.hand(self.care.reason.clone()).await.map(Some)
    }
}

/// Who takes rows back.
struct Caller {
    registry: DeviceTable,
    hand: Option<Hand>,
    begun: UnixMillis,
}

impl Caller {
    async fn call_off(&self, pairs: &[Pair]) -> Vec<Result<CallingOff, Failure>> {
        let calls: Vec<_> = pairs.iter().map(|pair| self.call_off_one(pair)).collect();
        stream::iter(calls).buffered(WRITES).collect().await
    }

    async fn call_off_one(&self, pair: &Pair) -> Result<CallingOff, Failure> {
        match pair {
            Pair::Sound(wanted, found, _) => match &**found {
                Ok(Some(row)) => self.reset(wanted, row.clone()).await,
                Ok(None) => Ok(CallingOff::Leave("no such device")),
                Err(_) => Ok(CallingOff::Leave("its row cannot be read")),
            },
            Pair::Bad(_) => Ok(CallingOff::Leave("is a bad row")),
        }
    }

    /// Resets the row if it still is what it was when that was decided; if not, it is decided anew.
    async fn reset(&self, wanted: &Wanted, mut row: Record) -> Result<CallingOff, Failure> {
        loop {
            let verdict = call_off(&row, wanted.public_key(), self.begun);
            let (CallingOff::Reset, Some(hand)) = (verdict, &self.hand) else {
                return Ok(verdict);
            };
            let exactly = Exactly(&self.registry);
            match write(&exactly, hand, row, |_| Event::Reset).await {
                Ok(Written::Applied(_)) => return Ok(CallingOff::Reset),
                Ok(Written::Refused(..)) => return Ok(CallingOff::Leave("was reset already")),
                Err(Failure::Contended) => {}
                Err(failure) => return Err(failure),
            }
            match self.registry.load(&wanted.serial).await? {
                Some(current) => row = current,
                None => return Ok(CallingOff::Leave("no such device")),
            }
        }
    }
}

/// The registry for whoever would have decided otherwise on another row: one that has changed is `Contended`. Without
/// it a row that a worker has just taken up would be reset, too.
struct Exactly<'a>(&'a DeviceTable);

impl Registry for Exactly<'_> {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        self.0.load(serial).await
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        match self.0.swap(before, after).await? {
            Swap::Done => Ok(Swap::Done),
            Swap::Changed(_) => Err(Failure::Contended),
        }
    }
}

fn is_reset(result: &Result<CallingOff, Failure>) -> bool {
    matches!(result, Ok(CallingOff::Reset))
}

fn row((pair, result): (&Pair, &Result<CallingOff, Failure>)) -> Vec<Value> {
    let (line, serial) = match pair {
        Pair::Sound(wanted, ..) => (wanted.line, Some(&wanted.serial)),
        Pair::Bad(bad) => (bad.line, bad.serial.as_ref()),
    };
    let result = match result {
        Ok(CallingOff::Reset) => "taken back".to_owned(),
        Ok(CallingOff::Leave(why)) => format!("left: {why}"),
        Err(failure) => format!("unsettled: {failure}"),
    };
    let serial = serial.map(SerialNumber::as_str);
    vec![line.into(), serial.into(), result.into()]
}
