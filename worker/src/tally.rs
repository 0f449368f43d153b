//! What the metrics say of a message's end.

use std::time::Duration;

use cvm_aws::meters;
use cvm_shared::failure::FailureCode;
use cvm_shared::outcome::Ack;
use cvm_shared::outcome::Outcome;
use cvm_shared::outcome::ParkReason;
use cvm_shared::time::UnixMillis;

use crate::rates::Api;
use crate::sweep::Summary;

/// What the note of throttled calls is called in the metrics' line.
pub const THROTTLES: &str = "throttledApis";

/// Counts the end of one delivery.
pub(crate) fn ended(outcome: &Outcome) {
    match outcome {
        Outcome::Ack(Ack::Vended) => meters::ISSUED.add(1),
        Outcome::Ack(Ack::AlreadyDone | Ack::Superseded) => {}
        Outcome::Retry(retry) => {
            meters::PUT_BACK.add(1);
            failed_with(retry.code);
        }
        Outcome::Park(reason) => {
            meters::FAILED.add(1);
            if let ParkReason::Failed(code) = reason {
                failed_with(*code);
                meters::NOT_ACTIVATED.add(u64::from(is_unbound(*code)));
            }
        }
    }
}

fn failed_with(code: FailureCode) {
    meters::DENIED.add(u64::from(code == FailureCode::Denied));
}

/// Whether there is nothing to bind the certificate to.
fn is_unbound(code: FailureCode) -> bool {
    use FailureCode::LimitReached;
    use FailureCode::PolicyMissing;
    use FailureCode::ThingConfigMissing;
    matches!(code, PolicyMissing | ThingConfigMissing | LimitReached)
}

/// Notes how long a certificate took, once it is there.
pub(crate) fn vended(begun: UnixMillis, asked_at: Option<UnixMillis>, now: UnixMillis) {
    let since = |then: UnixMillis| -> Duration { now.since(then) };
    meters::ISSUE_SECONDS.took(since(begun));
    if let Some(asked_at) = asked_at {
        meters::WAIT_SECONDS.took(since(asked_at));
    }
}

/// Counts throttled calls; the note that says of which APIs they were.
pub fn throttled(calls: &[(Api, u64)]) -> Option<serde_json::Value> {
    meters::IOT_THROTTLES.add(calls.iter().map(|(_, count)| count).sum());
    let by_api = calls
        .iter()
        .map(|(api, count)| (format!("{api:?}"), (*count).into()));
    let by_api: serde_json::Map<String, serde_json::Value> = by_api.collect();
    (!by_api.is_empty()).then_some(by_api.into())
}

/// Tells people and the metrics what came of a sweep.
pub fn swept(summary: &Summary) {
    tracing::info!(
        report_only = summary.report_only,
        rows = summary.rows,
        resent = summary.resent,
        abandoned = summary.abandoned,
        expired = summary.expired,
        deactivated = summary.deactivated,
        removed = summary.removed,
        suspects = summary.suspects,
        orphans = summary.orphans,
        unattributed = summary.unattributed,
        failed = summary.failed,
        complete = summary.complete,
        "sweep"
    );
    for (meter, count) in [
        (&meters::SWEEP_ORPHANS, summary.orphans),
        (&meters::SWEEP_UNATTRIBUTED, summary.unattributed),
        (&meters::SWEEP_RESENT, summary.resent),
        (&meters::SWEEP_ABANDONED, summary.abandoned),
        (&meters::SWEEP_EXPIRED, summary.expired),
        (&meters::SWEEP_FAILED, summary.failed),
        (&meters::SWEEP_COMPLETE, u64::from(summary.complete)),
    ] {
        meter.add(count);
    }
}
