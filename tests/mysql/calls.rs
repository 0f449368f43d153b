//! The other ports' calls under the faults that only a database has: what may happen once happens once, what was put in is
//! there.

use std::cell::Cell;
use std::time::Duration;

use cvm_maria::lab;
use cvm_maria::proxy::Proxy;
use cvm_maria::proxy::Strike;
use cvm_mysql::backlog::MySqlBacklog;
use cvm_mysql::database::Database;
use cvm_mysql::guard::MySqlGuard;
use cvm_mysql::links::Links;
use cvm_mysql::queue::MySqlQueue;
use cvm_mysql::vault::MySqlVault;
use cvm_shared::csr::Csr;
use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::message::Order;
use cvm_shared::ports::Backlog as _;
use cvm_shared::ports::Depth as _;
use cvm_shared::ports::Guard as _;
use cvm_shared::ports::Intake as _;
use cvm_shared::ports::Queue as _;
use cvm_shared::ports::Vault as _;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::time::UnixMillis;
use cvm_testkit::sample;
use cvm_testkit::time::CountedRandom;
use cvm_testkit::time::HandClock;
use zeroize::Zeroizing;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// How often a queue is looked at whose message somebody still holds.
const LOOKS: usize = 1000;

const STRIKES: [Strike; 5] = [
    Strike::CutBefore,
    Strike::CutAfter,
    Strike::Answer(1213),
    Strike::Answer(1290),
    Strike::Answer(1040),
];

/// A database by way of a proxy that strikes one command.
struct Struck {
    proxy: Proxy,
    database: Database,
    at: (usize, Strike),
    /// Whether a command with this number was there to be struck.
    met: Cell<bool>,
}

impl Struck {
    /// The outcome of a call whose command was struck, made again until it succeeds, and how often it was made.
    async fn at_last<T>(&self, call: impl AsyncFn() -> Result<T, Failure>) -> (T, usize) {
        self.proxy.strike(self.at.0, self.at.1);
        for tries in 1..=3 {
            match call().await {
                Ok(done) => {
                    self.met.set(self.met.get() | self.proxy.calm().is_some());
                    return (done, tries);
                }
                Err(Failure::Unavailable { .. } | Failure::Throttled { .. }) => {}
                Err(failure) => panic!("{:?}: {failure:?}", self.at),
            }
        }
        panic!("{:?}: it never succeeds", self.at)
    }
}

/// Does this with each command of it struck by each fault, on empty tables.
async fn each_struck(act: impl AsyncFn(&Struck)) {
    let (name, emptied) = lab::database_named().await;
    for strike in STRIKES {
        for number in 0.. {
            lab::empty(&emptied).await;
            let proxy = Proxy::before(lab::server().await.port()).await;
            let mut terms = lab::terms_at(proxy.url("root", &name));
            terms.connections = 1;
            let struck = Struck {
                database: Database::open(&terms, None).await.unwrap(),
                proxy,
                at: (number, strike),
                met: Cell::new(false),
            };
            act(&struck).await;
            if !struck.met.get() {
                assert!(number > 0, "{strike:?} struck nothing");
                break;
            }
        }
    }
}

/// A nonce whose answer was lost counts as used; never is one used twice.
#[tokio::test]
async fn a_nonce_is_used_once() {
    each_struck(async |struck| {
        let guard = MySqlGuard::new(struck.database.clone(), CountedRandom::default());
        let (won, tries) = struck
            .at_last(async || guard.consume("one", NOW).await)
            .await;
        assert!(won || tries > 1, "{:?}", struck.at);
        assert_eq!(guard.consume("one", NOW).await, Ok(false));
    })
    .await;
}

#[tokio::test]
async fn a_key_is_its_device_s() {
    let key = Csr::parse(&sample::csr_pem()).unwrap().public_key();
    each_struck(async |struck| {
        let guard = MySqlGuard::new(struck.database.clone(), CountedRandom::default());
        let (mine, theirs) = (sample::serial("SN-1"), sample::serial("SN-2"));
        let (bound, _) = struck
            .at_last(async || guard.bind_key(key, &mine).await)
            .await;
        assert!(bound, "{:?}", struck.at);
        assert_eq!(guard.bind_key(key, &theirs).await, Ok(false));
    })
    .await;
}

/// Sent means there, once or more often; taken means hidden, and never lost.
#[tokio::test]
async fn a_message_is_never_lost() {
    let device = sample::device("SN-1");
    let order = Order {
        serial: device.serial.clone(),
        generation: device.generation,
        request: Request::new(&device.serial, device.generation, KeySource::Service),
    };
    let hidden = Duration::from_mins(1);
    each_struck(async |struck| {
        let (clock, random) = (HandClock::new(), CountedRandom::default());
        let queue = MySqlQueue::orders(struck.database.clone(), 30, clock.clone(), random);
        let ((), tries) = struck.at_last(async || queue.send(&order).await).await;
        let depth = queue.depth().await.unwrap();
        assert!((1..=tries as u64).contains(&depth), "{:?}", struck.at);
        let receive = async || queue.receive(10, hidden, Duration::ZERO).await;
        let (held, tries) = struck.at_last(receive).await;
        let mut held = held;
        if (held.len() as u64) < depth {
            assert!(tries > 1, "{:?}", struck.at);
            // Hidden by a call whose answer was lost, or in the hands of one that the server has still to undo.
            clock.advance(hidden);
        }
        for _ in 0..LOOKS {
            held.extend(receive().await.unwrap());
            if held.len() as u64 >= depth {
                break;
            }
        }
        assert_eq!(held.len() as u64, depth, "{:?}", struck.at);
        for message in held {
            let remove = async || queue.remove(&message.receipt).await;
            struck.at_last(remove).await;
        }
        assert_eq!(queue.depth().await, Ok(0), "{:?}", struck.at);
    })
    .await;
}

#[tokio::test]
async fn a_bundle_is_there_and_then_gone() {
    let key = BundleKey::parse("b/struck").unwrap();
    let bytes = Zeroizing::new(b"bundle".to_vec());
    each_struck(async |struck| {
        let links = Links::new(Zeroizing::new([1; 32]), String::new());
        let vault = MySqlVault::new(struck.database.clone(), links, HandClock::new());
        struck
            .at_last(async || vault.stage(&key, &bytes).await)
            .await;
        assert_eq!(vault.fetch(&key, 6).await, Ok(Some(bytes.clone())));
        struck.at_last(async || vault.shred(&key).await).await;
        assert_eq!(vault.holds(&key).await, Ok(false), "{:?}", struck.at);
    })
    .await;
}

#[tokio::test]
async fn a_mark_is_where_it_was_set() {
    each_struck(async |struck| {
        let backlog = MySqlBacklog::new(struck.database.clone());
        struck.at_last(async || backlog.set_mark(NOW).await).await;
        assert_eq!(backlog.mark().await, Ok(Some(NOW)), "{:?}", struck.at);
    })
    .await;
}
