//! AWS IoT's quotas: a token bucket for each call, of one second's worth, and what was taken from it.

use std::sync::Arc;
use std::sync::Mutex;

use cvm_sim::dice::Dice;
use cvm_worker::rates::Api;
use cvm_worker::rates::Rates;

use crate::plan::Plan;

/// Calls that have a quota each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the names of AWS IoT's operations")]
pub enum Call {
    CreateCertificateFromCsr,
    CreateKeysAndCertificate,
    AttachPolicy,
    UpdateCertificate,
    CreateThing,
    AttachThingPrincipal,
    DeleteCertificate,
}

impl Call {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::CreateCertificateFromCsr,
        Self::CreateKeysAndCertificate,
        Self::AttachPolicy,
        Self::UpdateCertificate,
        Self::CreateThing,
        Self::AttachThingPrincipal,
        Self::DeleteCertificate,
    ];

    /// The pace that it is held to.
    pub fn api(self) -> Api {
        match self {
            Self::CreateCertificateFromCsr => Api::CreateFromCsr,
            Self::CreateKeysAndCertificate => Api::CreateWithKeys,
            Self::AttachPolicy => Api::AttachPolicy,
            Self::UpdateCertificate => Api::UpdateCertificate,
            Self::CreateThing | Self::AttachThingPrincipal => Api::Thing,
            Self::DeleteCertificate => Api::Certificate,
        }
    }

    /// How often it is made for one device, of which such a part leaves its key to AWS IoT.
    pub fn per_device(self, keys: f64) -> f64 {
        match self {
            Self::CreateCertificateFromCsr => 1.0 - keys,
            Self::CreateKeysAndCertificate => keys,
            Self::AttachPolicy
            | Self::UpdateCertificate
            | Self::CreateThing
            | Self::AttachThingPrincipal => 1.0,
            Self::DeleteCertificate => 0.0,
        }
    }

    /// Its quota under this plan, in calls per second.
    pub fn quota(self, plan: &Plan) -> f64 {
        Rates::aws_defaults().of(self.api()) * plan.quota_scale
    }

    /// What it is called.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// What was asked of one call's quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls that were made, throttled ones too.
    pub calls: u64,
    /// Calls that were throttled, for want of a token or for a neighbour's sake.
    pub throttled: u64,
    /// Tokens that were taken, a neighbour's too.
    pub tokens: u64,
    /// When the first call came, in milliseconds.
    pub first_millis: Option<u64>,
}

#[derive(Debug)]
struct Bucket {
    per_second: f64,
    tokens: f64,
    at_millis: u64,
    usage: Usage,
}

impl Bucket {
    fn new(per_second: f64) -> Self {
        Self {
            per_second,
            tokens: per_second.max(1.0),
            at_millis: 0,
            usage: Usage::default(),
        }
    }

    fn admits(&mut self, at_millis: u64, is_neighbour: bool) -> bool {
        let flowed = span_seconds(self.at_millis, at_millis) * self.per_second;
        self.tokens = (self.tokens + flowed).min(self.per_second.max(1.0));
        self.at_millis = at_millis;
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        self.note(at_millis, is_there, is_there && !is_neighbour)
    }

    fn note(&mut self, at_millis: u64, took: bool, is_admitted: bool) -> bool {
        self.usage.first_millis.get_or_insert(at_millis);
        self.usage.calls += 1;
        self.usage.tokens += u64::from(took);
        self.usage.throttled += u64::from(!is_admitted);
        is_admitted
    }
}

/// From one moment to a later one, in seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of years fit into 52 bits"
)]
pub fn span_seconds(from_millis: u64, to_millis: u64) -> f64 {
    to_millis.saturating_sub(from_millis) as f64 / 1000.0
}

/// The account. Clones share its quotas.
#[derive(Clone, Debug)]
pub struct Account {
    buckets: Arc<Mutex<[Bucket; Call::ALL.len()]>>,
    dice: Dice,
    neighbour: f64,
}

impl Account {
    /// An account with full buckets.
    pub fn new(plan: &Plan, dice: Dice) -> Self {
        let buckets = Call::ALL.map(|call| Bucket::new(call.quota(plan)));
        Self {
            buckets: Arc::new(Mutex::new(buckets)),
            dice,
            neighbour: plan.throttle,
        }
    }

    /// Whether this call may go on at that moment.
    pub fn admits(&self, call: Call, at_millis: u64) -> bool {
        let is_neighbour = self.dice.chance(self.neighbour);
        crate::lock(&self.buckets)[call as usize].admits(at_millis, is_neighbour)
    }

    /// What was asked so far, call by call.
    pub fn usage(&self) -> [Usage; Call::ALL.len()] {
        let buckets = crate::lock(&self.buckets);
        Call::ALL.map(|call| buckets[call as usize].usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_there_at_once_and_then_the_quota_flows() {
        let account = Account::new(&Plan::default(), Dice::new(1));
        let admitted = |at_millis, calls| {
            let all = (0..calls).map(|_| account.admits(Call::UpdateCertificate, at_millis));
            all.filter(|is_admitted| *is_admitted).count()
        };
        assert_eq!(admitted(0, 50), 10);
        assert_eq!(admitted(250, 50), 2);
        assert_eq!(admitted(60_000, 50), 10);
        let usage = account.usage()[Call::UpdateCertificate as usize];
        assert_eq!((usage.calls, usage.throttled, usage.tokens), (150, 128, 22));
    }

    #[test]
    fn a_neighbour_takes_tokens_from_us() {
        let plan = Plan {
            throttle: 1.0,
            ..Plan::default()
        };
        let account = Account::new(&plan, Dice::new(1));
        assert!(!account.admits(Call::CreateThing, 0));
        assert_eq!(account.usage()[Call::CreateThing as usize].tokens, 1);
    }

    #[test]
    fn a_call_has_its_own_place() {
        for (place, call) in Call::ALL.into_iter().enumerate() {
            assert_eq!(call as usize, place);
        }
    }
}
