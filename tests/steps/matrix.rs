//! One life with each of its calls struck by each fault, and what must hold afterwards.

use cvm_maria::ground::Ground;
use cvm_shared::entry;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use cvm_testkit::site::Site;

use crate::lives;
use crate::lives::Life;

/// Which calls are struck, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Struck {
    /// All of them by everything.
    All,
    /// Those by which the store may change, by what leaves an effect behind: the rest is the same on every store.
    Effects,
}

/// Calls by which the store may change.
const EFFECTS: [&str; 9] = [
    "registry.swap",
    "backlog.set_mark",
    "guard.consume",
    "guard.bind_key",
    "queue.send",
    "queue.renew",
    "queue.park",
    "vault.stage",
    "vault.shred",
];

impl Struck {
    fn calls(self, name: &str) -> bool {
        self == Self::All || EFFECTS.contains(&name)
    }

    fn faults(self) -> &'static [Fault] {
        match self {
            Self::All => &Fault::ALL,
            Self::Effects => &[Fault::After, Fault::Twice, Fault::KillAfter],
        }
    }
}

/// Strikes calls of the life, each with each fault; `certificates` is how many a life without faults has created.
pub(crate) async fn matrix(ground: &Ground, struck: Struck, life: Life, certificates: u64) {
    let quiet = lives::site(ground, Faults::default()).await;
    life.live(&quiet).await;
    let calls = quiet.faults.calls();
    assert_eq!(quiet.world.issuer.created(), certificates, "{life:?}");
    for name in ["registry.load", "queue.send", "vault.stage", "backlog.mark"] {
        assert!(calls.contains(&name), "{life:?} makes no {name}");
    }
    let mut lives = 0;
    let numbered = calls.iter().enumerate();
    for (number, name) in numbered.filter(|(_, name)| struck.calls(name)) {
        for &fault in struck.faults() {
            lives += 1;
            let site = lives::site(ground, Faults::at(number, fault)).await;
            life.live(&site).await;
            let what = format!("{life:?}: {fault:?} at call {number} ({name})");
            check(&site, life, certificates, &what);
        }
    }
    println!("{life:?}: {lives} lives of {} calls", calls.len());
}

/// What must hold after every life, whatever struck it.
fn check(site: &Site, life: Life, certificates: u64, what: &str) {
    let world = &site.world;
    let row = world.registry.row(&sample::serial("SN-1")).unwrap();
    let State::Vended {
        issued,
        delivery: Delivery::Confirmed { .. },
        ..
    } = &row.state
    else {
        panic!("{what}: {:?}", row.state);
    };
    if let Some(trail) = world.registry.trail(&row.serial) {
        assert_eq!(entry::check(&trail, &row), Ok(()), "{what}");
    }
    assert_eq!(row.superseded, [], "{what}");
    // Two of one device only in the grace of a replacement.
    let most = if life == Life::Replaced { 2 } else { 1 };
    assert!(world.issuer.most_active_of_a_thing() <= most, "{what}");
    let left = world.issuer.certificates();
    assert_eq!(left.len(), 1, "{what}: orphans are swept");
    let known = &left[&issued.certificate_id];
    assert!(
        known.active && world.issuer.is_bound(known, &row.binding),
        "{what}"
    );
    let bundle = world.vault.open(&issued.bundle.key);
    assert_eq!(bundle, None, "{what}: it is shredded");
    // One that was staged and never committed is unknown to all; the bucket's lifecycle takes it.
    assert!(world.vault.len() <= 1, "{what}");
    let letters = world.queue.dead_letters();
    assert_eq!(letters.is_empty(), !life.has_dead_letters(), "{what}");
    assert!(world.queue.is_empty(), "{what}");
    assert!(
        world.issuer.created() <= certificates + 1,
        "{what}: at most one spare certificate"
    );
}
