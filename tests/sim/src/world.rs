//! One seed's world: the fakes of the testkit or the adapters in their place, the record of what happens to them, and the
//! real door, worker and janitor on top.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_ingest::config::Terms;
use cvm_ingest::door::Door;
use cvm_ingest::door::Own;
use cvm_ingest::pace::PollTerms;
use cvm_maria::ground::Ground;
use cvm_shared::entry::Entry;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Page;
use cvm_shared::record::Record;
use cvm_shared::reprovision::ReprovisionTerms;
use cvm_shared::trust::TrustBundle;
use cvm_testkit::guard::TestGuard;
use cvm_testkit::issuer::MemoryIssuer;
use cvm_testkit::issuer::Registered;
use cvm_testkit::queue::TestQueue;
use cvm_testkit::registry::TestRegistry;
use cvm_testkit::site::SWEEP_TERMS;
use cvm_testkit::site::TERMS;
use cvm_testkit::site::WORK_TERMS;
use cvm_testkit::vault::TestVault;
use cvm_testkit::world::World;
use cvm_worker::run::WorkTerms;
use cvm_worker::run::Worker;
use cvm_worker::sweep::Janitor;

use crate::chronicle::Chronicle;
use crate::dice::Dice;
use crate::fleet;
use crate::indexes::Indexes;
use crate::port::Buckets;
use crate::port::Port;
use crate::process::Process;
use crate::scenario::Scenario;
use crate::time::Bell;
use crate::time::SimClock;
use crate::time::Time;

/// After how many receives the queue gives up on a message, as in the template.
pub const MAX_RECEIVES: u32 = 10;

/// The door on the fakes.
pub type SimDoor =
    Door<Port<TestRegistry>, Port<TestQueue>, Port<TestVault>, Port<TestGuard>, SimClock, Dice>;

/// A worker on the fakes.
pub type SimWorker =
    Worker<Port<TestRegistry>, Port<MemoryIssuer>, Port<TestVault>, SimClock, Dice>;

/// The janitor on the fakes.
pub type SimJanitor =
    Janitor<Port<TestRegistry>, Port<TestQueue>, Port<MemoryIssuer>, Port<TestVault>, SimClock>;

/// All certificates of the account.
pub type Certificates = BTreeMap<CertificateId, Registered>;

/// What the watch remembers.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The order in which certificates were created; their ids differ from run to run.
    pub births: HashMap<CertificateId, u64>,
    /// Requests that were ever in a row.
    pub recorded: BTreeSet<(SerialNumber, RequestId)>,
    /// Requests that the door said yes to.
    pub accepted: BTreeSet<(SerialNumber, RequestId)>,
    /// Requests whose devices have begun to confirm: their bundles may be gone.
    pub confirming: BTreeSet<(SerialNumber, RequestId)>,
    /// Certificates created, by whom they can be told to be for and by day.
    pub creates: BTreeMap<(String, u64), u32>,
    /// How often the operator began a device anew, likewise.
    pub begun_anew: BTreeMap<(String, u64), u32>,
    /// Bundles that a row ever named.
    pub bundles: BTreeSet<BundleKey>,
    /// Every message that was ever sent.
    pub messages: BTreeSet<String>,
    /// The entries that rows' changes left.
    pub trails: BTreeMap<SerialNumber, Vec<Entry>>,
}

/// All of a world.
#[derive(Debug)]
pub struct Inside {
    /// What was planned.
    pub scenario: Scenario,
    /// Virtual time.
    pub time: Time,
    /// Chance.
    pub dice: Dice,
    /// The fakes.
    pub outside: World,
    /// Each row as it is: the table's own would have to be copied for each look.
    pub rows: Mutex<BTreeMap<SerialNumber, Record>>,
    /// Each certificate as it is, likewise.
    pub certificates: Mutex<Certificates>,
    /// The table's indexes: some seconds behind. A table of one piece has none beside itself.
    pub indexes: Option<Indexes>,
    /// The list of certificates as it was asked for last, if nothing has changed since.
    pub listing: Mutex<Option<Page>>,
    /// Rings when there is a message.
    pub bell: Bell,
    /// What the watch remembers.
    pub ledger: Mutex<Ledger>,
    /// AWS IoT's quotas.
    pub buckets: Mutex<Buckets>,
    /// What happened.
    pub chronicle: Mutex<Chronicle>,
    start: u64,
    with_text: bool,
    processes: AtomicU64,
}

/// A world. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Site(Arc<Inside>);

impl Deref for Site {
    type Target = Inside;

    fn deref(&self) -> &Inside {
        &self.0
    }
}

