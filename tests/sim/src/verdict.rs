//! The invariants that hold when all is quiet again.

use std::collections::BTreeMap;

use cvm_shared::entry;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Ending;
use cvm_shared::reprovision::Superseded;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_testkit::issuer::Registered;
use cvm_testkit::sample::TOKEN;

use crate::watch::named;
use crate::world::Site;

/// What must be the same after every message was replayed: rows that were served, and all that is
/// theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    rows: Vec<Record>,
    certificates: BTreeMap<CertificateId, Registered>,
}

impl Site {
    /// What is served now.
    pub fn served(&self) -> Served {
        let mut rows = self.outside.registry.rows();
        rows.retain(|row| matches!(row.state, State::Vended { .. }));
        let mut certificates = self.outside.issuer.certificates();
        certificates.retain(|id, _| rows.iter().any(|row| named(row, id)));
        Served { rows, certificates }
    }

    /// I5: replayed messages changed nothing for devices that were served. A bundle may have expired
    /// meanwhile, which no message does.
    pub fn check_replay(&self, before: &Served) {
        let after = self.served();
        for row in &before.rows {
            let same = after.rows.iter().any(|other| same_service(row, other));
            if !same {
                let what = format!("a replayed message changed {}", row.serial);
                self.broke("I5", what);
            }
        }
        let lost = before
            .certificates
            .iter()
            .find(|(id, known)| after.certificates.get(id) != Some(known));
        if let Some((id, _)) = lost {
            let what = format!("a replayed message changed {}", self.label(id));
            self.broke("I5", what);
        }
    }

    /// All that must be so at the end.
    pub fn check_end(&self) {
        self.check();
        self.check_queue();
        let rows = self.outside.registry.rows();
        for row in &rows {
            self.check_settled(row);
            self.check_trail(row);
        }
        self.check_bundles(&rows);
        self.check_accepted();
        self.check_peace();
        self.check_orphans(&rows);
    }

    /// I4, and the queue is empty.
    fn check_queue(&self) {
        let left = self.outside.queue.len();
        if left > 0 {
            self.broke("I3", format!("{left} messages are still in the queue"));
        }
        let secret = |body: &str| body.contains(TOKEN) || body.contains("PRIVATE KEY");
        let letters = self.outside.queue.dead_letters();
        if letters.iter().any(|letter| secret(&letter.body)) {
            self.broke("I4", "a dead letter holds a secret".to_owned());
        }
    }

    /// I3: nobody waits any more; nothing of earlier generations is left.
    fn check_settled(&self, row: &Record) {
        let serial = &row.serial;
        if row.state.open_request().is_some() {
            let what = format!("{serial} is still {}", row.state.name());
            self.broke("I3", what);
        }
        if !row.superseded.iter().all(|old| self.is_put_away(row, old)) {
            let what = format!("{serial} still has a certificate of an earlier generation");
            self.broke("I1", what);
        }
    }

    /// What is left of earlier generations is what an operator wants kept, for as long as the device is
    /// barred: as it should be, and looked after by nobody.
    fn is_put_away(&self, row: &Record, old: &Superseded) -> bool {
        let Ending::Kept {
            disuse,
            settled: true,
        } = old.ending
        else {
            return false;
        };
        let certificates = self.outside.issuer.certificates();
        let known = certificates.get(&old.issued.certificate_id);
        let as_wanted =
            |known: &Registered| !known.active && known.revoked == (disuse == Disuse::Revoked);
        row.state == State::Disabled && known.is_none_or(as_wanted)
    }

