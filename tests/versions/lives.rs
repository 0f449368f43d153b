//! Lives in which every state, every option and every kind of write occurs, always the same to the letter.

use std::time::Duration;

use cvm_aws::columns::Item;
use cvm_aws::item::to_item;
use cvm_shared::csr::Csr;
use cvm_shared::entry::Entry;
use cvm_shared::event::Event;
use cvm_shared::failure::FailureCode;
use cvm_shared::ids::Owner;
use cvm_shared::lease::Fence;
use cvm_shared::lease::Lease;
use cvm_shared::message::Order;
use cvm_shared::record::Attributes;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::reprovision::ReprovisionTerms;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::secret::DeviceToken;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::Reason;
use cvm_shared::trail::begun;
use cvm_shared::verifier::Verifier;
use cvm_shared::write::Written;
use cvm_shared::write::write;
use cvm_testkit::contract;
use cvm_testkit::registry::TestRegistry;
use cvm_testkit::sample;
use cvm_testkit::sample::Lean;
use futures_util::FutureExt as _;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// What came of the lives.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    /// Every row as it was after every write.
    pub(crate) rows: Vec<Record>,
    /// The trail of the first device.
    pub(crate) entries: Vec<Entry>,
    /// Every order.
    pub(crate) orders: Vec<Order>,
}

impl Lives {
    /// Lives them.
    pub(crate) fn lived() -> Self {
        let mut lives = Self::default();
        let device = sample::device("SN-1");
        let events = contract::life(&device, &own_key());
        lives.live(device, &events);
        lives.entries = lives.rows.iter().filter_map(Entry::of).collect();
        lives.live(with_all_options(), &mishaps());
        lives.live(sample::device("SN-3"), &replacement());
        for (serial, lean) in [
            ("SN-4", Lean::Group),
            ("SN-5", Lean::Thing),
            ("SN-6", Lean::Operators),
        ] {
            let mut device = sample::device(serial);
            lean.bind(&mut device);
            let events = contract::life(&device, &KeySource::Service);
            lives.live(device, &events);
        }
        lives.orders = lives.rows.iter().filter_map(order).collect();
        lives.orders.dedup();
        lives
    }

    /// The rows as the table keeps them.
    pub(crate) fn items(&self) -> Vec<Item> {
        self.rows.iter().map(to_item).collect()
    }

    fn live(&mut self, device: Record, events: &[Event]) {
        let registry = TestRegistry::default();
        let mut row = begun(device, hand(Author::Janitor));
        registry.put(row.clone());
        self.rows.push(row.clone());
        for event in events {
            let author = author(event);
            let event = of_this_row(event, &row);
            let hand = hand(author);
            let written = write(&registry, &hand, row, |_| event.clone());
            row = match written.now_or_never().unwrap().unwrap() {
                Written::Applied(row) => row,
                Written::Refused(row, refusal) => panic!("{refusal:?}: {event:?} of {row:?}"),
            };
            self.rows.push(row.clone());
        }
    }
}

/// The order that the row waits for.
fn order(row: &Record) -> Option<Order> {
    let request = row.state.open_request()?;
    Some(Order {
        serial: row.serial.clone(),
        generation: row.generation,
        request: request.clone(),
    })
}

/// The event, told of the row's generation as it stands.
fn of_this_row(event: &Event, row: &Record) -> Event {
    let mut event = event.clone();
    if let Event::Apply { generation, .. }
    | Event::Claim { generation, .. }
    | Event::Replay { generation, .. } = &mut event
    {
        *generation = row.generation;
    }
    if let Event::Claim { request, .. } | Event::Replay { request, .. } = &mut event {
        *request = Request::new(&row.serial, row.generation, request.key.clone());
    }
    event
}

fn author(event: &Event) -> Author {
    match event {
        Event::Apply { .. } | Event::Confirm { .. } => Author::Ingest,
        Event::Claim { .. }
        | Event::Commit { .. }
        | Event::Retire { .. }
        | Event::Finish { .. }
        | Event::Fail { .. }
        | Event::Release { .. } => Author::Worker,
        Event::Expire { .. }
        | Event::Resend { .. }
        | Event::Abandon { .. }
        | Event::Deactivate { .. }
        | Event::Forget { .. }
        | Event::Settle { .. } => Author::Janitor,
        Event::Reset
        | Event::Revoke { .. }
        | Event::Disable
        | Event::Enable
        | Event::Replay { .. }
        | Event::Discard => Author::parse("arn:aws:iam::111122223333:user/eve").unwrap(),
    }
}

