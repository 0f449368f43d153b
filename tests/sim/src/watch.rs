//! The invariants that hold at every instant, checked after every effect.

use std::collections::BTreeMap;

use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::entry::Entry;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::NewCertificate;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Ending;
use cvm_shared::reprovision::Superseded;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_testkit::issuer::Registered;
use cvm_testkit::sample::TOKEN;

use crate::calls::Call;
use crate::calls::Service;
use crate::fleet;
use crate::world::Certificates;
use crate::world::Site;

type Rows = BTreeMap<SerialNumber, Record>;

/// How many creates of one day may be beyond the budget: those that were counted just before
/// midnight and made just after it. A row has one holder at a time, and a zombie beside it.
const CARRIED_OVER: u32 = 2;

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

impl Site {
    /// Looks at all rows and all certificates after this call had its effect.
    pub fn changed(&self, call: Call) {
        if call.service() == Service::Iot {
            *self.certificates.lock().unwrap() = self.outside.issuer.certificates();
            *self.listing.lock().unwrap() = None;
        }
        self.check();
    }

    /// Looks at all rows and all certificates.
    pub fn check(&self) {
        let rows = self.rows.lock().unwrap();
        let certificates = self.certificates.lock().unwrap();
        for (id, certificate) in certificates.iter() {
            self.check_holder(&rows, id, certificate);
        }
        for row in rows.values() {
            self.check_active(row, &certificates);
            self.check_vended(row, &certificates);
        }
    }

    /// I6, I7: ACTIVE or attached only if a row names it, and then only to that row's Thing.
    fn check_holder(&self, rows: &Rows, id: &CertificateId, certificate: &Registered) {
        let holder = rows.values().find(|row| named(row, id));
        let Some(row) = holder else {
            if certificate.active {
                let what = format!("{} is ACTIVE and in no row", self.label(id));
                self.broke("I6", what);
            }
            if !certificate.things.is_empty() {
                let what = format!("{} is attached and in no row", self.label(id));
                self.broke("I7", what);
            }
            return;
        };
        let own = |thing: &String| *thing == row.binding.thing.as_str();
        if !certificate.things.iter().all(own) {
            let things = &certificate.things;
            let what = format!("{} of {} is on {things:?}", self.label(id), row.serial);
            self.broke("I7", what);
        }
    }

    /// I1: one ACTIVE certificate for each generation; two only while the older is in its grace, or
    /// while both wait to be taken away.
    fn check_active(&self, row: &Record, certificates: &Certificates) {
        let active = |issued: &Issued| {
            let known = certificates.get(&issued.certificate_id);
            known.is_some_and(|known| known.active)
        };
        let olds: Vec<&Superseded> = row
            .superseded
            .iter()
            .filter(|old| active(&old.issued))
            .collect();
        let current = row.state.issued().is_some_and(active);
        let mut generations: Vec<u32> = olds.iter().map(|old| old.generation.0).collect();
        generations.extend(current.then_some(row.generation.0));
        let count = generations.len();
        generations.sort_unstable();
        generations.dedup();
        if generations.len() < count || count > 2 {
            let what = format!("{} has {count} ACTIVE certificates", row.serial);
            self.broke("I1", what);
        }
        let forbidden = |old: &&&Superseded| old.ending == Ending::AtOnce;
        if current && olds.iter().find(forbidden).is_some() {
            let what = format!("{} has one beside one that has to go", row.serial);
            self.broke("I1", what);
        }
    }

    /// I2: Vended means usable.
    fn check_vended(&self, row: &Record, certificates: &Certificates) {
        let State::Vended {
            request,
            issued,
            delivery,
        } = &row.state
        else {
            return;
        };
        let usable = certificates
            .get(&issued.certificate_id)
            .is_some_and(|it| it.active && self.outside.issuer.is_bound(it, &row.binding));
        if !usable {
            let what = format!("{} is Vended and its certificate is not usable", row.serial);
            self.broke("I2", what);
        }
        let confirming = || {
            let ledger = self.ledger.lock().unwrap();
            let known = (row.serial.clone(), request.clone());
            ledger.confirming.contains(&known)
        };
        if let Delivery::Waiting { until } = delivery
            && until.0 > self.time.now() + self.skew_millis()
            && self.outside.vault.open(&issued.bundle.key).is_none()
            && !confirming()
        {
            let what = format!("{} is Vended and its bundle is gone", row.serial);
            self.broke("I2", what);
        }
    }

    fn skew_millis(&self) -> u64 {
        crate::time::millis(self.scenario.weather.skew)
    }

    /// I3, I10: how a row may change, and what is counted of it.
    pub fn row_is(&self, row: &Record) {
        let old = {
            let mut ledger = self.ledger.lock().unwrap();
            if let Some(id) = row.state.request_id() {
                ledger.recorded.insert((row.serial.clone(), id.clone()));
            }
            if let Some(issued) = row.state.issued() {
                ledger.bundles.insert(issued.bundle.key.clone());
            }
            let mut rows = self.rows.lock().unwrap();
            rows.insert(row.serial.clone(), row.clone())
        };
        let Some(old) = old.filter(|old| old != row) else {
            return;
        };
        if row.epoch < old.epoch || row.revision <= old.revision || row.generation < old.generation
        {
            let what = format!("{}: {} -> {}", row.serial, numbers(&old), numbers(row));
            self.broke("I10", what);
        }
        if !may_follow(&old, row) {
            let (before, after) = (old.state.name(), row.state.name());
            let what = format!("{}: {before} -> {after} loses a request", row.serial);
            self.broke("I3", what);
        }
        self.count_change(&old, row);
        let mut ledger = self.ledger.lock().unwrap();
        let trail = ledger.trails.entry(row.serial.clone()).or_default();
        trail.extend(Entry::of(row));
    }