    /// Every change is in the trail, and nothing else is; a table that keeps trails itself has the same one.
    fn check_trail(&self, row: &Record) {
        let ledger = self.ledger.lock().unwrap();
        let seen = ledger.trails.get(&row.serial).cloned().unwrap_or_default();
        drop(ledger);
        let kept = self.outside.registry.trail(&row.serial);
        for trail in kept.iter().chain([&seen]) {
            if let Err(broken) = entry::check(trail, row) {
                self.broke("trail", format!("{}: {broken}", row.serial));
            }
        }
        if let Some(kept) = kept {
            self.count_many("trails", "entries in the table", kept.len() as u64);
            if kept != seen {
                let what = format!("{}: the table has another trail", row.serial);
                self.broke("trail", what);
            }
        }
    }

    /// Of the bundles that rows ever named, those are left that a device may still fetch. Those that
    /// no row ever named, left by a crash, are the bucket's lifecycle's.
    fn check_bundles(&self, rows: &[Record]) {
        let waits = |row: &Record| match &row.state {
            State::Vended { delivery, .. } => match delivery {
                Delivery::Waiting { .. } => true,
                Delivery::Expired { .. } | Delivery::Confirmed { .. } => false,
            },
            State::Failed { .. } => true,
            State::Registered
            | State::Disabled
            | State::Requested { .. }
            | State::Issuing { .. } => false,
        };
        let named = |key: &BundleKey| {
            let mut issued = rows.iter().filter(|row| waits(row));
            issued.any(|row| row.state.issued().is_some_and(|it| it.bundle.key == *key))
        };
        let ledger = self.ledger.lock().unwrap();
        let there = |key: &&BundleKey| self.outside.vault.open(key).is_some();
        let left = ledger.bundles.iter().filter(there).find(|key| !named(key));
        let left = left.cloned();
        drop(ledger);
        if let Some(key) = left {
            self.broke("bundles", format!("{key} is still there"));
        }
    }

    /// I3: what the door said yes to was in a row; the watch saw that it was never lost from it.
    fn check_accepted(&self) {
        let ledger = self.ledger.lock().unwrap();
        let unheard = ledger.accepted.difference(&ledger.recorded).next().cloned();
        drop(ledger);
        if let Some((serial, id)) = unheard {
            let what = format!("{serial} was promised {id}, which was in no row");
            self.broke("I3", what);
        }
    }

    /// I3: where nothing went wrong, nothing failed but what an operator has to see to.
    fn check_peace(&self) {
        let tally = self.chronicle.lock().unwrap().tally.clone();
        let struck = |section: &str, name: &str| match section {
            "faults" => true,
            "processes" => name != "workers",
            "messages" => matches!(name, "delivered twice" | "not deleted"),
            "requests" => name == "no answer",
            _ => false,
        };
        let mut counts = tally.iter();
        if counts.any(|(section, name, _)| struck(section, name)) {
            return;
        }
        let expected = ["policy_missing", "budget_spent"];
        let mut counts = tally.iter();
        let failed =
            counts.find(|(section, name, _)| *section == "failed" && !expected.contains(name));
        if let Some((_, name, _)) = failed {
            self.broke(
                "I3",
                format!("nothing went wrong, and a request failed: {name}"),
            );
        }
    }

    /// I6: no certificate that no row names.
    fn check_orphans(&self, rows: &[Record]) {
        for (id, certificate) in self.outside.issuer.certificates() {
            if !rows.iter().any(|row| named(row, &id)) {
                let hours = (self.time.now() - certificate.created_at.0) / 3_600_000;
                let what = format!("{} is an orphan since {hours} h", self.label(&id));
                self.broke("I6", what);
            }
        }
    }
}

/// Whether the two rows serve the same.
fn same_service(before: &Record, after: &Record) -> bool {
    let expired = |row: &Record| match &row.state {
        State::Vended { delivery, .. } => matches!(delivery, Delivery::Expired { .. }),
        State::Disabled
        | State::Registered
        | State::Requested { .. }
        | State::Issuing { .. }
        | State::Failed { .. } => false,
    };
    let moved = !expired(before) && expired(after);
    let same = before.state.issued() == after.state.issued();
    before.serial == after.serial && (before == after || (moved && same))
}
