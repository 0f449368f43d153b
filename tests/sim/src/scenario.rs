//! What will happen in a run, drawn from its seed before it starts, so that a shrinker can take parts
//! of it away.

use std::time::Duration;

use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Reprovision;
use cvm_testkit::sample::Lean;

use crate::dice::Dice;
use crate::weather::Weather;

/// How many devices a run may have.
pub const DEVICES_MOST: usize = 4;

/// What is added to a seed to draw who is lean.
const LEAN: u64 = 0x1ea4;

/// Every second row is as most are.
const LEANINGS: [Lean; 12] = [
    Lean::No,
    Lean::No,
    Lean::No,
    Lean::No,
    Lean::No,
    Lean::No,
    Lean::Thing,
    Lean::NoThing,
    Lean::Group,
    Lean::Both,
    Lean::NeitherOfBoth,
    Lean::Operators,
];

/// A run before it is played.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The seed of all chance within the run.
    pub seed: u64,
    /// The devices.
    pub devices: Vec<DevicePlan>,
    /// What the operator does, and when after the start.
    pub acts: Vec<(Duration, Act)>,
    /// What goes wrong.
    pub weather: Weather,
    /// The stack's settings.
    pub settings: Settings,
    /// A rule that is broken on purpose, to see whether the run notices.
    pub flaw: Flaw,
}

/// What one device does.
#[derive(Clone, Debug, PartialEq)]
pub struct DevicePlan {
    /// Its number, from which its serial number and keys follow.
    pub number: usize,
    /// Whether it makes its own key.
    pub own_key: bool,
    /// Its row's policy, if it has one.
    pub reprovision: Option<Reprovision>,
    /// Whether its row names an AWS IoT policy that an operator has still to make.
    pub policy_missing: bool,
    /// What its row leaves to the operator.
    pub lean: Lean,
    /// When it first asks, after the start.
    pub arrives: Duration,
    /// The probability of a power cut before each step.
    pub power_cuts: f64,
    /// Whether it vanishes for ever, and where.
    pub vanishes: Vanishes,
    /// Whether it confirms a second time.
    pub confirms_twice: bool,
    /// What it asks for later, each so long after the one before.
    pub errands: Vec<(Duration, Errand)>,
}

/// Where a device vanishes for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vanishes {
    /// Nowhere.
    Never,
    /// Once there is a bundle for it.
    BeforeFetch,
    /// Once it has installed it.
    BeforeConfirm,
    /// Once it has said so, whether it was heard or not.
    AfterOneConfirm,
}

/// What a device that was served comes back for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// The same once more.
    Same,
    /// A certificate for another key.
    OtherKey,
}

/// What the operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Resets the device with this number.
    Reset(usize),
    /// Revokes it; as what its certificate is kept.
    Revoke(usize, Option<Disuse>),
    /// Makes the missing policy.
    AddPolicy,
    /// Sends the dead letters to the work queue that were not yet.
    ReplayDeadLetters,
}

/// The stack's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What the stack allows devices that were served.
    pub reprovision: Reprovision,
    /// How long an old certificate may stay beside an unconfirmed new one.
    pub grace: Duration,
    /// How long a bundle waits.
    pub bundle_wait: Duration,
    /// How many certificates a device may cost on one day.
    pub creates_per_day: u32,
    /// Seconds between two polls.
    pub poll_seconds: u64,
}

