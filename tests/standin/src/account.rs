//! The account: all that its services remember, and how tests look at it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Map;
use serde_json::Value;

use crate::Options;
use crate::authority::Authority;
use crate::certificates::CertificateView;
use crate::certificates::Registry;
use crate::certificates::Thing;
use crate::clock;
use crate::clock::Clock;
use crate::faults::Dice;
use crate::faults::FaultOptions;
use crate::lock;
use crate::meter::Meters;
use crate::meter::Usage;
use crate::queue::Depth;
use crate::queues::Pair;
use crate::queues::Queues;
use crate::queues::Shared;
use crate::quota::Api;
use crate::quota::Quotas;
use crate::s3::Bucket;
use crate::table::KEY;
use crate::table::Table;
use crate::table::Written;

/// What the services remember. Each has its own lock, held for single steps only.
#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) endpoint: String,
    /// In microseconds.
    pub(crate) latency: AtomicU64,
    pub(crate) meters: Meters,
    pub(crate) dice: Dice,
    pub(crate) table: Mutex<Table>,
    pub(crate) guard: Mutex<Table>,
    pub(crate) audit: Mutex<Table>,
    pub(crate) queues: Queues,
    pub(crate) bucket: Bucket,
    pub(crate) authority: Authority,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) calls: Mutex<BTreeMap<String, u64>>,
    pub(crate) recorded: Mutex<BTreeSet<String>>,
}

/// A message among the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its text.
    pub body: String,
    /// The texts of its message attributes, such as `parkReason`.
    pub attributes: BTreeMap<String, String>,
}

/// The account. Clones share it.
#[derive(Clone, Debug)]
pub struct Account(pub(crate) Arc<Inside>);

impl Account {
    /// The account's number.
    pub const NUMBER: &str = "123456789012";
    /// Whoever asks who it is.
    pub const OPERATOR: &str = "arn:aws:iam::123456789012:user/operator";
    /// The one region.
    pub const REGION: &str = "us-east-1";
    /// A key id to sign with; others will do too.
    pub const ACCESS_KEY_ID: &str = "test";
    /// The secret that presigned URLs must be signed with.
    pub const SECRET_ACCESS_KEY: &str = "test";
    /// The device table.
    pub const TABLE: &str = "cvm-devices";
    /// The table of what may happen only once.
    pub const GUARD_TABLE: &str = "cvm-guard";
    /// Its partition key.
    pub const GUARD_KEY: &str = "guard";
    /// The table of trails, with the sort key `place`.
    pub const AUDIT_TABLE: &str = "cvm-audit";
    /// The bucket of bundles.
    pub const BUCKET: &str = "cvm-bundles";
    /// The work queue's name.
    pub const QUEUE: &str = "cvm-work";
    /// The name of the queue of its dead letters.
    pub const DEAD_LETTERS: &str = "cvm-dead-letters";
    /// The bundles' KMS key.
    pub const KEY_ARN: &str =
        "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000";
    /// The device policy that AWS IoT knows from the start.
    pub const POLICY: &str = "device-policy";
    /// The AWS IoT data endpoint that is told; nothing listens there.
    pub const IOT_ENDPOINT: &str = "a0standin0000-ats.iot.us-east-1.amazonaws.com";

    pub(crate) fn new(options: &Options, endpoint: String) -> Self {
        let pair = Pair {
            work: Self::QUEUE,
            dead_letters: Self::DEAD_LETTERS,
            visibility: Duration::from_mins(3),
            max_receives: 10,
        };
        let inside = Inside {
            endpoint,
            latency: AtomicU64::new(micros(options.latency)),
            meters: Meters::new(&options.quotas, Clock::start()),
            dice: Dice::new(options.faults, options.seed),
            table: Mutex::new(Table::keyed(KEY)),
            guard: Mutex::new(Table::keyed(Self::GUARD_KEY)),
            audit: Mutex::new(Table::keyed(KEY).sorted("place")),
            queues: Queues::new(pair),
            bucket: Bucket::default(),
            authority: Authority::new(),
            registry: Mutex::default(),
            calls: Mutex::default(),
            recorded: Mutex::default(),
        };
        let account = Self(Arc::new(inside));
        account.add_policy(Self::POLICY);
        account
    }

