//! The import: reads a file row by row, adds what is sound, tells what is not, and sums up.
//!
//! From outside in: this file (the loop and its summary), [`source`] (a file as chunks of rows), `objects`,
//! [`columns`], [`names`], [`row`] and [`login`] (what a row may say), [`refusal`] (why it may not), `settle` (a chunk's way into the
//! table), `offer` (what is added, what counts as the same), [`roster`] (how rows are added).

pub mod columns;
pub(crate) mod json_lines;
pub(crate) mod lines;
pub mod login;
pub mod names;
mod objects;
mod offer;
pub mod refusal;
pub mod roster;
pub mod row;
pub(crate) mod seen;
mod settle;
pub mod source;

use std::io::Read;

use cvm_shared::failure::Failure;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use serde::Serialize;

pub use crate::import::columns::HeaderError;
pub use crate::import::login::Auth;
pub use crate::import::login::Login;
pub use crate::import::names::Names;
pub use crate::import::refusal::Reason;
pub use crate::import::refusal::Refusal;
pub use crate::import::roster::DryRun;
pub use crate::import::row::Options;
use crate::import::settle::Fate;
use crate::import::settle::Settled;
use crate::import::settle::settle;
pub use crate::import::source::Form;
use crate::import::source::Source;
pub use cvm_shared::operate::rows::Roster;

/// How many chunks may be on their way at once, one call or one busy core each. The answers are told
/// in the order of the file.
const IN_FLIGHT: usize = 4;

/// Who looks on.
pub trait Progress: Sync {
    /// A row was refused.
    fn refused(&self, refusal: &Refusal);

    /// Everything up to this byte of the file is done with.
    fn settled(&self, summary: &Summary, bytes: u64);

    /// Whether to read no further. What is on its way is finished.
    fn wants_stop(&self) -> bool;
}

/// Nobody looks on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn refused(&self, _: &Refusal) {}
    fn settled(&self, _: &Summary, _: u64) {}
    fn wants_stop(&self) -> bool {
        false
    }
}

/// What became of the rows: each that was read is counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Rows that are in the table now.
    pub imported: u64,
    /// Rows that the table had already, with the same values.
    pub already_there: u64,
    /// Rows refused because the table has their serial number with other values.
    pub conflicting: u64,
    /// Rows refused for what they say.
    pub bad: u64,
    /// Rows that were sent and not answered: importing again settles them.
    pub unsettled: u64,
    /// How it ended.
    #[serde(skip)]
    pub end: End,
}

impl Summary {
    /// How many rows were read.
    pub fn rows(&self) -> u64 {
        self.imported + self.already_there + self.refused() + self.unsettled
    }

    /// How many rows were refused.
    pub fn refused(&self) -> u64 {
        self.conflicting + self.bad
    }
}

/// How an import ended. However it did, importing the same file again is safe and goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// The whole file was read.
    #[default]
    Complete,
    /// Somebody wanted it to stop.
    Stopped,
    /// The table could not be written.
    Failed(Failure),
    /// The rest of the file could not be read.
    Unreadable(String),
}

/// Imports the devices in `file`, with tokens or proofs as their rows say; weak secrets are refused.
/// A header that will not do is an error, and nothing was written.
pub async fn import<F: Read, R: Roster, P: Progress>(
    file: F,
    roster: &R,
    options: &Options,
    progress: &P,
) -> Result<Summary, HeaderError> {
    import_with(file, roster, options, &Login::default(), progress).await
}

/// The same with a say in how the devices log in.
pub async fn import_with<F: Read, R: Roster, P: Progress>(
    file: F,
    roster: &R,
    options: &Options,
    login: &Login<'_>,
    progress: &P,
) -> Result<Summary, HeaderError> {
    let form = Form::Csv(Names::default());
    import_as(file, form, roster, options, login, progress).await
}

/// The same for a file of this form.
pub async fn import_as<F: Read, R: Roster, P: Progress>(
    file: F,
    form: Form,
    roster: &R,
    options: &Options,
    login: &Login<'_>,
    progress: &P,
) -> Result<Summary, HeaderError> {
    let mut source = Source::open(file, form)?;
    let mut summary = Summary::default();
    let mut flying = FuturesOrdered::new();
    loop {
        while flying.len() < IN_FLIGHT && goes_on(&mut summary, progress) {
            let Some(chunk) = source.next_chunk(options, login, roster.at_once()) else {
                break;
            };
            flying.push_back(settle(roster, options.hand.as_ref(), chunk));
        }
        let Some(settled) = flying.next().await else {
            break;
        };
        take(&mut summary, settled, progress);
    }
    if let (End::Complete, Some(reason)) = (&summary.end, source.broken()) {
        summary.end = End::Unreadable(reason);
    }
    Ok(summary)
}

fn goes_on<P: Progress>(summary: &mut Summary, progress: &P) -> bool {
    if summary.end == End::Complete && progress.wants_stop() {
        summary.end = End::Stopped;
    }
    summary.end == End::Complete
}

fn take<P: Progress>(summary: &mut Summary, settled: Settled, progress: &P) {
    for (line, fate) in settled.fates {
        match fate {
            Fate::Imported => summary.imported += 1,
            Fate::AlreadyThere => summary.already_there += 1,
            Fate::Unsettled(failure) => {
                summary.unsettled += 1;
                // The first one is the cause, those after it may be its echo.
                if !matches!(summary.end, End::Failed(_)) {
                    summary.end = End::Failed(failure);
                }
            }
            Fate::Refused(reason) => {
                let count = if reason.is_conflict() {
                    &mut summary.conflicting
                } else {
                    &mut summary.bad
                };
                *count += 1;
                progress.refused(&Refusal { line, reason });
            }
        }
    }
    progress.settled(summary, settled.bytes);
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
