//! Orphans: certificates that a crash left between create and commit. INACTIVE, in no row, attached to
//! nothing, and known to be ours; anything else is somebody's, and is left alone.
//!
//! Certificates are looked through from the newest back to where the last sweep had begun, so a sweep
//! costs what was issued since then, however large the fleet is.

use std::time::Duration;

use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Backlog;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Inventory;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::Listed;
use cvm_shared::ports::Queue;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Removal;
use cvm_shared::ports::Vault;
use cvm_shared::record::Record;
use cvm_shared::request::Generation;
use cvm_shared::request::request_id;
use cvm_shared::time::UnixMillis;
use x509_parser::pem::Pem;

use crate::sweep::Janitor;
use crate::sweep::Summary;
use crate::sweep::noted;

/// Younger certificates may still be committed: longer than any lease (30 minutes at most).
const OLD_ENOUGH: Duration = Duration::from_hours(1);
/// How far back the first sweep looks.
const FIRST_LOOK: Duration = Duration::from_hours(48);
/// Lists are eventually consistent: what was created a moment before the mark is looked at again.
const OVERLAP: Duration = Duration::from_mins(15);

/// What a suspect turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// A row names it, or it is gone.
    Known,
    /// Ours, and nobody's.
    Orphan,
    /// Perhaps somebody else's.
    Unattributed,
}

impl<R, Q, I, V, C> Janitor<R, Q, I, V, C>
where
    R: Registry + Backlog,
    Q: Queue + Depth,
    I: Issuer + Inventory,
    V: Vault,
    C: Clock,
{
    /// Looks the certificates through; whether it came to its end.
    pub(crate) async fn orphans(&self, deadline: UnixMillis, summary: &mut Summary) -> bool {
        let until = self.clock.now().minus(OLD_ENOUGH);
        let Some(mark) = noted(self.registry.mark().await, summary) else {
            return false;
        };
        let from = mark.map_or(until.minus(FIRST_LOOK), |mark| mark.minus(OVERLAP));
        let Some(suspects) = self.suspects(from, until, deadline, summary).await else {
            return false;
        };
        let failed_before = summary.failed;
        for suspect in suspects {
            if !self.in_time(deadline) {
                return false;
            }
            let judged = self.judge(&suspect, summary).await;
            noted(judged, summary);
        }
        // With one left unjudged, the next sweep begins where this one did.
        if summary.failed == failed_before && !summary.report_only {
            noted(self.registry.set_mark(until).await, summary);
        }
        summary.failed == failed_before
    }

    /// The INACTIVE certificates created between the two moments.
    async fn suspects(
        &self,
        from: UnixMillis,
        until: UnixMillis,
        deadline: UnixMillis,
        summary: &mut Summary,
    ) -> Option<Vec<CertificateId>> {
        let mut suspects = Vec::new();
        let mut after = None;
        loop {
            if !self.in_time(deadline) {
                return None;
            }
            let page = noted(self.issuer.page(after).await, summary)?;
            let old = |listed: &&Listed| listed.created_at <= until && listed.created_at >= from;
            let found = page.certificates.iter().filter(old);
            suspects.extend(found.filter(|listed| listed.inactive).map(|l| l.id.clone()));
            // Load-bearing: the list is ordered by creation date, newest first (AWS IoT API reference,
            // `ListCertificates`, `ascendingOrder`).
            let oldest = page.certificates.last().map(|listed| listed.created_at);
            after = page.next;
            if after.is_none() || oldest.is_some_and(|oldest| oldest < from) {
                return Some(suspects);
            }
        }
    }

    async fn judge(&self, suspect: &CertificateId, summary: &mut Summary) -> Result<(), Failure> {
        summary.suspects += 1;
        match self.verdict(suspect).await? {
            Verdict::Known => {}
            Verdict::Unattributed => summary.unattributed += 1,
            Verdict::Orphan if summary.report_only => summary.orphans += 1,
            Verdict::Orphan => match self.issuer.remove_unused(suspect).await? {
                Removal::Gone => {
                    tracing::info!(certificate = %suspect, "an orphan was deleted");
                    summary.orphans += 1;
                }
                // Attached to something, for instance a former one that an operator can still have back.
                Removal::InUse => {}
            },
        }
        Ok(())
    }

    async fn verdict(&self, suspect: &CertificateId) -> Result<Verdict, Failure> {
        if self.registry.names(suspect).await? {
            return Ok(Verdict::Known);
        }
        let Some(pem) = self.issuer.pem(suspect).await? else {
            return Ok(Verdict::Known);
        };
        if let Some((serial, key)) = claimed_by(&pem)
            && let Some(row) = self.registry.load(&serial).await?
        {
            // The index may be behind; the row itself is not.
            if row.names(suspect) {
                return Ok(Verdict::Known);
            }
            if was_asked_for(&row, key) {
                return Ok(Verdict::Orphan);
            }
        }
        Ok(if self.terms.account_is_ours {
            Verdict::Orphan
        } else {
            Verdict::Unattributed
        })
    }
}

/// Whom a certificate made from a signing request says it is for (its common name, which AWS IoT
/// takes over from the request), and its key.
fn claimed_by(pem: &str) -> Option<(SerialNumber, PublicKeyDigest)> {
    let block = Pem::iter_from_buffer(pem.as_bytes()).next()?.ok()?;
    let certificate = block.parse_x509().ok()?;
    let mut names = certificate.subject().iter_common_name();
    let (Some(name), None) = (names.next(), names.next()) else {
        return None;
    };
    let serial = SerialNumber::parse(name.as_str().ok()?).ok()?;
    let key = PublicKeyDigest::of(certificate.public_key().raw);
    Some((serial, key))
}

/// Whether this device asked for this key: now, or in an earlier generation, whose keys nobody keeps.
fn was_asked_for(row: &Record, key: PublicKeyDigest) -> bool {
    let asked = request_id(&row.serial, row.generation, Some(key));
    row.state.request_id() == Some(&asked) || row.generation > Generation::FIRST
}
