//! A whole site in one process: the real door and the real worker on fakes, or on what stands in for them, with faults.

use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use aws_lambda_events::event::sqs::SqsMessage;
use cvm_ingest::config::Terms;
use cvm_ingest::door::Door;
use cvm_ingest::door::Own;
use cvm_ingest::http::Answer;
use cvm_ingest::http::Asked;
use cvm_ingest::http::Query;
use cvm_ingest::pace::PollTerms;
use cvm_shared::api::StatusView;
use cvm_shared::ports::Clock as _;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::reprovision::ReprovisionTerms;
use cvm_shared::trust::TrustBundle;
use cvm_worker::batch::work_off;
use cvm_worker::chores::CareTerms;
use cvm_worker::run::WorkTerms;
use cvm_worker::run::Worker;
use cvm_worker::sweep::Janitor;
use cvm_worker::sweep::Summary;
use cvm_worker::sweep::SweepTerms;
use futures_util::future::Either;
use futures_util::future::select;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use zeroize::Zeroizing;

use crate::faults::Faults;
use crate::faulty::Faulty;
use crate::guard::TestGuard;
use crate::issuer::MemoryIssuer;
use crate::queue::Message;
use crate::queue::TestQueue;
use crate::registry::TestRegistry;
use crate::sample;
use crate::time::CountedRandom;
use crate::time::HandClock;
use crate::vault::TestVault;
use crate::world::World;

/// The door on fakes.
pub type TestDoor = Door<
    Faulty<TestRegistry>,
    Faulty<TestQueue>,
    Faulty<TestVault>,
    Faulty<TestGuard>,
    HandClock,
    CountedRandom,
>;

/// The worker on fakes.
pub type TestWorker =
    Worker<Faulty<TestRegistry>, Faulty<MemoryIssuer>, Faulty<TestVault>, HandClock, CountedRandom>;

/// The janitor on fakes.
pub type TestJanitor = Janitor<
    Faulty<TestRegistry>,
    Faulty<TestQueue>,
    Faulty<MemoryIssuer>,
    Faulty<TestVault>,
    HandClock,
>;

/// How long an old certificate may stay beside an unconfirmed new one.
pub const GRACE: Duration = Duration::from_hours(24);

/// The terms of every worker here.
pub const WORK_TERMS: WorkTerms = WorkTerms {
    lease: Duration::from_secs(45),
    bundle_wait: Duration::from_hours(7 * 24),
    creates_per_day: 12,
};

/// The terms of every janitor here.
pub const SWEEP_TERMS: SweepTerms = SweepTerms {
    care: CareTerms {
        stuck_after: Duration::from_mins(15),
        resends: 3,
        keep_inactive: Duration::from_hours(1),
    },
    rate: 10.0,
    report_only: false,
    account_is_ours: true,
};

/// The terms of every door here.
pub const TERMS: Terms = Terms {
    presign: Duration::from_mins(2),
    poll: PollTerms {
        least_seconds: 2,
        polls_per_second: 100,
        issues_per_second: 10,
    },
    reprovision: ReprovisionTerms {
        default: Reprovision::Redeliver,
        grace: GRACE,
    },
    weak_secrets: false,
    legacy: None,
};

/// The host that devices ask here.
pub const AUDIENCE: &str = "api.example.com";

/// How long a worker's invocation may last.
const RUN: Duration = Duration::from_secs(30);

/// A site, its world and the faults that are planned for it.
#[derive(Clone, Debug)]
pub struct Site {
    /// Everything outside.
    pub world: World,
    /// What will go wrong.
    pub faults: Faults,
    /// Whether the table may hold stretched secrets.
    pub weak_secrets: bool,
}

impl Site {
    /// A site with these faults and the device `SN-1`.
    pub fn new(faults: Faults) -> Self {
        Self::on(World::new(), faults)
    }

    /// The same in this world.
    pub fn on(world: World, faults: Faults) -> Self {
        world.registry.put(sample::device("SN-1"));
        Self {
            world,
            faults,
            weak_secrets: false,
        }
    }

    fn faulty<P: Clone>(&self, port: &P) -> Faulty<P> {
        Faulty {
            port: port.clone(),
            faults: self.faults.clone(),
        }
    }

    /// A fresh door process.
    pub fn door(&self) -> TestDoor {
        Door {
            registry: self.faulty(&self.world.registry),
            queue: self.faulty(&self.world.queue),
            vault: self.faulty(&self.world.vault),
            guard: self.faulty(&self.world.guard),
            clock: self.world.clock.clone(),
            random: self.world.random.clone(),
            terms: Terms {
                weak_secrets: self.weak_secrets,
                ..TERMS
            },
            trust: TrustBundle::with_extra("").unwrap(),
            own: Own::fresh(&self.world.random),
        }
    }

    /// A fresh worker process.
    pub fn worker(&self) -> TestWorker {
        Worker {
            registry: self.faulty(&self.world.registry),
            issuer: self.faulty(&self.world.issuer),
            vault: self.faulty(&self.world.vault),
            clock: self.world.clock.clone(),
            random: self.world.random.clone(),
            terms: WORK_TERMS,
        }
    }

