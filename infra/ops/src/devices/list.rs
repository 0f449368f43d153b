//! `cvmctl devices list`: one line a device.

use std::sync::atomic::Ordering;

use clap::Args;
use cvm_shared::failure::Failure;
use cvm_shared::failure::FailureCode;
use cvm_shared::operate::rows::Listing as _;
use cvm_shared::record::Record;
use serde_json::Value;

use crate::calendar::rfc3339;
use crate::cli::Exit;
use crate::context::Context;
use crate::devices::filter::Filter;
use crate::terminal::complain;
use crate::trouble::Trouble;

pub(super) const COST: &str = "\
The whole table is read, at half a read unit for each 4 kB: a million devices cost about $0.03. Only
what is asked for comes over the wire.";

const COLUMNS: &[&str] = &[
    "productid",
    "state",
    "requestedAt",
    "certificateId",
    "failure",
];

/// Which devices to list.
#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    filter: Filter,
    /// No more than so many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let table = site.table().await?;
        let stop = context.stop();
        let mut listing = table.listing(&self.filter.wanted());
        let mut printer = context.printer(COLUMNS);
        let mut left = self.limit;
        let mut unreadable = 0;
        while left > 0 && !stop.load(Ordering::Relaxed) {
            let page = listing.page().await;
            let Some(page) =
                page.map_err(|f| Trouble::calling(&format!("table {}", table.name()), &f))?
            else {
                printer.page(&[]);
                return Ok(told(unreadable));
            };
            let rows: Vec<Vec<Value>> = page.iter().take(left).map(row).collect();
            unreadable += page.iter().take(left).filter(|row| row.is_err()).count();
            left -= rows.len();
            printer.page(&rows);
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(Exit::Stopped);
        }
        complain(&format!(
            "the first {}; there may be more: --limit",
            self.limit
        ));
        Ok(told(unreadable))
    }
}

/// Unreadable rows are listed, and make a difference to scripts.
fn told(unreadable: usize) -> Exit {
    if unreadable == 0 {
        Exit::Done
    } else {
        complain(&format!(
            "{unreadable} rows cannot be read: see their failure"
        ));
        Exit::Refused
    }
}

fn row(row: &Result<Record, (String, Failure)>) -> Vec<Value> {
    match row {
        Ok(record) => {
            let issued = record.state.issued();
            vec![
                record.serial.as_str().into(),
                record.state.name().into(),
                record.requested_at.map(rfc3339).into(),
                issued
                    .map(|issued| issued.certificate_id.to_string())
                    .into(),
                record.state.failure().map(FailureCode::as_str).into(),
            ]
        }
        Err((serial, failure)) => {
            let nothing = Value::Null;
            let told = failure.to_string();
            vec![
                serial.as_str().into(),
                nothing.clone(),
                nothing.clone(),
                nothing,
                told.into(),
            ]
        }
    }
}
