//! A device: asks, waits as it is told, fetches, installs, confirms; loses answers and power.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use cvm_ingest::http::Answer;
use cvm_ingest::http::Asked;
use cvm_shared::api::BundleLink;
use cvm_shared::api::BundleView;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::Status;
use cvm_shared::api::StatusView;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Random as _;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_testkit::proofs::proven;
use cvm_testkit::proofs::prover;
use cvm_testkit::sample::TOKEN;
use cvm_testkit::site::asked;
use cvm_testkit::site::submission;
use futures_util::future::Either;
use futures_util::future::select;
use http::Method;
use http::StatusCode;

use crate::doors::Doors;
use crate::fleet;
use crate::parcel::looks_right;
use crate::scenario::Act;
use crate::scenario::DevicePlan;
use crate::scenario::Errand;
use crate::scenario::Vanishes;
use crate::world::Site;

/// How long a device waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it pauses after a failure that waiting may help.
const PAUSE: Duration = Duration::from_secs(20);
/// How often a request that failed is made again.
const FAILURES_MOST: u32 = 8;
/// How long one errand may take: over midnight, when there are new certificates to be had.
const ERRAND_MOST: Duration = Duration::from_hours(26);
/// How long after the faults have ended devices still come with new wishes.
const WISHES_END: Duration = Duration::from_hours(12);

/// A device.
#[derive(Debug)]
pub struct Device {
    site: Site,
    doors: Doors,
    plan: DevicePlan,
    serial: SerialNumber,
    /// Proves its requests; a device without it sends its token.
    prover: Option<Prover>,
    key: usize,
    /// Whether it was never served before.
    is_first: bool,
    /// How often it has seen its request fail, in this errand.
    failures: Cell<u32>,
}

/// Where it is on its way.
#[derive(Debug)]
enum Step {
    Submit,
    Poll(RequestId),
    Fetch(RequestId, CertificateId, BundleLink),
    /// Installed: after a power cut it goes on here.
    Confirm(RequestId, CertificateId),
    Done,
    GivenUp,
}

impl Device {
    /// The device of this plan.
    pub fn new(site: &Site, plan: &DevicePlan, doors: Doors) -> Self {
        Self {
            site: site.clone(),
            doors,
            plan: plan.clone(),
            serial: fleet::serial(plan.number),
            // Every second one.
            prover: (plan.number % 2 == 1).then(|| prover(fleet::serial(plan.number).as_str())),
            key: 0,
            is_first: true,
            failures: Cell::new(0),
        }
    }

    /// Lives its life.
    pub async fn live(mut self) {
        self.site.at(self.plan.arrives).await;
        if !self.errand().await {
            return;
        }
        self.is_first = false;
        for (pause, errand) in self.plan.errands.clone() {
            self.site.time.sleep(pause).await;
            if self.site.elapsed() > self.site.scenario.weather.ends + WISHES_END {
                return;
            }
            match errand {
                Errand::Same => self.site.count("devices", "asked for the same again"),
                Errand::OtherKey => {
                    self.key += 1;
                    self.site.count("devices", "asked for another key");
                }
            }
            if !self.errand().await {
                return;
            }
        }
    }

    /// One certificate, from asking to confirming; `false` if the device is gone for ever.
    async fn errand(&mut self) -> bool {
        let until = self.site.elapsed() + ERRAND_MOST;
        self.failures.set(0);
        let mut step = Step::Submit;
        loop {
            if self.site.elapsed() > until {
                self.site.count("devices", "gave up");
                return true;
            }
            if self.site.chance(self.plan.power_cuts) {
                self.site.count("devices", "power cuts");
                let dark = self.site.dice.span(PAUSE, PAUSE * 15);
                self.site.time.sleep(dark).await;
                step = match step {
                    Step::Submit | Step::Poll(_) | Step::Fetch(..) => Step::Submit,
                    Step::Confirm(..) | Step::Done | Step::GivenUp => step,
                };
            }
            if self.vanishes_before(&step) {
                self.site.count("devices", "vanished");
                return false;
            }
            let confirms = matches!(step, Step::Confirm(..));
            step = match step {
                Step::Submit => self.submit().await,
                Step::Poll(id) => self.poll(id).await,
                Step::Fetch(id, certificate, link) => self.fetch(id, &certificate, &link).await,
                Step::Confirm(id, certificate) => self.confirm(id, certificate).await,
                Step::Done => return true,
                Step::GivenUp => {
                    self.site.count("devices", "turned away");
                    return true;
                }
            };
            if confirms && self.plan.vanishes == Vanishes::AfterOneConfirm {
                self.site.count("devices", "vanished");
                return false;
            }
        }
    }