    /// A fresh janitor process.
    pub fn janitor(&self) -> TestJanitor {
        Janitor {
            registry: self.faulty(&self.world.registry),
            queue: self.faulty(&self.world.queue),
            issuer: self.faulty(&self.world.issuer),
            vault: self.faulty(&self.world.vault),
            clock: self.world.clock.clone(),
            terms: SWEEP_TERMS,
        }
    }

    /// One sweep; `None` if the janitor was killed in it.
    pub async fn sweep(&self) -> Option<Summary> {
        let janitor = self.janitor();
        let deadline = self.world.clock.now().plus(Duration::from_mins(5));
        self.until_killed(janitor.sweep(deadline)).await
    }

    /// Runs a process's future until it ends, or until a fault kills the process.
    pub async fn until_killed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let killed = poll_fn(|_| {
            if self.faults.was_killed() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        // The work first: the kill comes out of it, in the same poll.
        match select(pin!(work), pin!(killed)).await {
            Either::Left((ended, _)) => Some(ended),
            Either::Right(((), _)) => None,
        }
    }

    /// One request to the door; `None` if the door was killed and the device got no answer.
    pub async fn ask(&self, asked: Asked) -> Option<Answer> {
        let door = self.door();
        self.until_killed(door.answer(Ok(asked))).await
    }

    /// One invocation of the worker with what the queue gives it; whether there was anything.
    pub async fn work(&self) -> bool {
        let held = self.world.queue.receive(10);
        let worker = self.worker();
        self.until_killed(self.deliver(&worker, &held)).await;
        !held.is_empty()
    }

    /// Hands messages to this worker and deletes those that it is done with, as the event source
    /// does; a worker that died is done with none.
    pub async fn deliver(&self, worker: &TestWorker, held: &[Message]) {
        let delivery = self.faulty(&self.world.queue);
        let deadline = self.world.clock.now().plus(RUN);
        let event = event(held);
        let most = self.world.queue.max_receives;
        let answer = work_off(worker, &delivery, most, &event, deadline)
            .await
            .unwrap();
        let back: Vec<String> = answer
            .batch_item_failures
            .into_iter()
            .map(|failure| failure.item_identifier)
            .collect();
        for message in held.iter().filter(|message| !back.contains(&message.id)) {
            self.world.queue.delete(&message.receipt);
        }
    }

    /// Works until the queue is empty or `minutes` have passed.
    pub async fn settle(&self, minutes: u64) {
        for _ in 0..minutes * 12 {
            self.work().await;
            if self.world.queue.is_empty() {
                return;
            }
            self.world.clock.advance(Duration::from_secs(5));
        }
    }
}

/// The messages as the event source hands them to a worker.
pub fn event(held: &[Message]) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = held
        .iter()
        .map(|message| {
            let mut record = SqsMessage::default();
            record.message_id = Some(message.id.clone());
            record.receipt_handle = Some(message.receipt.clone());
            record.body = Some(message.body.clone());
            let count = message.receives.to_string();
            record
                .attributes
                .insert("ApproximateReceiveCount".to_owned(), count);
            if let Some(tenant) = &message.tenant {
                let name = "MessageGroupId".to_owned();
                record.attributes.insert(name, tenant.clone());
            }
            record
        })
        .collect();
    event
}

/// A submission of `serial` with this token.
pub fn submission(serial: &str, token: &str, csr: Option<&str>) -> Asked {
    let body = serde_json::json!({ "serialNumber": serial, "deviceToken": token, "csr": csr });
    let mut body = body.as_object().unwrap().clone();
    body.retain(|_, value| !value.is_null());
    asked(
        Method::POST,
        "/v1/certificates",
        None,
        &serde_json::to_vec(&body).unwrap(),
    )
}

/// A poll of `SN-1`.
pub fn poll(id: &str) -> Asked {
    asked(
        Method::GET,
        &format!("/v1/certificates/{id}"),
        Some("SN-1"),
        b"",
    )
}

/// A confirmation by `SN-1`.
pub fn confirmation(id: &str) -> Asked {
    asked(
        Method::POST,
        &format!("/v1/certificates/{id}/confirm"),
        Some("SN-1"),
        b"",
    )
}

/// Any request, with the sample token if it is somebody's.
pub fn asked(method: Method, path: &str, serial: Option<&str>, body: &[u8]) -> Asked {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if let Some(serial) = serial {
        let value = format!("CVM1-TOKEN serial=\"{serial}\",token=\"{}\"", sample::TOKEN);
        headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
    }
    Asked {
        method,
        audience: AUDIENCE.to_owned(),
        source: "192.0.2.1".to_owned(),
        path: path.to_owned(),
        query: Query::default(),
        headers,
        body: Zeroizing::new(body.to_vec()),
    }
}

/// The status in an answer.
pub fn view(answer: &Answer) -> StatusView {
    serde_json::from_str(&answer.body).unwrap()
}