/// A rule broken on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    /// None.
    #[default]
    None,
    /// The table writes whatever it is given, on no condition.
    BlindSwap,
    /// AWS IoT creates certificates ACTIVE.
    CreatesActive,
    /// The queue says yes to a message and loses it, and nobody sweeps.
    LosesSends,
    /// A certificate that is retired stays.
    RetiresNothing,
    /// A bundle that is shredded stays.
    ShredsNothing,
    /// A message that was sent carries the device's token.
    LeaksToken,
    /// Attaching binds to another device's Thing.
    AttachesAstray,
    /// The janitor never comes.
    NoJanitor,
    /// The row counts no certificates.
    CountsNothing,
    /// A worker that finds no bundle deletes the certificate before it shows its fence.
    DeletesUnfenced,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn draw(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let weather = Weather::draw(&dice);
        let count = usize::try_from(dice.between(1, DEVICES_MOST as u64)).unwrap();
        let devices = (0..count).map(|number| DevicePlan::draw(number, &weather, &dice));
        let mut devices: Vec<DevicePlan> = devices.collect();
        // With dice of its own, so that the other chances of a seed stay as they were.
        let lean = Dice::new(seed.wrapping_add(LEAN));
        for device in &mut devices {
            device.lean = lean.pick(&LEANINGS);
        }
        let acts = acts(&devices, &weather, &dice);
        Self {
            seed: dice.roll(),
            devices,
            acts,
            weather,
            settings: Settings::draw(&dice),
            flaw: Flaw::None,
        }
    }

    /// The same with a rule broken.
    #[must_use]
    pub fn with_flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = flaw;
        self
    }
}

impl DevicePlan {
    fn draw(number: usize, weather: &Weather, dice: &Dice) -> Self {
        let calm = weather.losses == 0.0;
        Self {
            number,
            own_key: dice.chance(0.65),
            reprovision: dice.pick(&[
                None,
                Some(Reprovision::Never),
                Some(Reprovision::Redeliver),
                Some(Reprovision::Replace),
            ]),
            policy_missing: dice.chance(0.08),
            lean: Lean::No,
            arrives: dice.span(Duration::ZERO, weather.ends),
            power_cuts: if calm { 0.0 } else { 0.1 * dice.part() },
            vanishes: dice.pick(&[
                Vanishes::Never,
                Vanishes::Never,
                Vanishes::Never,
                Vanishes::Never,
                Vanishes::Never,
                Vanishes::BeforeFetch,
                Vanishes::BeforeConfirm,
                Vanishes::AfterOneConfirm,
            ]),
            confirms_twice: dice.chance(0.2),
            errands: (0..dice.below(4)).map(|_| errand(dice)).collect(),
        }
    }
}

/// Mostly soon, while things still go wrong; sometimes a day later.
fn errand(dice: &Dice) -> (Duration, Errand) {
    let most = dice.pick(&[Duration::from_mins(30), Duration::from_hours(9)]);
    let what = dice.pick(&[Errand::Same, Errand::OtherKey, Errand::OtherKey]);
    (dice.span(Duration::ZERO, most), what)
}

fn acts(devices: &[DevicePlan], weather: &Weather, dice: &Dice) -> Vec<(Duration, Act)> {
    let during = || dice.span(Duration::ZERO, weather.ends + Duration::from_hours(3));
    let anyone = || devices[usize::try_from(dice.below(devices.len() as u64)).unwrap()].number;
    let mut acts = Vec::new();
    for _ in 0..dice.pick(&[0, 0, 0, 1, 2]) {
        let keep = dice.pick(&[None, Some(Disuse::Inactive), Some(Disuse::Revoked)]);
        let act = dice.pick(&[Act::Reset(anyone()), Act::Revoke(anyone(), keep)]);
        let at = during();
        acts.push((at, act));
        // Mostly; some stay barred.
        if let Act::Revoke(number, _) = act
            && dice.chance(0.7)
        {
            acts.push((
                at + dice.span(Duration::ZERO, weather.ends),
                Act::Reset(number),
            ));
        }
    }
    for _ in 0..dice.below(3) {
        acts.push((during(), Act::ReplayDeadLetters));
    }
    if devices.iter().any(|device| device.policy_missing) && dice.chance(0.8) {
        acts.push((during(), Act::AddPolicy));
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}

impl Settings {
    fn draw(dice: &Dice) -> Self {
        let hours = |from: &[u64]| Duration::from_hours(dice.pick(from));
        Self {
            reprovision: dice.pick(&[
                Reprovision::Never,
                Reprovision::Redeliver,
                Reprovision::Replace,
            ]),
            grace: hours(&[1, 6, 24]),
            bundle_wait: hours(&[1, 6, 24, 24 * 7]),
            creates_per_day: dice.pick(&[3, 12, 12]),
            poll_seconds: dice.pick(&[20, 60]),
        }
    }
}