    fn vanishes_before(&self, step: &Step) -> bool {
        match self.plan.vanishes {
            Vanishes::BeforeFetch => matches!(step, Step::Fetch(..)),
            Vanishes::BeforeConfirm => matches!(step, Step::Confirm(..)),
            Vanishes::Never | Vanishes::AfterOneConfirm => false,
        }
    }

    async fn submit(&self) -> Step {
        let own = self.plan.own_key;
        let csr = own.then(|| fleet::request(self.plan.number, self.key).0.as_str());
        let asked = if self.prover.is_none() {
            submission(self.serial.as_str(), TOKEN, csr)
        } else {
            let body = csr.map_or_else(
                || serde_json::json!({}),
                |csr| serde_json::json!({ "csr": csr }),
            );
            let body = serde_json::to_vec(&body).unwrap();
            self.request(Method::POST, CERTIFICATES_PATH, &body)
        };
        let Some(answer) = self.ask("submit", asked).await else {
            return Step::Submit;
        };
        self.heard(&answer, Step::Submit).await
    }

    async fn poll(&self, id: RequestId) -> Step {
        let path = format!("/v1/certificates/{id}");
        let asked = self.request(Method::GET, &path, b"");
        let Some(answer) = self.ask("poll", asked).await else {
            return Step::Poll(id);
        };
        self.heard(&answer, Step::Poll(id)).await
    }

    /// What a submission or a poll is followed by; `again` if waiting helps.
    async fn heard(&self, answer: &Answer, again: Step) -> Step {
        match answer.status {
            StatusCode::OK | StatusCode::ACCEPTED => self.status(answer).await,
            StatusCode::SERVICE_UNAVAILABLE => {
                self.pause(answer).await;
                again
            }
            // Its nonce was used up by a call whose answer was lost on the way to the door.
            StatusCode::BAD_REQUEST if self.is_stale(answer) => {
                self.pause(answer).await;
                again
            }
            // Reset meanwhile.
            StatusCode::NOT_FOUND => {
                self.pause(answer).await;
                Step::Submit
            }
            // Expired: where asking anew helps, the next submission is accepted.
            StatusCode::GONE if matches!(again, Step::Poll(_)) => Step::Submit,
            StatusCode::CONFLICT if answer.headers.contains_key("retry-after") => {
                self.pause(answer).await;
                again
            }
            StatusCode::UNAUTHORIZED | StatusCode::CONFLICT | StatusCode::GONE => {
                self.turned_away(answer);
                Step::GivenUp
            }
            status => {
                self.site.broke("I12", format!("an answer {status}"));
                Step::GivenUp
            }
        }
    }

    /// Nobody is locked out who never asked for anything else, was let alone by operators, and may
    /// have a new bundle for one that expired.
    fn turned_away(&self, answer: &Answer) {
        let scenario = &self.site.scenario;
        let policy = self
            .plan
            .reprovision
            .unwrap_or(scenario.settings.reprovision);
        let meddled = scenario.acts.iter().any(|(_, act)| match act {
            Act::Reset(number) | Act::Revoke(number, _) => *number == self.plan.number,
            Act::AddPolicy | Act::ReplayDeadLetters => false,
        });
        if self.is_first && !meddled && policy != Reprovision::Never {
            let (serial, status) = (&self.serial, answer.status);
            let what = format!("{serial} is locked out: {status} {}", answer.body);
            self.site.broke("lock-out", what);
        }
    }

    async fn status(&self, answer: &Answer) -> Step {
        let view: StatusView = serde_json::from_str(&answer.body).unwrap();
        let id = view.request_id;
        {
            let mut ledger = self.site.ledger.lock().unwrap();
            ledger.accepted.insert((self.serial.clone(), id.clone()));
        }
        match view.status {
            Status::Pending { .. } => {
                self.pause(answer).await;
                Step::Poll(id)
            }
            Status::Vended {
                certificate_id,
                bundle: BundleView::Link(link),
                ..
            } => Step::Fetch(id, certificate_id, link),
            Status::Vended { .. } => {
                self.site
                    .broke("I12", "a bundle that nobody asked for".to_owned());
                Step::GivenUp
            }
            Status::Failed {
                retryable: false, ..
            } => Step::GivenUp,
            Status::Failed { retry_at, .. } => {
                let now = self.site.time.now() / 1000;
                let wait = retry_at.map_or(0, |at| at.saturating_sub(now));
                let failures = self.failures.get() + 1;
                self.failures.set(failures);
                if failures > FAILURES_MOST {
                    return Step::GivenUp;
                }
                let own = self.site.dice.span(PAUSE, PAUSE * 30 * failures);
                self.site.time.sleep(own + Duration::from_secs(wait)).await;
                Step::Submit
            }
        }
    }

