//! What the stack's own metrics say of the last minutes (CloudWatch `GetMetricData`).

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::Metric;
use aws_sdk_cloudwatch::types::MetricDataQuery;
use aws_sdk_cloudwatch::types::MetricDataResult;
use aws_sdk_cloudwatch::types::MetricStat;
use cvm_aws::meters;
use cvm_aws::meters::Counter;
use cvm_shared::time::UnixMillis;

use crate::aws::root;
use crate::site::Site;
use crate::status::look::MINUTES;
use crate::status::look::named_stack;

/// Counts of the last minutes. What did not happen has no metric, so no data means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recent {
    /// Calls of AWS IoT that were throttled.
    pub(super) throttles: u64,
    /// Requests that were given up.
    pub(super) failures: u64,
}

/// The metrics that are asked for, each with the id of its query.
const ASKED: [(&str, &Counter); 2] = [
    ("throttles", &meters::IOT_THROTTLES),
    ("failures", &meters::FAILED),
];

/// Asks. That they cannot be read is told and stops nothing: the rest of the screen counts.
pub(super) async fn recent(site: &Site, now: UnixMillis) -> Result<Recent, String> {
    let (aws, stack) = named_stack(site)?;
    let client = aws_sdk_cloudwatch::Client::new(aws.config());
    let call = client
        .get_metric_data()
        .start_time(moment(now.0.saturating_sub(MINUTES * 60_000)))
        .end_time(moment(now.0))
        .set_metric_data_queries(Some(
            ASKED.map(|(id, meter)| query(id, stack, meter)).to_vec(),
        ));
    let answer = call.send().await;
    let answer = answer.map_err(|error| format!("not readable: {}", root(&error)))?;
    let [throttles, failures] = ASKED.map(|(id, _)| sum(id, answer.metric_data_results()));
    Ok(Recent {
        throttles,
        failures,
    })
}

fn moment(millis: u64) -> DateTime {
    DateTime::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// The sum of each minute.
fn query(id: &str, stack: &str, meter: &Counter) -> MetricDataQuery {
    let metric = Metric::builder().namespace(stack).metric_name(meter.0.name);
    let stat = MetricStat::builder().metric(metric.build());
    let stat = stat.stat("Sum").period(60).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}

fn sum(id: &str, results: &[MetricDataResult]) -> u64 {
    let own = results.iter().filter(|result| result.id() == Some(id));
    let sum: f64 = own.flat_map(MetricDataResult::values).sum();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a sum of counts; the cast saturates"
    )]
    let whole = sum.round() as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sum_is_of_its_own_query_and_no_data_is_none() {
        let result = |id: &str, values: &[f64]| {
            let result = MetricDataResult::builder().id(id);
            result.set_values(Some(values.to_vec())).build()
        };
        let results = [
            result("throttles", &[40.0, 1.0]),
            result("failures", &[]),
            result("throttles", &[1.0]), // a second page has the same id
        ];
        assert_eq!(sum("throttles", &results), 42);
        assert_eq!(sum("failures", &results), 0);
    }

    #[test]
    fn a_query_names_the_stack_s_own_metric_without_dimensions() {
        let query = query("failures", "plant-7", &meters::FAILED);
        let stat = query.metric_stat().unwrap();
        let metric = stat.metric().unwrap();
        assert_eq!(metric.namespace(), Some("plant-7"));
        assert_eq!(metric.metric_name(), Some("Failed"));
        assert!(metric.dimensions().is_empty());
        assert_eq!((stat.stat(), stat.period()), (Some("Sum"), Some(60)));
    }
}
