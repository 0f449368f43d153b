//! How bad a seed's world is, until when, and what that means for one call.

use std::time::Duration;

use crate::dice::Dice;
use crate::fault::Fault;

/// A part of the run, from so long after its start for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    /// When it begins, after the start.
    pub from: Duration,
    /// How long it lasts.
    pub lasts: Duration,
}

impl Spell {
    /// Whether it is on at this time after the start.
    pub fn is_on(self, since_start: Duration) -> bool {
        since_start >= self.from && since_start < self.from + self.lasts
    }
}

/// The weather of one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Weather {
    /// The probability of each fault for one call, in the order of [`Fault::ALL`].
    pub rates: [f64; Fault::COUNT],
    /// From this time after the start on nothing goes wrong any more.
    pub ends: Duration,
    /// The table is down.
    pub outage: Option<Spell>,
    /// A third of the calls of AWS IoT are throttled.
    pub storm: Option<Spell>,
    /// The part of AWS IoT's quotas that others use up.
    pub crowd: f64,
    /// How far lists of certificates lag behind.
    pub list_lag: Duration,
    /// How far the table's indexes may lag behind.
    pub index_lag: Duration,
    /// How wrong a worker's clock may be.
    pub skew: Duration,
    /// The probability that a worker's invocation stalls past its lease and goes on afterwards.
    pub zombies: f64,
    /// The probability that a received message is delivered once more.
    pub duplicates: f64,
    /// The probability that a request or an answer between device and door is lost.
    pub losses: f64,
}

/// Probabilities of one fault: most seeds are calm, some are stormy.
const MOODS: [f64; 6] = [0.0, 0.002, 0.01, 0.03, 0.08, 0.2];

impl Weather {
    /// The weather of a seed.
    pub fn draw(dice: &Dice) -> Self {
        let mood = dice.pick(&MOODS);
        let ends = dice.span(Duration::from_hours(1), Duration::from_hours(3));
        let stormy = mood >= 0.01;
        let some = |probability, most| {
            if stormy && dice.chance(probability) {
                most * dice.part()
            } else {
                0.0
            }
        };
        Self {
            rates: Fault::ALL
                .iter()
                .map(|fault| rate(*fault, mood, dice))
                .collect::<Vec<f64>>()
                .try_into()
                .unwrap_or_default(),
            ends,
            outage: spell(dice, ends, 0.2),
            storm: spell(dice, ends, 0.2),
            crowd: if dice.chance(0.2) {
                0.9 + 0.0999 * dice.part()
            } else {
                0.0
            },
            list_lag: dice.span(Duration::ZERO, Duration::from_mins(5)),
            index_lag: Duration::from_secs_f64(some(0.5, 10.0)),
            skew: Duration::from_secs_f64(some(0.3, 600.0)),
            zombies: some(0.5, 0.3),
            duplicates: some(0.7, 0.3),
            losses: some(0.7, 0.2),
        }
    }

    /// Nothing goes wrong.
    #[must_use]
    pub fn calm() -> Self {
        Self {
            rates: [0.0; Fault::COUNT],
            ends: Duration::from_hours(1),
            outage: None,
            storm: None,
            crowd: 0.0,
            list_lag: Duration::ZERO,
            index_lag: Duration::ZERO,
            skew: Duration::ZERO,
            zombies: 0.0,
            duplicates: 0.0,
            losses: 0.0,
        }
    }

    /// The fault that this part of the sum of all rates falls on.
    pub fn struck(&self, part: f64) -> Option<Fault> {
        let mut sum = 0.0;
        Fault::ALL
            .iter()
            .zip(self.rates)
            .find(|(_, rate)| {
                sum += rate;
                part < sum
            })
            .map(|(fault, _)| *fault)
    }
}

/// Each seed has another selection of faults: what hides behind a frequent one is met without it.
fn rate(fault: Fault, mood: f64, dice: &Dice) -> f64 {
    let on = dice.chance(0.6);
    let weight = dice.part();
    let dear = match fault {
        // These end a whole process or cost minutes each.
        Fault::KillBefore | Fault::KillAfter | Fault::SlowCall | Fault::SlowAnswer => 0.5,
        // Costs a device a day of waiting for its operator.
        Fault::Denied => 0.1,
        Fault::Before
        | Fault::After
        | Fault::Late
        | Fault::Twice
        | Fault::Throttle
        | Fault::Half => 1.0,
    };
    if on { mood * weight * dear } else { 0.0 }
}

fn spell(dice: &Dice, ends: Duration, probability: f64) -> Option<Spell> {
    let on = dice.chance(probability);
    let from = dice.span(Duration::ZERO, ends);
    let lasts = dice.span(Duration::from_mins(1), Duration::from_mins(20));
    on.then_some(Spell { from, lasts })
}
