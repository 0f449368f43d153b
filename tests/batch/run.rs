//! A batch on the fakes: the real submitter, and a site that works its orders off.

use std::collections::BTreeMap;

use cvm_ops::batch::row::Wanted;
use cvm_ops::batch::submitter::Fate;
use cvm_ops::batch::submitter::Submitter;
use cvm_shared::csr::Csr;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::message::Order;
use cvm_shared::operate::rows::Found;
use cvm_shared::operate::rows::Rows;
use cvm_shared::operate::work::Orders;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Queue as _;
use cvm_shared::ports::Registry as _;
use cvm_shared::request::KeySource;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::OperatorName;
use cvm_testkit::faults::Faults;
use cvm_testkit::faulty::Faulty;
use cvm_testkit::queue::TestQueue;
use cvm_testkit::registry::TestRegistry;
use cvm_testkit::sample;
use cvm_testkit::site::Site;

/// How many devices a batch has here, in both modes.
pub(crate) const DEVICES: usize = 4;

/// How many rows are taken up together: fewer than there are.
const CHUNK: usize = 3;

/// A batch and its site.
pub(crate) struct Batch {
    pub(crate) site: Site,
    wanted: Vec<Wanted>,
}

struct Table(Faulty<TestRegistry>);

impl Rows for Table {
    async fn load_many(&self, serials: &[SerialNumber]) -> Vec<Found> {
        let mut found = Vec::new();
        for serial in serials {
            found.push(self.0.load(serial).await);
        }
        found
    }
}

struct Outbox(Faulty<TestQueue>);

impl Orders for Outbox {
    async fn send_many(&self, orders: &[Order]) -> Vec<Result<(), Failure>> {
        let mut sent = Vec::new();
        for order in orders {
            sent.push(self.0.send(order).await);
        }
        sent
    }
}

fn wanted(place: usize) -> Wanted {
    let name = format!("SN-{place}");
    let key = match place % 2 {
        0 => KeySource::Service,
        _ => KeySource::Device(Csr::parse(&sample::csr_pem_of(&name)).unwrap()),
    };
    Wanted {
        line: place as u64 + 2,
        serial: sample::serial(&name),
        key,
    }
}

impl Batch {
    /// A batch of devices that are registered and have not asked.
    pub(crate) fn new(faults: Faults) -> Self {
        let site = Site::new(faults);
        let wanted: Vec<Wanted> = (0..DEVICES).map(wanted).collect();
        for wanted in &wanted {
            let device = sample::device(wanted.serial.as_str());
            site.world.registry.put(device);
        }
        Self { site, wanted }
    }

    /// Another batch at the same site: one device, with the key of a device of this one.
    pub(crate) fn with_copied_key(&self) -> Self {
        let copy = Wanted {
            serial: sample::serial("SN-copy"),
            ..self.wanted[1].clone()
        };
        self.site.world.registry.put(sample::device("SN-copy"));
        Self {
            site: self.site.clone(),
            wanted: vec![copy],
        }
    }

    /// The same batch at the same site, with other faults to come.
    pub(crate) fn with(&self, faults: Faults) -> Self {
        Self {
            site: Site {
                faults,
                ..self.site.clone()
            },
            wanted: self.wanted.clone(),
        }
    }

    pub(crate) fn serials(&self) -> impl Iterator<Item = String> {
        self.wanted.iter().map(|wanted| wanted.serial.to_string())
    }

    /// One run over the batch: how many rows had which fate; `None` if it was killed.
    pub(crate) async fn submit(&self) -> Option<BTreeMap<&'static str, usize>> {
        let world = &self.site.world;
        let submitter = Submitter::new(
            Table(self.faulty(&world.registry)),
            self.faulty(&world.registry),
            Outbox(self.faulty(&world.queue)),
            self.faulty(&world.guard),
            world.clock.clone(),
        );
        let name = OperatorName::parse("arn:aws:iam::1:user/factory").unwrap();
        let hand = Hand::new(Author::Operator(name), world.clock.now());
        let work = async {
            let mut counts = BTreeMap::new();
            for chunk in self.wanted.chunks(CHUNK) {
                let looked = submitter.look(chunk.to_vec()).await;
                for fate in submitter.carry_out(&hand, &looked).await {
                    *counts.entry(word(&fate)).or_default() += 1;
                }
            }
            counts
        };
        self.site.until_killed(work).await
    }

    fn faulty<P: Clone>(&self, port: &P) -> Faulty<P> {
        Faulty {
            port: port.clone(),
            faults: self.site.faults.clone(),
        }
    }
}

fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Sent => "sent",
        Fate::Already => "on their way",
        Fate::Vended => "vended",
        Fate::Refused(_) => "refused",
        Fate::Unsettled(_) => "unsettled",
    }
}
