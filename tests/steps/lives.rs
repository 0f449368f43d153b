//! Lives of a device, each robust against one fault anywhere: it asks again until it is served.

use std::time::Duration;

use cvm_maria::ground::Ground;
use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::event::Event;
use cvm_shared::ports::Backlog as _;
use cvm_shared::ports::Clock as _;
use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Ending;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::reprovision::Superseded;
use cvm_shared::seal::is_sealed;
use cvm_shared::state::State;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::OperatorName;
use cvm_shared::write::Written;
use cvm_shared::write::write;
use cvm_testkit::faults::Faults;
use cvm_testkit::proofs::opened;
use cvm_testkit::sample;
use cvm_testkit::sample::Lean;
use cvm_testkit::site::Site;
use cvm_testkit::site::confirmation;
use cvm_testkit::site::poll;
use cvm_testkit::site::submission;
use cvm_testkit::site::view;
use http::StatusCode;

/// What happens in a life; each ends with a confirmed certificate and sweeps until nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// The device makes its key.
    Csr,
    /// AWS IoT makes the key.
    Keys,
    /// Served and confirmed, then another key.
    Replaced,
    /// Served, not confirmed until the bundle has expired, then asked again.
    Expired,
    /// Served and confirmed, then reset by an operator.
    Reset,
    /// Served and confirmed, revoked and kept REVOKED, enabled and served again.
    Kept,
    /// The queue loses the order.
    LostOrder,
    /// The policy is missing at first, and the dead letter is replayed.
    Mended,
    /// Its row leaves so much to the operator.
    Lean(Lean),
}

/// A site on this ground with the device `SN-1`, which may be provisioned again.
pub(crate) async fn site(ground: &Ground, faults: Faults) -> Site {
    let site = Site::on(ground.world(), faults);
    // The janitor went round before.
    let now = site.world.clock.now();
    site.world.registry.set_mark(now).await.unwrap();
    let mut device = sample::device("SN-1");
    device.reprovision = Some(Reprovision::Replace);
    site.world.registry.put(device);
    site
}

impl Life {
    /// Whether dead letters belong to it.
    pub(crate) fn has_dead_letters(self) -> bool {
        self == Self::Mended
    }

    /// Lives it.
    pub(crate) async fn live(self, site: &Site) {
        match self {
            Self::Csr => served(site, Some(&sample::csr_pem())).await,
            Self::Keys => served(site, None).await,
            Self::Replaced => {
                served(site, Some(&sample::csr_pem())).await;
                served(site, Some(&sample::csr_pem())).await;
            }
            Self::Expired => expired(site).await,
            Self::Reset => reset(site).await,
            Self::Kept => kept(site).await,
            Self::LostOrder => lost_order(site).await,
            Self::Mended => mended(site).await,
            Self::Lean(leaning) => lean(site, leaning).await,
        }
        swept(site).await;
    }
}

/// From the submission to the confirmation.
async fn served(site: &Site, csr: Option<&str>) {
    let id = accepted(site, csr).await;
    site.settle(60).await;
    let bundle = fetched(site, &id).await;
    assert_eq!(bundle.private_key.is_some(), csr.is_none());
    confirmed(site, &id).await;
}

async fn expired(site: &Site) {
    let csr = sample::csr_pem();
    let id = accepted(site, Some(&csr)).await;
    site.settle(60).await;
    fetched(site, &id).await;
    site.world.clock.advance(Duration::from_hours(8 * 24));
    for _ in 0..3 {
        site.sweep().await;
    }
    let answer = site.ask(poll(&id)).await;
    assert!(answer.is_none_or(|answer| matches!(
        answer.status,
        StatusCode::GONE | StatusCode::SERVICE_UNAVAILABLE
    )));
    served(site, Some(&csr)).await;
}

async fn reset(site: &Site) {
    served(site, Some(&sample::csr_pem())).await;
    operate(site, &Event::Reset).await;
    served(site, Some(&sample::csr_pem())).await;
}

async fn kept(site: &Site) {
    served(site, Some(&sample::csr_pem())).await;
    let serial = sample::serial("SN-1");
    let revoke = Event::Revoke {
        keep: Some(Disuse::Revoked),
    };
    operate(site, &revoke).await;
    swept(site).await;
    let row = site.world.registry.row(&serial).unwrap();
    let settled = |old: &Superseded| matches!(old.ending, Ending::Kept { settled: true, .. });
    assert!(row.superseded.iter().all(settled), "{row:?}");
    let certificates = site.world.issuer.certificates();
    let revoked = certificates.values().filter(|known| known.revoked);
    assert_eq!(revoked.count(), 1, "{certificates:?}");
    operate(site, &Event::Enable).await;
    served(site, Some(&sample::csr_pem())).await;
}

