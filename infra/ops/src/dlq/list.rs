//! `cvmctl dlq list`: looks at dead letters and at their devices, and changes nothing.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use cvm_aws::system::SystemClock;
use cvm_shared::failure::Failure;
use cvm_shared::failure::FailureCode;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Registry;
use cvm_shared::time::UnixMillis;
use futures_util::future::try_join_all;
use serde_json::Value;

use crate::calendar::rfc3339;
use crate::cli::Exit;
use crate::context::Context;
use crate::dlq::filter::Filter;
use crate::dlq::groups;
use crate::dlq::groups::Groups;
use crate::dlq::letter::Letter;
use crate::dlq::place::Place;
use crate::dlq::post::Post;
use crate::dlq::report::calling;
use crate::dlq::report::given_back;
use crate::dlq::round::Round;
use crate::dlq::standing::Standing;
use crate::printer::Printer;
use crate::span::told;
use crate::terminal::complain;
use crate::trouble::Trouble;

pub(super) const LOOK: &str = "\
To look at letters is to take them: while the list is made they are hidden from others, and then given
back. Letters that somebody else is looking at are missing here, for up to 15 minutes.";

const COLUMNS: &[&str] = &[
    "messageId",
    "reason",
    "productid",
    "requestId",
    "sentAt",
    "age",
    "receives",
    "state",
    "failure",
    "replay",
];

/// So many letters of one queue may be in hand at a time, everybody's together (SQS quota 120,000).
const MOST: u64 = 100_000;

/// Which letters to look at.
#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    filter: Filter,
    /// One line for each letter
    #[arg(long)]
    each: bool,
    /// Look at no more than so many
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..=MOST))]
    limit: u64,
}

/// How the letters are listed.
enum Sheet {
    Each(Printer),
    Groups(Groups),
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let place = Place::open(&site).await?;
        let stop = context.stop();
        let mut sheet = if self.each {
            Sheet::Each(context.printer(COLUMNS))
        } else {
            Sheet::Groups(Groups::default())
        };
        let mut round = Round::new(&place.post);
        let looked = self
            .look(&mut round, &place.registry, stop, &mut sheet)
            .await;
        given_back(round.give_back().await);
        sheet.finish(context);
        let is_whole = looked.map_err(|failure| calling(&failure))?;
        if stop.load(Ordering::Relaxed) {
            return Ok(Exit::Stopped);
        }
        if !is_whole {
            let limit = self.limit;
            complain(&format!("the first {limit}; there may be more: --limit"));
        }
        Ok(Exit::Done)
    }

    /// Looks at one page after another; whether it came to the last.
    async fn look<P: Post, R: Registry>(
        &self,
        round: &mut Round<'_, P>,
        registry: &R,
        stop: &AtomicBool,
        sheet: &mut Sheet,
    ) -> Result<bool, Failure> {
        while (round.count() as u64) < self.limit && !stop.load(Ordering::Relaxed) {
            let Some(page) = round.next().await? else {
                return Ok(true);
            };
            let now = SystemClock.now();
            let fits = page.iter().filter(|letter| self.filter.fits(letter, now));
            let letters: Vec<&Letter> = fits.collect();
            let standings = letters.iter().map(|letter| Standing::of(registry, letter));
            let standings = try_join_all(standings).await?;
            sheet.page(letters.into_iter().zip(&standings), now);
        }
        Ok(false)
    }
}

impl Sheet {
    fn page<'a>(
        &mut self,
        letters: impl Iterator<Item = (&'a Letter, &'a Standing)>,
        now: UnixMillis,
    ) {
        match self {
            Self::Each(printer) => {
                let rows: Vec<_> = letters.map(|(one, at)| row(one, at, now)).collect();
                if !rows.is_empty() {
                    printer.page(&rows);
                }
            }
            Self::Groups(groups) => {
                for (letter, standing) in letters {
                    groups.add(letter, standing, standing.verdict(letter, now));
                }
            }
        }
    }

    fn finish(self, context: &Context) {
        match self {
            Self::Each(mut printer) => printer.page(&[]),
            Self::Groups(groups) => {
                let rows = groups.rows(SystemClock.now());
                context.printer(groups::COLUMNS).page(&rows);
            }
        }
    }
}

fn row(letter: &Letter, standing: &Standing, now: UnixMillis) -> Vec<Value> {
    let order = letter.order.as_ref().ok();
    let failure = standing.row().and_then(|row| row.state.failure());
    vec![
        letter.id.as_str().into(),
        letter.reason.as_str().into(),
        order.map(|order| order.serial.to_string()).into(),
        order.map(|order| order.request.id.to_string()).into(),
        letter.sent_at.map(rfc3339).into(),
        letter.age(now).map(told).into(),
        letter.receives.into(),
        order.map(|_| standing.name()).into(),
        failure.map(FailureCode::as_str).into(),
        standing.verdict(letter, now).to_string().into(),
    ]
}
