//! Devices, copied and compared, row by row.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use backon::Retryable as _;
use cvm_shared::entry::Entry;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::moving::Stock as _;
use cvm_shared::operate::moving::Stored;
use cvm_shared::operate::rows::Inserted;
use cvm_shared::operate::rows::ROWS;
use cvm_shared::operate::trails::Placed;
use cvm_shared::ports::Registry as _;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;
use cvm_shared::row::to_row;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;

use crate::import::roster::insert;
use crate::moving::side::Side;
use crate::moving::tally::Part;
use crate::moving::tally::Tally;
use crate::patience::is_passing;
use crate::patience::patience;
use crate::trouble::Trouble;

const DEVICES: Part = Part::Devices;

/// Brings each row of `from` to `to`; whether it came to the end.
pub(super) async fn copy(
    from: &Side,
    to: &Side,
    tally: &mut Tally<'_>,
    stop: &AtomicBool,
) -> Result<bool, Trouble> {
    walk(from, stop, tally, async |part, tally: &mut Tally<'_>| {
        copy_part((from, to), part, tally).await
    })
    .await
}

/// Looks for each row of `here` at `there`. What differs is told from one side only.
pub(super) async fn compare(
    (here, there): (&Side, &Side),
    tally: &mut Tally<'_>,
    stop: &AtomicBool,
    is_first: bool,
) -> Result<bool, Trouble> {
    walk(here, stop, tally, async |part, tally: &mut Tally<'_>| {
        let sound: Vec<Record> = part.iter().filter_map(|row| sound(row, tally)).collect();
        let found = there.rows(&serials(&sound)).await;
        for (row, found) in sound.iter().zip(found) {
            let problem = match found {
                Ok(None) => format!("missing at {}", there.name),
                Ok(Some(other)) if other != *row && is_first => {
                    format!("differs at {} in {}", there.name, differences(row, &other))
                }
                Ok(Some(_)) | Err(Failure::CorruptRow { .. }) => continue,
                Err(failure) => return Err(there.trouble(&failure)),
            };
            tally.problem(DEVICES, row.serial.as_str(), &problem);
        }
        Ok(())
    })
    .await
}

async fn walk(
    here: &Side,
    stop: &AtomicBool,
    tally: &mut Tally<'_>,
    handle: impl AsyncFn(&[Stored], &mut Tally<'_>) -> Result<(), Trouble>,
) -> Result<bool, Trouble> {
    let mut stock = here.table.stock();
    loop {
        let page = stock.page().await;
        let Some(page) = page.map_err(|failure| here.trouble(&failure))? else {
            return Ok(true);
        };
        for part in page.chunks(ROWS) {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            handle(part, tally).await?;
            tally.looked_at(DEVICES, part.len());
        }
    }
}

fn sound(stored: &Stored, tally: &mut Tally<'_>) -> Option<Record> {
    if tally.is_sound(stored) {
        stored.record.clone().ok()
    } else {
        None
    }
}

fn serials(rows: &[Record]) -> Vec<SerialNumber> {
    rows.iter().map(|row| row.serial.clone()).collect()
}

/// The columns in which two rows differ; their values may be nobody's business.
fn differences(one: &Record, other: &Record) -> String {
    let (one, other) = (to_row(one), to_row(other));
    let names = one
        .keys()
        .chain(other.keys().filter(|name| !one.contains_key(*name)));
    let differ = names.filter(|name| one.get(*name) != other.get(*name));
    differ.map(String::as_str).collect::<Vec<_>>().join(", ")
}

async fn copy_part(
    (from, to): (&Side, &Side),
    part: &[Stored],
    tally: &mut Tally<'_>,
) -> Result<(), Trouble> {
    let sound: Vec<Record> = part.iter().filter_map(|row| movable(row, tally)).collect();
    let found = to.rows(&serials(&sound)).await;
    let mut new = Vec::new();
    for (row, found) in sound.into_iter().zip(found) {
        match found {
            Ok(None) => new.push(row),
            Ok(Some(there)) if there == row => {}
            Ok(Some(there)) => forward((from, to), &there, &row, tally).await?,
            Err(Failure::CorruptRow { field }) => {
                let problem = format!("cannot be read at {}: {field}", to.name);
                tally.problem(DEVICES, row.serial.as_str(), &problem);
            }
            Err(failure) => return Err(to.trouble(&failure)),
        }
    }
    let answers = insert(&to.table, new.clone()).await;
    for (row, answer) in new.iter().zip(answers) {
        match answer {
            Ok(Inserted::New) => tally.of(DEVICES).new += 1,
            Ok(Inserted::Same | Inserted::Conflict(_)) | Err(Failure::Contended) => {
                let problem = format!("was written at {} meanwhile: run it again", to.name);
                tally.problem(DEVICES, row.serial.as_str(), &problem);
            }
            Err(failure) => return Err(to.trouble(&failure)),
        }
    }
    Ok(())
}

/// A row that can be moved as it is.
fn movable(stored: &Stored, tally: &mut Tally<'_>) -> Option<Record> {
    let row = sound(stored, tally)?;
    match &row.state {
        State::Issuing { .. } => {
            let problem = "is Issuing: a worker is at it. Let the source's workers finish, and run this again";
            tally.problem(DEVICES, row.serial.as_str(), problem);
            return None;
        }
        State::Vended {
            delivery: Delivery::Waiting { .. },
            ..
        } => tally.bundle_waits(),
        State::Vended { .. }
        | State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Failed { .. } => {}
    }
    Some(row)
}

/// Brings an older row of the same device forward: one that the source's trail tells of, hash and all.
async fn forward(
    (from, to): (&Side, &Side),
    there: &Record,
    row: &Record,
    tally: &mut Tally<'_>,
) -> Result<(), Trouble> {
    let is_older = there.revision < row.revision && was_once(from, there).await?;
    if !is_older {
        let columns = differences(row, there);
        let problem = format!("another row stands at {}: it differs in {columns}", to.name);
        tally.problem(DEVICES, row.serial.as_str(), &problem);
        return Ok(());
    }
    let swap = || to.table.swap(there, row);
    let swapped = swap.retry(patience()).when(is_passing).await;
    match swapped.map_err(|failure| to.trouble(&failure))? {
        Swap::Done => tally.of(DEVICES).forward += 1,
        Swap::Changed(_) => {
            let problem = format!("was written at {} meanwhile: run it again", to.name);
            tally.problem(DEVICES, row.serial.as_str(), &problem);
        }
    }
    Ok(())
}

/// Whether the row of this device was once this one, by its trail.
async fn was_once(side: &Side, row: &Record) -> Result<bool, Trouble> {
    let Some(head) = row.trail.as_ref().map(|trail| &trail.head) else {
        return Ok(false);
    };
    let trail = side.trail(row.serial.as_str()).await;
    let trail = trail.map_err(|failure| side.trouble(&failure))?;
    let mut entries = trail.values().filter_map(Placed::entry);
    Ok(entries.any(|entry: Entry| entry.revision() == Some(row.revision) && entry.head == *head))
}