fn hand(author: Author) -> Hand {
    let reason = match author {
        Author::Operator(_) => Some(Reason::parse("as agreed with the factory").unwrap()),
        Author::Ingest | Author::Worker | Author::Janitor => None,
    };
    Hand {
        author,
        at: NOW,
        reason,
    }
}

fn own_key() -> KeySource {
    KeySource::Device(Csr::parse(include_str!("SN-1.csr.pem")).unwrap())
}

fn with_all_options() -> Record {
    let mut device = sample::device("SN-2");
    let token = DeviceToken::parse(sample::TOKEN).unwrap();
    device.verifier = Verifier::derive_slowly(&device.serial, &token, [7; 16]);
    device.proof_only = true;
    device.reprovision = Some(Reprovision::Never);
    device.binding.thing_type = Some("meter".to_owned().try_into().unwrap());
    device.binding.thing_group = Some("fleet".to_owned().try_into().unwrap());
    let pair = (
        "site".to_owned().try_into().unwrap(),
        "hall-7".to_owned().try_into().unwrap(),
    );
    device.binding.attributes = Attributes::new([pair].into(), true).unwrap();
    device
}

fn apply(key: KeySource, default: Reprovision) -> Event {
    Event::Apply {
        key,
        generation: sample::device("SN-2").generation,
        now: NOW,
        terms: ReprovisionTerms {
            default,
            grace: Duration::from_hours(24),
        },
    }
}

fn lease(serial: &str, epoch: u64) -> Lease {
    let mut lease = Lease {
        epoch: sample::device(serial).epoch,
        owner: Owner::from_random([9; 16]),
        until: NOW.plus(Duration::from_secs(45)),
    };
    lease.epoch.0 = epoch;
    lease
}

fn fence(epoch: u64) -> Fence {
    lease("SN-2", epoch).fence()
}

fn claim(serial: &str, epoch: u64, key: KeySource) -> Event {
    let device = sample::device(serial);
    Event::Claim {
        request: Request::new(&device.serial, device.generation, key),
        generation: device.generation,
        lease: lease(serial, epoch),
        now: NOW,
        budget: 12,
    }
}

/// Whatever may go wrong, and what operators do about it.
fn mishaps() -> Vec<Event> {
    let device = sample::device("SN-2");
    let request = Request::new(&device.serial, device.generation, KeySource::Service);
    vec![
        Event::Disable,
        Event::Enable,
        Event::Disable,
        Event::Enable,
        apply(KeySource::Service, Reprovision::Never),
        Event::Resend { now: NOW },
        Event::Abandon { now: NOW },
        apply(KeySource::Service, Reprovision::Never),
        claim("SN-2", 1, KeySource::Service),
        Event::Fail {
            fence: fence(1),
            failure: FailureCode::PolicyMissing,
            now: NOW,
            unused: true,
        },
        Event::Discard,
        Event::Reset,
        apply(KeySource::Service, Reprovision::Never),
        claim("SN-2", 2, KeySource::Service),
        Event::Revoke {
            keep: Some(Disuse::Inactive),
        },
        Event::Reset,
        Event::Replay {
            request,
            generation: device.generation,
            now: NOW,
        },
    ]
}

/// Another key, and the old certificate in its grace.
fn replacement() -> Vec<Event> {
    let issued = |tag: &str| contract::issued(tag);
    let finish = |epoch| Event::Finish {
        fence: fence(epoch),
        bundle_until: NOW.plus(Duration::from_hours(24)),
    };
    let commit = |epoch, tag| Event::Commit {
        fence: fence(epoch),
        issued: issued(tag),
    };
    let certificate = issued("a").certificate_id;
    vec![
        apply(KeySource::Service, Reprovision::Replace),
        claim("SN-3", 1, KeySource::Service),
        commit(1, "a"),
        finish(1),
        apply(own_key(), Reprovision::Replace),
        claim("SN-3", 2, own_key()),
        commit(2, "c"),
        finish(2),
        Event::Deactivate {
            certificate: certificate.clone(),
            now: NOW,
        },
        Event::Forget { certificate },
    ]
}