/// What an operator does, whose tool is not under test here.
async fn operate(site: &Site, event: &Event) {
    let registry = &site.world.registry;
    let row = registry.row(&sample::serial("SN-1")).unwrap();
    let name = OperatorName::parse("arn:aws:iam::000000000000:user/operator").unwrap();
    let hand = Hand::new(Author::Operator(name), site.world.clock.now());
    let written = write(registry, &hand, row, |_| event.clone()).await;
    assert!(matches!(written, Ok(Written::Applied(_))), "{written:?}");
}

async fn lost_order(site: &Site) {
    let id = accepted(site, Some(&sample::csr_pem())).await;
    for message in site.world.queue.receive(10) {
        site.world.queue.delete(&message.receipt);
    }
    for _ in 0..4 {
        site.world.clock.advance(Duration::from_mins(20));
        site.sweep().await;
        site.settle(5).await;
    }
    fetched(site, &id).await;
    confirmed(site, &id).await;
}

async fn mended(site: &Site) {
    let mut device = sample::device("SN-1");
    device.binding.policy = sample::policy("later");
    site.world.registry.put(device);
    let id = accepted(site, Some(&sample::csr_pem())).await;
    site.settle(60).await;
    site.world.issuer.add_policy("later");
    let letter = site.world.queue.dead_letters().remove(0);
    site.world.queue.push(&letter.body, Duration::ZERO);
    site.settle(60).await;
    fetched(site, &id).await;
    confirmed(site, &id).await;
}

async fn lean(site: &Site, leaning: Lean) {
    let mut device = site.world.registry.row(&sample::serial("SN-1")).unwrap();
    leaning.bind(&mut device);
    if leaning.has_thing() {
        site.world.issuer.add_thing(device.binding.thing.as_str());
    }
    site.world.registry.put(device);
    served(site, Some(&sample::csr_pem())).await;
}

/// The id of the request, once the door has accepted it.
pub(crate) async fn accepted(site: &Site, csr: Option<&str>) -> String {
    for _ in 0..5 {
        let answer = site.ask(submission("SN-1", sample::TOKEN, csr)).await;
        let accepted = answer.filter(|answer| answer.status.is_success());
        if let Some(answer) = accepted {
            return view(&answer).request_id.to_string();
        }
        site.world.clock.advance(Duration::from_secs(5));
    }
    panic!("never accepted");
}

/// The bundle, once the request is served.
pub(crate) async fn fetched(site: &Site, id: &str) -> Bundle {
    for _ in 0..5 {
        let answer = site.ask(poll(id)).await;
        if answer.is_some_and(|answer| answer.status == StatusCode::OK) {
            let row = site.world.registry.row(&sample::serial("SN-1")).unwrap();
            assert!(matches!(row.state, State::Vended { .. }), "{row:?}");
            let staged = &row.state.issued().unwrap().bundle;
            let bytes = site.world.vault.open(&staged.key);
            let bytes = bytes.unwrap_or_else(|| panic!("no bundle: {row:?}"));
            assert_eq!(digest(&bytes), staged.sha256);
            let sealed = is_sealed(&bytes);
            let bundle = if sealed { opened(&row, &bytes) } else { bytes };
            let bundle = Bundle::decode(&bundle).unwrap();
            assert_eq!(sealed, bundle.private_key.is_some(), "a key lies sealed");
            return bundle;
        }
        site.world.clock.advance(Duration::from_secs(5));
    }
    panic!("never ready");
}

async fn confirmed(site: &Site, id: &str) {
    for _ in 0..5 {
        let answer = site.ask(confirmation(id)).await;
        if answer.is_some_and(|answer| answer.status == StatusCode::NO_CONTENT) {
            return;
        }
        site.world.clock.advance(Duration::from_secs(5));
    }
    panic!("never confirmed");
}

/// Sweeps until what is left behind is old enough to go, and then some.
async fn swept(site: &Site) {
    let until = site.world.clock.now().plus(Duration::from_hours(3));
    while site.world.clock.now() < until {
        site.sweep().await;
        site.world.clock.advance(Duration::from_mins(15));
    }
}