    async fn fetch(&self, id: RequestId, certificate: &CertificateId, link: &BundleLink) -> Step {
        let fresh = self.site.time.now() / 1000 < link.expires_at;
        let bytes = self.site.outside.vault.follow(&link.url);
        let bytes = bytes.filter(|_| fresh);
        let Some(bytes) = bytes.filter(|_| !self.lost()) else {
            self.site.time.sleep(PAUSE).await;
            return Step::Poll(id);
        };
        if let Err(flaw) = looks_right(&self.plan, self.key, &bytes, &id, link, certificate) {
            self.site
                .broke("I7", format!("{} fetched a bundle {flaw}", self.serial));
            return Step::GivenUp;
        }
        self.site.count("devices", "installed");
        self.site
            .tell(|| format!("{} installed {}", self.serial, self.site.label(certificate)));
        Step::Confirm(id, certificate.clone())
    }

    async fn confirm(&self, id: RequestId, certificate: CertificateId) -> Step {
        let path = format!("/v1/certificates/{id}/confirm");
        {
            let mut ledger = self.site.ledger.lock().unwrap();
            ledger.confirming.insert((self.serial.clone(), id.clone()));
        }
        let times = if self.plan.confirms_twice { 2 } else { 1 };
        for _ in 0..times {
            let asked = self.request(Method::POST, &path, b"");
            let Some(answer) = self.ask("confirm", asked).await else {
                return Step::Confirm(id, certificate);
            };
            match answer.status {
                StatusCode::NO_CONTENT => self.confirmed(&certificate),
                StatusCode::SERVICE_UNAVAILABLE => {
                    self.pause(&answer).await;
                    return Step::Confirm(id, certificate);
                }
                StatusCode::BAD_REQUEST if self.is_stale(&answer) => {
                    self.pause(&answer).await;
                    return Step::Confirm(id, certificate);
                }
                StatusCode::UNAUTHORIZED => return Step::GivenUp,
                // Taken away meanwhile, by an operator or because it had expired.
                StatusCode::NOT_FOUND | StatusCode::CONFLICT => {
                    self.pause(&answer).await;
                    return Step::Submit;
                }
                status => self.site.broke("I12", format!("an answer {status}")),
            }
        }
        Step::Done
    }

    /// Whether a proof was refused for its nonce: a fresh one helps.
    fn is_stale(&self, answer: &Answer) -> bool {
        self.prover.is_some() && answer.body.contains("\"bad_nonce\"")
    }

    /// What was confirmed is what was installed, unless an operator was faster.
    fn confirmed(&self, installed: &CertificateId) {
        let row = self.site.outside.registry.row(&self.serial).unwrap();
        if let State::Vended {
            issued,
            delivery: Delivery::Confirmed { .. },
            ..
        } = &row.state
            && issued.certificate_id != *installed
        {
            let what = format!("{} installed another one than was confirmed", self.serial);
            self.site.broke("I2", what);
        }
    }

    /// A request as this device makes it: with its token, or proven with a nonce of its own.
    fn request(&self, method: Method, path: &str, body: &[u8]) -> Asked {
        let Some(prover) = &self.prover else {
            return asked(method, path, Some(self.serial.as_str()), body);
        };
        let stamp = Stamp::At(self.site.time.now() / 1000);
        let nonce = RequestNonce::from_random(self.site.dice.bytes());
        proven(prover, method, path, (stamp, &nonce), body)
    }

    /// A call of the door. `None` if no answer came: lost on the way, or too late, or the door died.
    async fn ask(&self, name: &'static str, asked: Asked) -> Option<Answer> {
        self.site.count("requests", name);
        let sent = self.site.time.now();
        let answer = if self.lost() {
            None
        } else {
            let answer = self.doors.answer(asked);
            let patience = self.site.time.sleep(PATIENCE);
            match select(pin!(answer), patience).await {
                Either::Left((answer, _)) => answer,
                Either::Right(((), _)) => None,
            }
        };
        let answer = answer.filter(|_| !self.lost());
        self.site.tell(|| {
            let status = answer.as_ref().map_or("nothing", |it| it.status.as_str());
            format!("{} {name}: {status}", self.serial)
        });
        if answer.is_none() {
            self.site.count("requests", "no answer");
            let spent = Duration::from_millis(self.site.time.now() - sent);
            let rest = PATIENCE.saturating_sub(spent) + self.site.dice.span(PAUSE / 10, PAUSE);
            self.site.time.sleep(rest).await;
        }
        answer
    }

    fn lost(&self) -> bool {
        self.site.chance(self.site.scenario.weather.losses)
    }

    /// As long as the answer says.
    async fn pause(&self, answer: &Answer) {
        let told = answer.headers.get("retry-after");
        let told = told.and_then(|text| text.to_str().ok()?.parse().ok());
        let wait = told.map_or(PAUSE, Duration::from_secs);
        self.site
            .time
            .sleep(wait.max(Duration::from_millis(200)))
            .await;
    }
}
