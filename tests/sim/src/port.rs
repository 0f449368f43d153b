//! A port whose calls meet the weather: errors, lost answers, late effects, throttles, kills.

use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_worker::rates::Api;
use cvm_worker::rates::Rates;

use crate::calls::Call;
use crate::calls::Service;
use crate::fault::Fault;
use crate::process::Process;
use crate::process::STALL;
use crate::world::Site;

/// AWS IoT's quotas, as token buckets that hold one second's worth.
#[derive(Debug)]
pub struct Buckets {
    rates: Rates,
    lanes: [(f64, u64); Api::ALL.len()],
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            rates: Rates::aws_defaults(),
            lanes: [(f64::INFINITY, 0); Api::ALL.len()],
        }
    }
}

impl Buckets {
    /// Takes a token at `now`, of a quota of which others use up the part `crowd`.
    fn take(&mut self, api: Api, now: u64, crowd: f64) -> bool {
        let most = self.rates.of(api);
        let (tokens, at) = &mut self.lanes[api as usize];
        #[expect(clippy::cast_precision_loss, reason = "spans are short")]
        let refill = (now - *at) as f64 / 1000.0 * most * (1.0 - crowd);
        *tokens = (*tokens + refill).min(most);
        *at = now;
        let has = *tokens >= 1.0;
        if has {
            *tokens -= 1.0;
        }
        has
    }
}

/// How long a call takes in bad weather, and how long one that is slow does.
const USUAL: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(80));
const SLOW: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(3));
/// When an effect comes whose caller was told of an error.
const LATE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_mins(2));
/// The share of throttled calls in a storm.
const STORM: f64 = 0.3;

/// A port as one process sees it.
#[derive(Clone, Debug)]
pub struct Port<P> {
    pub(crate) inner: P,
    pub(crate) process: Process,
    pub(crate) site: Site,
}

impl<P> Port<P> {
    /// This port, seen by this process.
    pub fn new(inner: P, process: Process, site: Site) -> Self {
        Self {
            inner,
            process,
            site,
        }
    }

    /// Makes a call that is about `what`: what the weather does to it, and what came of it.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        call: Call,
        what: String,
        effect: impl Fn() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let site = self.site.clone();
        let effect = move || {
            let result = effect();
            if call.changes() {
                site.changed(call);
            }
            result
        };
        let fault = self.site.fault(call);
        if !self.site.is_calm() {
            self.wait(USUAL).await;
        }
        if self.process.stalls_here() {
            self.site.count("processes", "stalled");
            self.site
                .tell(|| format!("{} stalls", self.process.label()));
            self.wait(STALL).await;
        }
        let result = self.meet(call, fault, effect).await;
        self.note(call, &what, fault, result.as_ref().err());
        result
    }

    async fn meet<T>(
        &self,
        call: Call,
        fault: Option<Fault>,
        effect: impl Fn() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let lost = Err(Failure::Unavailable {
            service: call.service().name(),
            detail: call.name().to_owned(),
        });
        match fault {
            None => effect(),
            Some(Fault::Before | Fault::Half) => lost,
            Some(Fault::After) => effect().and(lost),
            Some(Fault::Late) => {
                let span = self.site.dice.span(LATE.0, LATE.1);
                self.site.time.later(span, move || {
                    let _ = effect();
                });
                lost
            }
            Some(Fault::Twice) => {
                let _ = effect();
                let soon = self.site.dice.chance(0.8);
                self.wait(if soon { USUAL } else { SLOW }).await;
                effect()
            }
            Some(Fault::Throttle) => Err(Failure::Throttled {
                service: call.service().name(),
            }),
            Some(Fault::Denied) => Err(Failure::Denied {
                service: call.service().name(),
                detail: call.name().to_owned(),
            }),
            Some(Fault::KillBefore) => {
                self.die(call, fault).await;
                lost
            }
            Some(Fault::KillAfter) => {
                let _ = effect();
                self.die(call, fault).await;
                lost
            }
            Some(Fault::SlowCall) => {
                self.wait(SLOW).await;
                effect()
            }
            Some(Fault::SlowAnswer) => {
                let result = effect();
                self.wait(SLOW).await;
                result
            }
        }
    }

    async fn wait(&self, (least, most): (Duration, Duration)) {
        let span = self.site.dice.span(least, most);
        self.site.time.sleep(span).await;
    }

    async fn die(&self, call: Call, fault: Option<Fault>) {
        self.note(call, "", fault, None);
        self.process.kill();
        std::future::pending::<()>().await;
    }

    fn note(&self, call: Call, what: &str, fault: Option<Fault>, failure: Option<&Failure>) {
        let at = self.site.time.now();
        let failed = failure.map_or("ok", |failure| failure.code().as_str());
        let struck = fault.map_or(0, |fault| 1 + fault as u64);
        let numbers = [call as u64, struck, self.process.number()];
        self.site
            .chronicle
            .lock()
            .unwrap()
            .mix(at, &numbers, failed);
        self.site.tell(|| {
            let struck = fault.map_or(String::new(), |fault| format!(" [{}]", fault.name()));
            let (who, name) = (self.process.label(), call.name());
            format!("{who:<11} {name} {what} {failed}{struck}")
        });
    }
}

impl Site {
    /// What this call meets.
    fn fault(&self, call: Call) -> Option<Fault> {
        self.chronicle.lock().unwrap().calls += 1;
        if self.is_calm() {
            return None;
        }
        let fault = self.weather_of(call)?;
        self.count("faults", fault.name());
        Some(fault)
    }

    fn weather_of(&self, call: Call) -> Option<Fault> {
        let (weather, elapsed) = (&self.scenario.weather, self.elapsed());
        if call.service() == Service::Table && weather.outage.is_some_and(|it| it.is_on(elapsed)) {
            return Some(
                self.dice
                    .pick(&[Fault::Before, Fault::Before, Fault::After]),
            );
        }
        if let Some(api) = call.quota() {
            let storm = weather.storm.is_some_and(|it| it.is_on(elapsed));
            let mut buckets = self.buckets.lock().unwrap();
            let has = buckets.take(api, self.time.now(), weather.crowd);
            if !has || (storm && self.dice.chance(STORM)) {
                return Some(Fault::Throttle);
            }
        }
        let fault = weather.struck(self.dice.part())?;
        fault.strikes(call).then_some(fault)
    }
}