impl Site {
    /// The world of a scenario on this ground, with its devices registered.
    pub fn new(ground: &Ground, scenario: Scenario, with_text: bool) -> Self {
        let mut outside = ground.world();
        outside.queue.max_receives = MAX_RECEIVES;
        let time = Time::new(outside.clock.clone());
        let site = Self(Arc::new(Inside {
            dice: Dice::new(scenario.seed),
            rows: Mutex::default(),
            certificates: Mutex::default(),
            indexes: matches!(ground, Ground::Memory).then(Indexes::default),
            listing: Mutex::default(),
            bell: Bell::default(),
            ledger: Mutex::default(),
            buckets: Mutex::default(),
            chronicle: Mutex::new(Chronicle::new(with_text)),
            start: time.now(),
            with_text,
            processes: AtomicU64::new(0),
            scenario,
            time,
            outside,
        }));
        for plan in &site.scenario.devices {
            let row = fleet::row(plan);
            if plan.lean.has_thing() {
                site.outside.issuer.add_thing(row.binding.thing.as_str());
            }
            site.outside.registry.put(row.clone());
            site.indexes.iter().for_each(|indexes| indexes.put(&row));
            let mut rows = site.rows.lock().unwrap();
            rows.insert(row.serial.clone(), row);
        }
        site
    }

    /// How long the run lasts already.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.time.now() - self.start)
    }

    /// Waits until so long after the start.
    pub async fn at(&self, after_start: Duration) {
        let span = after_start.saturating_sub(self.elapsed());
        self.time.sleep(span).await;
    }

    /// Whether nothing goes wrong any more.
    pub fn is_calm(&self) -> bool {
        self.elapsed() >= self.scenario.weather.ends
    }

    /// Whether something of this probability happens, while things go wrong.
    pub fn chance(&self, probability: f64) -> bool {
        !self.is_calm() && self.dice.chance(probability)
    }

    /// Counts something.
    pub fn count(&self, section: &'static str, name: &'static str) {
        self.count_many(section, name, 1);
    }

    /// Counts so many of something.
    pub fn count_many(&self, section: &'static str, name: &'static str, count: u64) {
        if count > 0 {
            let mut chronicle = self.chronicle.lock().unwrap();
            chronicle.tally.add(section, name, count);
        }
    }

    /// This text, if the text is wanted; else none.
    pub fn text(&self, text: impl FnOnce() -> String) -> String {
        if self.with_text {
            text()
        } else {
            String::new()
        }
    }

    /// Writes a line, if the text is wanted.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        if !self.with_text {
            return;
        }
        let elapsed = self.elapsed();
        let mut chronicle = self.chronicle.lock().unwrap();
        if let Some(lines) = &mut chronicle.lines {
            lines.push(format!("{:>12.3} {}", elapsed.as_secs_f64(), line()));
        }
    }

    /// Notes that an invariant was broken.
    pub fn broke(&self, rule: &'static str, what: String) {
        self.chronicle.lock().unwrap().broke(rule, what);
    }

    /// A certificate's name in traces.
    pub fn label(&self, certificate: &CertificateId) -> String {
        let ledger = self.ledger.lock().unwrap();
        match ledger.births.get(certificate) {
            Some(number) => format!("c{number}"),
            None => "c?".to_owned(),
        }
    }

    /// A new process of this kind.
    pub fn process(&self, name: &'static str) -> Process {
        Process::new(name, self.next_process())
    }

    /// The number of the next process.
    pub fn next_process(&self) -> u64 {
        self.processes.fetch_add(1, Ordering::Relaxed)
    }

    /// A port as this process sees it.
    pub fn port<P: Clone>(&self, port: &P, process: &Process) -> Port<P> {
        Port::new(port.clone(), process.clone(), self.clone())
    }

    /// A fresh door process.
    pub fn door(&self, process: &Process) -> SimDoor {
        static TRUST: OnceLock<TrustBundle> = OnceLock::new();
        let settings = &self.scenario.settings;
        Door {
            registry: self.port(&self.outside.registry, process),
            queue: self.port(&self.outside.queue, process),
            vault: self.port(&self.outside.vault, process),
            guard: self.port(&self.outside.guard, process),
            clock: SimClock::new(&self.time, 0),
            random: self.dice.clone(),
            terms: Terms {
                poll: PollTerms {
                    least_seconds: settings.poll_seconds,
                    ..TERMS.poll
                },
                reprovision: ReprovisionTerms {
                    default: settings.reprovision,
                    grace: settings.grace,
                },
                ..TERMS
            },
            trust: TRUST
                .get_or_init(|| TrustBundle::with_extra("").unwrap())
                .clone(),
            own: Own::fresh(&self.dice),
        }
    }

    /// A fresh worker process whose clock is ahead by so much.
    pub fn worker(&self, process: &Process, ahead_millis: i64) -> SimWorker {
        Worker {
            registry: self.port(&self.outside.registry, process),
            issuer: self.port(&self.outside.issuer, process),
            vault: self.port(&self.outside.vault, process),
            clock: SimClock::new(&self.time, ahead_millis),
            random: self.dice.clone(),
            terms: WorkTerms {
                bundle_wait: self.scenario.settings.bundle_wait,
                creates_per_day: self.scenario.settings.creates_per_day,
                ..WORK_TERMS
            },
        }
    }

    /// A fresh janitor process.
    pub fn janitor(&self, process: &Process) -> SimJanitor {
        Janitor {
            registry: self.port(&self.outside.registry, process),
            queue: self.port(&self.outside.queue, process),
            issuer: self.port(&self.outside.issuer, process),
            vault: self.port(&self.outside.vault, process),
            clock: SimClock::new(&self.time, 0),
            terms: SWEEP_TERMS,
        }
    }
}
