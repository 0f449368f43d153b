//! What there is to see: queue, dead letters, states, what happened in the last minutes, the last sweep, alarms.

use aws_sdk_cloudwatch::types::StateValue;
use cvm_shared::care::Group;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::trails::Counts;
use cvm_shared::operate::trails::Trails as _;
use cvm_shared::operate::trails::Upkeep as _;
use cvm_shared::operate::work::Levels;
use cvm_shared::time::UnixMillis;
use serde_json::Value;

use crate::aws::Aws;
use crate::aws::root;
use crate::site::Site;
use crate::status::recent::Recent;
use crate::status::recent::recent;
use crate::trouble::Trouble;

/// How many whole minutes are looked back.
pub(super) const MINUTES: u64 = 15;

/// All of it, as of one moment.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) at: UnixMillis,
    pub(super) queue: Levels,
    pub(super) dead_letters: u64,
    /// Devices by state.
    pub(super) states: Counts,
    /// The device that has waited longest, and since when.
    pub(super) oldest: Option<(SerialNumber, UnixMillis)>,
    /// What happened in the last minutes: minute and deeds.
    pub(super) minutes: Vec<(u64, Counts)>,
    /// When the last sweep ended and what came of it.
    pub(super) sweep: Option<(UnixMillis, Value)>,
    /// What the metrics say of the last minutes; why they could not be read.
    pub(super) recent: Result<Recent, String>,
    /// Alarms that ring; why they could not be read.
    pub(super) alarms: Result<Vec<String>, String>,
}

impl Look {
    /// Looks.
    pub(super) async fn at(site: &Site) -> Result<Self, Trouble> {
        let at = site.now();
        let trails = site.trails().await?;
        let upkeep = site.upkeep().await?;
        let (work, letters) = (site.work_gauge().await?, site.letter_gauge().await?);
        let from = (at.0 / 60_000).saturating_sub(MINUTES);
        let (queue, dead_letters, states, oldest, minutes, sweep, recent, alarms) = tokio::join!(
            work.levels(),
            letters.levels(),
            trails.counts(),
            upkeep.oldest(Group::Work),
            trails.minutes(from),
            upkeep.last_sweep(),
            recent(site, at),
            alarms(site),
        );
        let asked = |failure: Failure| Trouble::calling("status", &failure);
        Ok(Self {
            at,
            queue: queue.map_err(asked)?,
            dead_letters: dead_letters.map_err(asked)?.all(),
            states: states.map_err(asked)?,
            oldest: oldest.map_err(asked)?,
            minutes: minutes.map_err(asked)?,
            sweep: sweep.map_err(asked)?.map(|(at, text)| {
                let told = serde_json::from_str(&text).unwrap_or_default();
                (at, told)
            }),
            recent,
            alarms,
        })
    }

    /// Devices in this state.
    pub(super) fn devices(&self, state: &str) -> i64 {
        self.states.get(state).copied().unwrap_or(0)
    }

    /// How often this was done in the last whole minutes.
    pub(super) fn done(&self, deed: &str, minutes: u64) -> i64 {
        let now = self.at.0 / 60_000;
        let recent = self.minutes.iter();
        let recent = recent.filter(|(minute, _)| (now - minutes..now).contains(minute));
        recent.filter_map(|(_, deeds)| deeds.get(deed)).sum()
    }
}

/// The stack by its name, which its metrics and alarms are called by.
pub(super) fn named_stack(site: &Site) -> Result<(&Aws, &str), String> {
    let aws = site
        .stack()
        .ok_or("a host's server tells its own metrics, and rings where they are gathered")?;
    let stack = aws.stack().ok_or("unknown without --stack")?;
    Ok((aws, stack))
}

/// The stack's alarms that ring. That they cannot be read is told and stops nothing: the rest of the screen counts.
async fn alarms(site: &Site) -> Result<Vec<String>, String> {
    let (aws, stack) = named_stack(site)?;
    let client = aws_sdk_cloudwatch::Client::new(aws.config());
    let call = client.describe_alarms().alarm_name_prefix(stack);
    let answer = call.state_value(StateValue::Alarm).send().await;
    let answer = answer.map_err(|error| format!("not readable: {}", root(&error)))?;
    let names = answer.metric_alarms().iter();
    Ok(names
        .filter_map(|alarm| alarm.alarm_name().map(str::to_owned))
        .collect())
}
