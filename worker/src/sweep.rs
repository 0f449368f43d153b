//! The janitor's round: rows that are stuck or due, certificates that have to go, orphans.
//!
//! Each effect comes before the write that says so: a sweep that dies in between is repeated by the
//! next one, and repeating is harmless.

use std::time::Duration;

use cvm_shared::care::Group;
use cvm_shared::event::Event;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Backlog;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Inventory;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::Queue;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Disuse;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::write::Written;
use cvm_shared::write::write;
use serde::Serialize;

use crate::chores::CareTerms;
use crate::chores::Chore;
use crate::chores::chores;
use crate::errand::Errand;

/// How many waiting rows one sweep looks at, of each group.
const ROWS_MOST: usize = 2000;

/// A sweep ends by itself when less than this is left.
pub(crate) const ROOM: Duration = Duration::from_secs(15);

/// The janitor's hands: its ports and its terms.
#[derive(Debug)]
pub struct Janitor<R, Q, I, V, C> {
    /// The device table, and its rows that wait.
    pub registry: R,
    /// The work queue.
    pub queue: Q,
    /// AWS IoT.
    pub issuer: I,
    /// The bucket of bundles.
    pub vault: V,
    /// Time.
    pub clock: C,
    /// What it may do, and how patient it is.
    pub terms: SweepTerms,
}

/// What a sweep may do, and how patient it is.
#[derive(Clone, Copy, Debug)]
pub struct SweepTerms {
    /// How patient it is with rows.
    pub care: CareTerms,
    /// How many orders all workers together work off per second.
    pub rate: f64,
    /// Only counts what it would do.
    pub report_only: bool,
    /// Whether nothing else creates certificates in this account and region: then whatever is
    /// INACTIVE, unused and in no row is an orphan of ours.
    pub account_is_ours: bool,
}

/// What a sweep did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Whether it only counted what it would do.
    pub report_only: bool,
    /// Rows that were looked at.
    pub rows: u64,
    /// Orders that were sent again.
    pub resent: u64,
    /// Rows that were given up.
    pub abandoned: u64,
    /// Bundles that had expired.
    pub expired: u64,
    /// Superseded certificates that were put out of use, or have stayed so for long enough.
    pub deactivated: u64,
    /// Superseded certificates that were deleted.
    pub removed: u64,
    /// INACTIVE certificates that were looked at.
    pub suspects: u64,
    /// Orphans that were deleted.
    pub orphans: u64,
    /// INACTIVE, in no row, and not known to be ours: left alone.
    pub unattributed: u64,
    /// Things that failed; the next sweep tries them again.
    pub failed: u64,
    /// Whether it came to its end in time.
    pub complete: bool,
}

