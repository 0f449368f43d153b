//! What there is to see: queue, dead letters, states, what happened in the last minutes, the last sweep, alarms.

use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_sqs::types::QueueAttributeName;
use cvm_aws::backlog::DynamoBacklog;
use cvm_aws::trails::Counts;
use cvm_shared::care::Group;
use cvm_shared::failure::Failure;
use cvm_shared::time::UnixMillis;
use serde_json::Value;

use crate::site::Part;
use crate::site::Site;
use crate::site::root;
use crate::status::recent::Recent;
use crate::status::recent::recent;
use crate::trouble::Trouble;

/// How many whole minutes are looked back.
pub(super) const MINUTES: u64 = 15;

/// Messages by what they wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Queue {
    /// For a worker.
    pub(super) ready: u64,
    /// With a worker, or given back for a while.
    pub(super) in_flight: u64,
    /// For their delay to end.
    pub(super) delayed: u64,
}

/// All of it, as of one moment.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) at: UnixMillis,
    pub(super) queue: Queue,
    pub(super) dead_letters: u64,
    /// Devices by state.
    pub(super) states: Counts,
    /// The device that has waited longest, and since when.
    pub(super) oldest: Option<(String, UnixMillis)>,
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
        let backlog = DynamoBacklog::new(site.dynamodb(), site.name(Part::Table).await?);
        let from = (at.0 / 60_000).saturating_sub(MINUTES);
        let work = site.name(Part::Queue).await?;
        let dead = site.name(Part::DeadLetters).await?;
        let (queue, dead_letters, states, oldest, minutes, sweep, recent, alarms) = tokio::join!(
            queue(site, &work),
            queue(site, &dead),
            trails.counts(),
            backlog.oldest(Group::Work),
            trails.minutes(from),
            backlog.last_sweep(),
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

impl Queue {
    fn all(self) -> u64 {
        self.ready + self.in_flight + self.delayed
    }
}

async fn queue(site: &Site, url: &str) -> Result<Queue, Failure> {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let call = site.sqs().get_queue_attributes().queue_url(url);
    let answer = call.set_attribute_names(Some(names.to_vec())).send().await;
    let answer = answer.map_err(|error| cvm_aws::classify::failure("sqs", &error))?;
    let number = |name: &QueueAttributeName| {
        let text = answer.attributes().and_then(|all| all.get(name));
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    let [ready, in_flight, delayed] = names.each_ref().map(number);
    Ok(Queue {
        ready,
        in_flight,
        delayed,
    })
}

/// The stack's alarms that ring. That they cannot be read is told and stops nothing: the rest of the screen counts.
async fn alarms(site: &Site) -> Result<Vec<String>, String> {
    let Some(stack) = site.stack() else {
        return Err("unknown without --stack".to_owned());
    };
    let client = aws_sdk_cloudwatch::Client::new(site.config());
    let call = client.describe_alarms().alarm_name_prefix(stack);
    let answer = call.state_value(StateValue::Alarm).send().await;
    let answer = answer.map_err(|error| format!("not readable: {}", root(&error)))?;
    let names = answer.metric_alarms().iter();
    Ok(names
        .filter_map(|alarm| alarm.alarm_name().map(str::to_owned))
        .collect())
}
