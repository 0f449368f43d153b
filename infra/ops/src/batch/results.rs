//! `cvmctl batch results`: what became of every row, and that none of them is missing.

use std::sync::atomic::Ordering;

use clap::Args;
use cvm_shared::failure::FailureCode;
use cvm_shared::ids::SerialNumber;
use cvm_shared::record::Record;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Deed;
use serde_json::Value;

use crate::batch::id::BatchId;
use crate::batch::reading::Pair;
use crate::batch::reading::Reading;
use crate::batch::standing::Standing;
use crate::batch::store;
use crate::batch::submit::id;
use crate::calendar::rfc3339;
use crate::cli::Exit;
use crate::context::Context;
use crate::terminal::complain;
use crate::trouble::Trouble;

pub(super) const HELP: &str = "\
One line for each row of the submitted file, in its order. That as many rows come out as went in is
checked, and a difference is an error. Each device's row is read once.";

const COLUMNS: &[&str] = &[
    "line",
    "productid",
    "state",
    "certificateId",
    "requestedAt",
    "finishedAt",
    "error",
];

/// Which batch to tell of.
#[derive(Args, Debug)]
pub struct Results {
    /// The batch
    #[arg(value_name = "ID", value_parser = id)]
    id: BatchId,
}

impl Results {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let stop = context.stop();
        let site = context.site().await?;
        let (about, manifest) = store::open(&site, &self.id).await?;
        let mut reading = Reading::new(&site, &manifest).await?;
        let mut printer = context.printer(COLUMNS);
        let mut told = 0u64;
        while let Some(pairs) = reading.next().await? {
            if stop.load(Ordering::Relaxed) {
                complain(&format!(
                    "stopped after {told} of {} rows",
                    about.digest.rows
                ));
                return Ok(Exit::Stopped);
            }
            let rows: Vec<_> = pairs.iter().map(row).collect();
            told += rows.len() as u64;
            printer.page(&rows);
        }
        reconcile(about.digest.rows, told)
    }
}

/// As many rows out as went in.
fn reconcile(rows: u64, told: u64) -> Result<Exit, Trouble> {
    if rows == told {
        return Ok(Exit::Done);
    }
    let message = format!("{rows} rows were submitted and {told} came out: the batch is not whole");
    Err(Trouble::refused(message))
}

fn row(pair: &Pair) -> Vec<Value> {
    match pair {
        Pair::Bad(bad) => {
            let serial = bad.serial.as_ref().map(SerialNumber::as_str);
            let nothing = || Value::Null;
            vec![
                bad.line.into(),
                serial.into(),
                nothing(),
                nothing(),
                nothing(),
                nothing(),
                bad.reason.clone().into(),
            ]
        }
        Pair::Sound(wanted, found, standing) => {
            let row = (**found).as_ref().ok().and_then(Option::as_ref);
            let issued = row.and_then(|row| row.state.issued());
            vec![
                wanted.line.into(),
                wanted.serial.as_str().into(),
                row.map(|row| row.state.name()).into(),
                issued
                    .map(|issued| issued.certificate_id.to_string())
                    .into(),
                row.and_then(|row| row.requested_at).map(rfc3339).into(),
                row.and_then(finished_at).map(rfc3339).into(),
                error(row, *standing).into(),
            ]
        }
    }
}

/// When it came to its end. A certificate's is known until its device confirms: the trail holds the last change only.
pub(crate) fn finished_at(row: &Record) -> Option<UnixMillis> {
    match &row.state {
        State::Failed { failed_at, .. } => Some(*failed_at),
        State::Vended { .. } => {
            let trail = row.trail.as_ref()?;
            (trail.deed == Deed::Finish).then_some(trail.hand.at)
        }
        State::Disabled | State::Registered | State::Requested { .. } | State::Issuing { .. } => {
            None
        }
    }
}

pub(crate) fn error(row: Option<&Record>, standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::Vended | Standing::Issuing | Standing::Requested => None,
        Standing::Registered => Some("not asked for, or taken back"),
        Standing::Failed => row
            .and_then(|row| row.state.failure())
            .map(FailureCode::as_str),
        Standing::Other => Some("is about another request"),
        Standing::Disabled => Some("disabled"),
        Standing::Unknown => Some("no such device"),
        Standing::Unreadable => Some("its row cannot be read"),
        Standing::Bad => Some("bad row"),
    }
}

#[cfg(test)]
mod tests {
    use cvm_shared::ids::TrailHead;
    use cvm_shared::request::KeySource;
    use cvm_shared::state::Delivery;
    use cvm_shared::trail::Author;
    use cvm_shared::trail::Hand;
    use cvm_shared::trail::Trail;
    use serde_json::json;

    use super::*;
    use crate::batch::row::Bad;
    use crate::batch::row::Wanted;
    use crate::batch::sample::NOW;
    use crate::batch::sample::device;
    use crate::batch::sample::failed;
    use crate::batch::sample::vended;

    const KEYS: KeySource = KeySource::Service;

    fn told(record: Record) -> Vec<Value> {
        let wanted = Wanted {
            line: 2,
            serial: record.serial.clone(),
            key: KEYS,
        };
        let standing = Standing::of(&record, None);
        row(&Pair::Sound(
            Box::new(wanted),
            Box::new(Ok(Some(record))),
            standing,
        ))
    }

    #[test]
    fn every_row_has_every_column() {
        let bad = Bad {
            line: 3,
            serial: None,
            reason: "productid: is empty".to_owned(),
        };
        let rows = [told(device()), row(&Pair::Bad(bad))];
        assert!(rows.iter().all(|row| row.len() == COLUMNS.len()));
        assert_eq!(rows[0][6], json!("not asked for, or taken back"));
        assert_eq!(rows[1][6], json!("productid: is empty"));
    }

    #[test]
    fn an_end_is_told_with_its_moment_if_that_is_known() {
        let row = told(failed(&KEYS, FailureCode::PolicyMissing, None));
        assert_eq!(row[5], json!("2024-03-01T00:00:00.000Z"));
        assert_eq!(row[6], json!("policy_missing"));
        let mut record = vended(&KEYS, Delivery::Waiting { until: NOW });
        assert_eq!(told(record.clone())[5], Value::Null);
        record.trail = Some(Trail {
            deed: Deed::Finish,
            hand: Hand::new(Author::Worker, NOW),
            head: TrailHead::parse("0".repeat(64)).unwrap(),
        });
        let row = told(record);
        assert_eq!((&row[2], &row[6]), (&json!("Vended"), &Value::Null));
        assert_eq!(row[5], json!("2024-03-01T00:00:00.000Z"));
    }

    #[test]
    fn a_missing_row_is_an_error() {
        assert_eq!(reconcile(3, 3), Ok(Exit::Done));
        let trouble = reconcile(3, 2).unwrap_err();
        assert_eq!(trouble.exit, Exit::Refused);
    }
}