impl<R, Q, I, V, C> Janitor<R, Q, I, V, C>
where
    R: Registry + Backlog,
    Q: Queue + Depth,
    I: Issuer + Inventory,
    V: Vault,
    C: Clock,
{
    /// One round. What fails is counted and left to the next one.
    pub async fn sweep(&self, deadline: UnixMillis) -> Summary {
        self.round(&Errand::default(), deadline).await
    }

    /// One round as somebody wants it. Nobody can have more done than the terms allow.
    pub async fn round(&self, errand: &Errand, deadline: UnixMillis) -> Summary {
        let mut summary = Summary {
            report_only: self.terms.report_only || errand.report_only,
            ..Summary::default()
        };
        let care = CareTerms {
            stuck_after: self.patience(&mut summary).await,
            ..self.terms.care
        };
        let rows_done = self.rows(&care, deadline, &mut summary).await;
        let orphans_done = self.orphans(deadline, &mut summary).await;
        summary.complete = rows_done && orphans_done;
        summary
    }

    /// A row is not stuck while the queue has not had the time to bring its order: twice as long as
    /// all that is in it takes.
    async fn patience(&self, summary: &mut Summary) -> Duration {
        let depth = noted(self.queue.depth().await, summary).unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let drain = depth as f64 / self.terms.rate.max(0.01);
        self.terms.care.stuck_after + Duration::from_secs_f64(2.0 * drain)
    }

    pub(crate) fn in_time(&self, deadline: UnixMillis) -> bool {
        deadline.since(self.clock.now()) > ROOM
    }

    async fn rows(&self, care: &CareTerms, deadline: UnixMillis, summary: &mut Summary) -> bool {
        for group in Group::ALL {
            let now = self.clock.now();
            let before = match group {
                Group::Work => now.minus(care.stuck_after),
                Group::Care => now.plus(Duration::from_millis(1)),
            };
            let found = self.registry.waiting(group, before, ROWS_MOST).await;
            let Some(found) = noted(found, summary) else {
                return false;
            };
            for serial in found {
                if !self.in_time(deadline) {
                    return false;
                }
                let done = self.row(&serial, care, summary).await;
                noted(done, summary);
            }
        }
        true
    }

    async fn row(
        &self,
        serial: &SerialNumber,
        care: &CareTerms,
        summary: &mut Summary,
    ) -> Result<(), Failure> {
        let Some(row) = self.registry.load(serial).await? else {
            return Ok(());
        };
        summary.rows += 1;
        for chore in chores(&row, self.clock.now(), care) {
            let done = summary.report_only || self.carry_out(&row, &chore).await?;
            tracing::debug!(%serial, chore = name(&chore), done, "swept");
            *counter(summary, &chore) += u64::from(done);
        }
        Ok(())
    }

    /// Whether it made a difference to the row.
    async fn carry_out(&self, row: &Record, chore: &Chore) -> Result<bool, Failure> {
        let now = self.clock.now();
        let event = match chore {
            Chore::Resend(order) => {
                self.queue.send(order).await?;
                Event::Resend { now }
            }
            Chore::Abandon => Event::Abandon { now },
            Chore::Expire(bundle) => {
                self.vault.shred(bundle).await?;
                Event::Expire { now }
            }
            Chore::Deactivate(certificate) => {
                let inactive = Disuse::Inactive;
                self.issuer.put_out_of_use(certificate, inactive).await?;
                let certificate = certificate.clone();
                Event::Deactivate { certificate, now }
            }
            Chore::Keep {
                issued,
                disuse,
                settle,
            } => {
                self.put_away(issued, *disuse).await?;
                let certificate = issued.certificate_id.clone();
                if *settle {
                    Event::Settle { certificate }
                } else {
                    Event::Deactivate { certificate, now }
                }
            }
            Chore::Remove(issued) => {
                self.destroy(row, issued).await?;
                let certificate = issued.certificate_id.clone();
                Event::Forget { certificate }
            }
        };
        // A refusal means that the row has moved on; the next sweep sees where to.
        let hand = Hand::new(Author::Janitor, now);
        let written = write(&self.registry, &hand, row.clone(), |_| event.clone()).await?;
        Ok(matches!(written, Written::Applied(_)))
    }

    async fn put_away(&self, issued: &Issued, disuse: Disuse) -> Result<(), Failure> {
        let certificate = &issued.certificate_id;
        self.issuer.put_out_of_use(certificate, disuse).await?;
        self.vault.shred(&issued.bundle.key).await
    }

    async fn destroy(&self, row: &Record, issued: &Issued) -> Result<(), Failure> {
        let names = CertificateRef::from(issued);
        self.issuer.retire(&names, &row.binding).await?;
        self.vault.shred(&issued.bundle.key).await
    }
}

/// The result, if it is one; a failure is counted and logged.
pub(crate) fn noted<T>(result: Result<T, Failure>, summary: &mut Summary) -> Option<T> {
    result
        .inspect_err(|failure| {
            summary.failed += 1;
            tracing::warn!(%failure, "the sweep goes on without this");
        })
        .ok()
}

fn name(chore: &Chore) -> &'static str {
    match chore {
        Chore::Resend(_) => "resend",
        Chore::Abandon => "abandon",
        Chore::Expire(_) => "expire",
        Chore::Deactivate(_) => "deactivate",
        Chore::Keep { .. } => "keep",
        Chore::Remove(_) => "remove",
    }
}

fn counter<'a>(summary: &'a mut Summary, chore: &Chore) -> &'a mut u64 {
    match chore {
        Chore::Resend(_) => &mut summary.resent,
        Chore::Abandon => &mut summary.abandoned,
        Chore::Expire(_) => &mut summary.expired,
        Chore::Deactivate(_) | Chore::Keep { .. } => &mut summary.deactivated,
        Chore::Remove(_) => &mut summary.removed,
    }
}