    fn count_change(&self, old: &Record, row: &Record) {
        if std::mem::discriminant(&old.state) != std::mem::discriminant(&row.state) {
            match &row.state {
                State::Failed { failure, .. } => self.count("failed", failure.as_str()),
                State::Vended { .. } => self.count("rows", "vended"),
                State::Requested { .. } if old.state.open_request().is_none() => {
                    self.count("rows", "requested");
                }
                State::Requested { .. }
                | State::Registered
                | State::Disabled
                | State::Issuing { .. } => {}
            }
        }
        if let State::Vended { delivery, .. } = &row.state
            && old.state != row.state
        {
            match delivery {
                Delivery::Confirmed { .. } => self.count("rows", "confirmed"),
                Delivery::Expired { .. } => self.count("rows", "expired"),
                Delivery::Waiting { .. } => {}
            }
        }
        if row.generation > old.generation {
            if matches!(row.state, State::Registered | State::Disabled) {
                let key = (self.group(&row.serial), self.time.now() / DAY_MILLIS);
                let mut ledger = self.ledger.lock().unwrap();
                *ledger.begun_anew.entry(key).or_default() += 1;
            } else {
                self.count("rows", "replaced");
            }
        }
    }

    /// I9: how many certificates a day costs. Those made with keys name nobody; they are counted
    /// together.
    pub fn created(&self, made: &NewCertificate, key: Option<PublicKeyDigest>) {
        let number = self.outside.issuer.created();
        let owner = key.and_then(fleet::owner).map(fleet::serial);
        let group = owner.map_or("keys".to_owned(), |serial| serial.to_string());
        let key = (group.clone(), self.time.now() / DAY_MILLIS);
        let (count, anew) = {
            let mut ledger = self.ledger.lock().unwrap();
            ledger.births.insert(made.names.id.clone(), number);
            let count = ledger.creates.entry(key.clone()).or_default();
            *count += 1;
            (*count, ledger.begun_anew.get(&key).copied().unwrap_or(0))
        };
        self.count("certificates", "created");
        let plans = self.scenario.devices.iter();
        let devices = plans.filter(|plan| self.group(&fleet::serial(plan.number)) == group);
        let devices = u32::try_from(devices.count()).unwrap_or(u32::MAX);
        // A worker whose clock is ahead begins the next day's budget on this one.
        let days = if self.scenario.weather.skew.is_zero() {
            1
        } else {
            2
        };
        let most = self.scenario.settings.creates_per_day * (devices + anew) * days;
        if count > most + CARRIED_OVER * devices {
            let what = format!("{count} certificates for {group} on one day, {most} allowed");
            self.broke("I9", what);
        }
        if self.scenario.flaw == crate::scenario::Flaw::CreatesActive {
            let _ = crate::ports::at_once(cvm_shared::ports::Issuer::activate(
                &self.outside.issuer,
                &made.names.id,
            ));
        }
    }

    /// Whom the certificates of this device are counted for.
    fn group(&self, serial: &SerialNumber) -> String {
        let plan = |plan: &&crate::scenario::DevicePlan| fleet::serial(plan.number) == *serial;
        match self.scenario.devices.iter().find(plan) {
            Some(plan) if plan.own_key => serial.to_string(),
            Some(_) | None => "keys".to_owned(),
        }
    }

    /// I4: no message holds a secret.
    pub fn seen_in_queue(&self, body: &str) {
        if body.contains(TOKEN) || body.contains("PRIVATE KEY") {
            self.broke("I4", "a message holds a secret".to_owned());
        }
        let mut ledger = self.ledger.lock().unwrap();
        if !ledger.messages.contains(body) {
            ledger.messages.insert(body.to_owned());
        }
    }
}

fn numbers(row: &Record) -> String {
    format!("e{} r{} g{}", row.epoch.0, row.revision, row.generation.0)
}

/// Whether the row names this certificate.
pub fn named(row: &Record, id: &CertificateId) -> bool {
    let olds = row.superseded.iter().map(|old| &old.issued);
    let mut all = row.state.issued().into_iter().chain(olds);
    all.any(|issued| issued.certificate_id == *id)
}

/// Whether no request is lost between the two: within a generation, an open one stays open or ends,
/// and a served one stays or is opened again; a new generation begins with an operator, or with a
/// device that was served.
fn may_follow(old: &Record, row: &Record) -> bool {
    let (before, after) = (old.state.request_id(), row.state.request_id());
    let replaced = matches!(old.state, State::Vended { .. });
    let begun_anew = matches!(row.state, State::Registered | State::Disabled);
    if row.generation != old.generation {
        return begun_anew || replaced;
    }
    match &old.state {
        State::Requested { .. } | State::Issuing { .. } | State::Vended { .. } => before == after,
        State::Failed { .. } => after.is_some(),
        State::Registered => true,
        State::Disabled => row.state == State::Disabled,
    }
}
