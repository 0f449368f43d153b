//! What must hold in every state, and what must hold where everything has come to rest.

use std::fmt;

use crate::names::generation_of;
use crate::view::Fate;
use crate::view::Stage;
use crate::view::View;
use crate::world::Cert;
use crate::world::LOST;
use crate::world::Rights;
use crate::world::TAKEN;
use crate::world::World;

/// A property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// I1: at most one ACTIVE certificate in each generation. Beside the newest there is at most one that
    /// was replaced and has its grace, and none that has to go at once. None that is kept for good is ACTIVE.
    OneActive,
    /// I2: Vended means that the certificate is there, ACTIVE, attached and has rights, and its bundle is there
    /// while it waits. What a fault has destroyed, and a bundle whose
    /// device says that it has it, is excused.
    Usable,
    /// I5: an order that is done changes nothing when it comes again.
    Replays,
    /// I6: what no row names is neither ACTIVE nor deleted by mistake; what was ever recorded is
    /// deleted before it is forgotten.
    NoneUnrecorded,
    /// I7: only a recorded certificate is attached.
    OwnThing,
    /// I9: no more certificates a day than may be.
    Creates,
    /// I10: epochs, generations and revisions only grow, and no old fence writes.
    Fences,
    /// I3: whatever was accepted ends Vended or Failed, and the end can always be reached.
    Settles,
    /// I6: at rest, no certificate is left that no row names.
    NoOrphan,
    /// The model itself: its numbers must suffice.
    Bounds,
}

/// A property that does not hold, and how it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The property.
    pub rule: Rule,
    /// What is wrong.
    pub what: String,
}

impl Breach {
    /// This property does not hold.
    pub fn new(rule: Rule, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { rule, what }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}

/// The first property of a state that does not hold.
pub fn in_state(world: &World, view: &View, creates: u32, wanted: Option<Rule>) -> Option<Breach> {
    let checks = [
        one_active(world, view),
        usable(world, view),
        none_unrecorded(world, view),
        own_thing(world, view),
        creates_bounded(world, creates),
    ];
    let breaches = checks.into_iter().flatten();
    breaches
        .into_iter()
        .find(|breach| wanted.is_none_or(|rule| rule == breach.rule))
}

fn numbered(world: &World) -> impl Iterator<Item = (u8, Cert)> {
    let made = world.certs.iter().take(usize::from(world.created));
    made.enumerate()
        .map(|(cert, known)| (cert as u8, *known))
        .filter(|(_, known)| known.exists)
}

fn one_active(world: &World, view: &View) -> Option<Breach> {
    let active: Vec<(u8, Cert)> = numbered(world).filter(|(_, known)| known.active).collect();
    let old = |cert: u8| view.olds().find(|old| old.mark.cert == cert);
    let new = active.iter().filter(|(cert, _)| old(*cert).is_none());
    let new = new.count();
    let banned = |cert: u8| old(cert).is_some_and(|old| old.fate == Fate::AtOnce);
    let beside = new > 0 && active.iter().any(|(cert, _)| banned(*cert));
    let settled = |cert: u8| old(cert).is_some_and(|old| old.fate == Fate::Settled);
    let awake = active.iter().any(|(cert, _)| settled(*cert));
    let twice = active.iter().enumerate().any(|(i, (_, one))| {
        let generation = generation_of(one.kind);
        let mut later = active[i + 1..].iter();
        later.any(|(_, other)| generation_of(other.kind) == generation)
    });
    (new > 1 || beside || twice || awake).then(|| {
        let all: Vec<u8> = active.iter().map(|(cert, _)| *cert).collect();
        Breach::new(Rule::OneActive, format!("certificates {all:?} are ACTIVE"))
    })
}

/// Whether what the row hands out can be used; why not, if it cannot.
fn usable(world: &World, view: &View) -> Option<Breach> {
    let mark = view.issued.filter(|_| view.stage.is_vended())?;
    let cert = world.certs[usize::from(mark.cert)];
    let breach = |what| Some(Breach::new(Rule::Usable, what));
    let may = match world.rights {
        Rights::Certificate => cert.policy,
        Rights::Group => true,
        Rights::Nowhere => false,
    };
    let usable = cert.exists && cert.active && may && cert.thing;
    if !usable && !cert.destroyed {
        return breach(format!("Vended, and certificate {} is {cert:?}", mark.cert));
    }
    let bundle = world.bundles[usize::from(mark.bundle)];
    let excused = bundle == LOST || bundle == TAKEN;
    let there = world.bundle(mark.bundle) == Some(mark.cert);
    if view.stage == Stage::Waiting && !excused && !there {
        return breach(format!(
            "Vended, and its bundle {} is not there",
            mark.bundle
        ));
    }
    None
}

fn none_unrecorded(world: &World, view: &View) -> Option<Breach> {
    let unnamed =
        |(cert, known): &(u8, Cert)| (known.active || known.committed) && !view.names(*cert);
    let (cert, known) = numbered(world).find(unnamed)?;
    let what = format!("no row names certificate {cert}: {known:?}");
    Some(Breach::new(Rule::NoneUnrecorded, what))
}

fn own_thing(world: &World, view: &View) -> Option<Breach> {
    let stray =
        |(cert, known): &(u8, Cert)| known.attached() && !(known.committed && view.names(*cert));
    let (cert, _) = numbered(world).find(stray)?;
    let what = format!("certificate {cert} is attached, and no row names it");
    Some(Breach::new(Rule::OwnThing, what))
}

fn creates_bounded(world: &World, creates: u32) -> Option<Breach> {
    let most = u32::from(world.periods) * creates;
    (u32::from(world.created) > most).then(|| {
        let what = format!("{} creates, {most} may be", world.created);
        Breach::new(Rule::Creates, what)
    })
}

/// What is wrong with a state in which nothing moves any more by itself.
pub fn at_rest(world: &World, view: &View, wanted: Option<Rule>) -> Option<Breach> {
    let stuck = view.stage.is_open().then(|| {
        let what = format!("the row stays {:?} for ever", view.stage);
        Breach::new(Rule::Settles, what)
    });
    let orphan = numbered(world).find(|(cert, _)| !view.names(*cert));
    let orphan = orphan.map(|(cert, _)| {
        let what = format!("certificate {cert} stays, and no row names it");
        Breach::new(Rule::NoOrphan, what)
    });
    stuck
        .into_iter()
        .chain(orphan)
        .find(|breach| wanted.is_none_or(|rule| rule == breach.rule))
}