    // Settings --------------------------------------------------------------------------------

    /// How long each call takes at least from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.0.latency.store(micros(latency), Ordering::Relaxed);
    }

    /// Other quotas from now on, with full buckets.
    pub fn set_quotas(&self, quotas: &Quotas) {
        self.0.meters.set(quotas);
    }

    /// Other faults from now on.
    pub fn set_faults(&self, faults: FaultOptions) {
        self.0.dice.set(faults);
    }

    /// How long a message of the work queue stays hidden after a receive.
    pub fn set_visibility(&self, span: Duration) {
        lock(&self.work().queue).visibility = span;
    }

    /// After how many receives a message of the work queue goes to the dead letters.
    pub fn set_max_receives(&self, receives: u32) {
        lock(&self.work().queue).max_receives = Some(receives);
    }

    /// Adds a queue without dead letters; returns its URL.
    pub fn add_queue(&self, name: &str) -> String {
        self.0.queues.add(name);
        self.url(name)
    }

    /// Adds an index of the table, which projects keys only and lacks the items that lack one of
    /// its attributes.
    pub fn add_index(&self, name: &str, hash: &str, range: Option<&str>) {
        lock(&self.0.table).add_index(name, hash, range);
    }

    /// Makes a policy known to AWS IoT.
    pub fn add_policy(&self, name: &str) {
        lock(&self.0.registry).policies.insert(name.to_owned());
    }

    /// Makes a Thing type known to AWS IoT.
    pub fn add_thing_type(&self, name: &str) {
        lock(&self.0.registry).kinds.insert(name.to_owned());
    }

    /// Makes a Thing group known to AWS IoT.
    pub fn add_thing_group(&self, name: &str) {
        lock(&self.0.registry).groups.insert(name.to_owned());
    }

    /// Makes a Thing in this group, as an operator would.
    pub fn add_thing(&self, name: &str, group: &str) {
        let mut thing = Thing::default();
        thing.groups.insert(group.to_owned());
        lock(&self.0.registry).things.insert(name.to_owned(), thing);
    }

    // The table -------------------------------------------------------------------------------

    /// Puts an item, in DynamoDB's JSON, into the table, whatever was there.
    #[expect(clippy::expect_used, reason = "for tests, and a test may panic")]
    pub fn put_item(&self, item: Value) {
        let mut table = lock(&self.0.table);
        let key = table.key_of(&item).expect("the item has a key");
        if let Value::Object(item) = item {
            table.put(&key, item);
        }
    }

    /// The item of this key, in DynamoDB's JSON.
    pub fn item(&self, key: &str) -> Option<Value> {
        let table = lock(&self.0.table);
        table.get(key).cloned().map(Value::Object)
    }

    /// All items, in DynamoDB's JSON, by key.
    pub fn items(&self) -> Vec<Value> {
        let table = lock(&self.0.table);
        table.items().cloned().map(Value::Object).collect()
    }

    /// All items of the guard's table, in DynamoDB's JSON, by key.
    pub fn guarded(&self) -> Vec<Value> {
        let table = lock(&self.0.guard);
        table.items().cloned().map(Value::Object).collect()
    }

    /// All items of the table of trails, in DynamoDB's JSON, by device and place.
    pub fn audited(&self) -> Vec<Value> {
        let table = lock(&self.0.audit);
        table.items().cloned().map(Value::Object).collect()
    }

    /// How many items of a table one scan looks at from now on.
    pub fn set_scan_page(&self, items: usize) {
        for table in [&self.0.table, &self.0.guard, &self.0.audit] {
            lock(table).scan_page = items;
        }
    }

    /// Keeps all writes to the device table from now on; those that were kept before, in their order.
    pub fn keep_writes(&self) -> Vec<Written> {
        lock(&self.0.table).keep_writes()
    }

    // The queues ------------------------------------------------------------------------------

    /// The work queue's URL.
    pub fn queue_url(&self) -> String {
        self.url(Self::QUEUE)
    }

    /// The URL of the queue of dead letters.
    pub fn dead_letter_queue_url(&self) -> String {
        self.url(Self::DEAD_LETTERS)
    }

    /// Puts a text into the work queue.
    pub fn send(&self, body: &str) {
        let work = self.work();
        let delay = Duration::ZERO;
        self.0.queues.send(&work, body, Map::new(), None, delay);
    }

    /// The work queue's depth.
    pub fn queue_depth(&self) -> Depth {
        lock(&self.work().queue).depth(clock::now())
    }

    /// All dead letters, those that somebody has received included, in the order of their sending.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        let text = |(name, value): (&String, &Value)| {
            let text = value["StringValue"].as_str()?;
            Some((name.clone(), text.to_owned()))
        };
        let dead = self.queue(Self::DEAD_LETTERS);
        let queue = lock(&dead.queue);
        let letters = queue.messages().map(|message| DeadLetter {
            body: message.body.clone(),
            attributes: message.attributes.iter().filter_map(text).collect(),
        });
        letters.collect()
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.0.endpoint, Self::NUMBER)
    }

    fn work(&self) -> Arc<Shared> {
        self.queue(Self::QUEUE)
    }

    #[expect(clippy::expect_used, reason = "queues are never removed")]
    fn queue(&self, name: &str) -> Arc<Shared> {
        self.0
            .queues
            .get(name)
            .expect("the queue is there from the start")
    }

    // The bucket ------------------------------------------------------------------------------

    /// How many objects there are.
    pub fn objects(&self) -> usize {
        lock(&self.0.bucket).len()
    }

    /// An object's content.
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        let bucket = lock(&self.0.bucket);
        bucket.get(key).map(|object| object.content.to_vec())
    }

    /// Loses an object, as its expiry would.
    pub fn lose_object(&self, key: &str) {
        lock(&self.0.bucket).remove(key);
    }

    // AWS IoT ---------------------------------------------------------------------------------

    /// All certificates there are, oldest first.
    pub fn certificates(&self) -> Vec<CertificateView> {
        lock(&self.0.registry).views()
    }

    /// How many certificates were ever created.
    pub fn created(&self) -> u64 {
        lock(&self.0.registry).created()
    }

    /// The most ACTIVE certificates that any Thing ever had at once.
    pub fn most_active_of_a_thing(&self) -> usize {
        lock(&self.0.registry).most_active_of_a_thing()
    }

    /// Makes all certificates there are look older.
    pub fn backdate_certificates(&self, span: Duration) {
        lock(&self.0.registry).backdate(span);
    }

    /// What was asked of this API.
    pub fn usage(&self, api: Api) -> Usage {
        self.0.meters.usage(api)
    }

    /// What was asked of each API.
    pub fn usages(&self) -> BTreeMap<Api, Usage> {
        let usage = |api| (api, self.usage(api));
        Api::ALL.into_iter().map(usage).collect()
    }

    // All services ----------------------------------------------------------------------------

    /// Who called what, as the emulator notes it (`infra/local/record.py`): one JSON object a line, each once. The caller
    /// is told by the key id; calls with [`Self::ACCESS_KEY_ID`] are left out.
    pub fn recorded(&self) -> String {
        let lines = lock(&self.0.recorded);
        lines.iter().map(|line| line.clone() + "\n").collect()
    }

    /// How often each operation was called, refused and failed calls included.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        lock(&self.0.calls).clone()
    }
}

impl Inside {
    /// How long each call takes at least.
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_micros(self.latency.load(Ordering::Relaxed))
    }

    pub(crate) fn count(&self, operation: &str) {
        let mut calls = lock(&self.calls);
        match calls.get_mut(operation) {
            Some(count) => *count += 1,
            None => {
                calls.insert(operation.to_owned(), 1);
            }
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
