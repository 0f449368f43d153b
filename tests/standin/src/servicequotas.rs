//! Service Quotas' one call: what the account may do with AWS IoT.

use serde_json::Value;
use serde_json::json;

use crate::meter::Meters;
use crate::quota::Api;
use crate::wire::Refusal;

/// What is answered for an API without a limit, in calls per second.
const UNLIMITED: f64 = 100_000.0;

/// Answers a call.
pub(crate) fn answer(meters: &Meters, operation: &str, call: &Value) -> Result<Value, Refusal> {
    if operation != "GetServiceQuota" {
        return Err(Refusal::new(400, "UnknownOperationException", operation));
    }
    let (service, code) = (call["ServiceCode"].as_str(), call["QuotaCode"].as_str());
    let has_code = |api: &Api| {
        api.default_quota()
            .is_some_and(|(_, known)| Some(known) == code)
    };
    let api = Api::ALL.into_iter().find(has_code);
    let api = api.filter(|_| service == Some("iotcore")).ok_or_else(|| {
        let message = "The request failed because the specified quota does not exist";
        Refusal::new(400, "NoSuchResourceException", message)
    })?;
    let value = meters
        .limit(api)
        .map_or(UNLIMITED, |limit| limit.per_second);
    Ok(json!({ "Quota": {
        "ServiceCode": "iotcore",
        "ServiceName": "AWS IoT Core",
        "QuotaCode": code,
        "QuotaName": api.name(),
        "Value": value,
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
    } }))
}
