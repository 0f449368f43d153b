//! What a command that changes dead letters begins and ends with: which are meant, consent, a walk through them, a report.

use std::sync::atomic::AtomicBool;

use cvm_aws::system::SystemClock;
use cvm_shared::failure::Failure;

use crate::cli::Care;
use crate::cli::Exit;
use crate::context::Context;
use crate::dlq::desk::Desk;
use crate::dlq::desk::RealDesk;
use crate::dlq::fate::Fate;
use crate::dlq::filter::Filter;
use crate::dlq::letter::Letter;
use crate::dlq::place::Place;
use crate::dlq::place::depth;
use crate::dlq::report::Report;
use crate::dlq::walk::Walk;
use crate::site::Site;
use crate::store::TrailStore;
use crate::trouble::Trouble;

/// An errand that its operator has consented to.
pub(super) struct Errand<'a> {
    pub(super) site: Site,
    pub(super) place: Place,
    context: &'a Context,
    filter: &'a Filter,
    care: &'a Care,
    letters: u64,
    stop: &'static AtomicBool,
}

impl<'a> Errand<'a> {
    /// Looks how many letters there are, and asks unless nothing is to be done.
    pub(super) async fn begin(
        context: &'a Context,
        filter: &'a Filter,
        care: &'a Care,
        question: &str,
    ) -> Result<Self, Trouble> {
        let site = context.site().await?;
        let place = Place::open(&site).await?;
        let letters = depth(&site).await?;
        if !care.dry_run {
            let question = format!("{question} There are about {letters} in all.");
            context.consent(care, &question)?;
        }
        Ok(Self {
            site,
            place,
            context,
            filter,
            care,
            letters,
            stop: context.stop(),
        })
    }

    /// The desk to work at, in the operator's name.
    pub(super) async fn desk<'b>(
        &'b self,
        trails: &'b TrailStore,
    ) -> Result<RealDesk<'b>, Trouble> {
        Ok(Desk {
            post: &self.place.post,
            registry: &self.place.registry,
            notes: trails,
            clock: &SystemClock,
            hand: self.site.hand(self.care.reason.clone()).await?,
        })
    }

    /// Has `handle` at each letter that is meant, and reports.
    pub(super) async fn walk(
        &self,
        handle: impl AsyncFnMut(&Letter) -> Result<Fate, Failure>,
    ) -> Result<Exit, Trouble> {
        let mut report = Report::new(self.context, self.care.dry_run, self.letters);
        let walk = Walk {
            post: &self.place.post,
            filter: self.filter,
            clock: &SystemClock,
            stop: self.stop,
        };
        let end = walk.run(&mut report, handle).await;
        report.conclude(&end)
    }
}
