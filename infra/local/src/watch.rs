//! What the emulator says came of it: certificates that work, messages that are left.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::iot;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    certificates: Vec<Certificate>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    certificate_id: String,
    status: String,
}

/// The ids of all certificates that are ACTIVE.
pub async fn active_certificates(endpoint: &str) -> Result<BTreeSet<String>, Error> {
    let mut active = BTreeSet::new();
    let mut next = String::new();
    loop {
        let page: Page = get(endpoint, &format!("/certificates?pageSize=250{next}")).await?;
        let found = page.certificates.into_iter();
        let found = found.filter(|certificate| certificate.status == "ACTIVE");
        active.extend(found.map(|certificate| certificate.certificate_id));
        let Some(marker) = page.next_marker.filter(|marker| !marker.is_empty()) else {
            return Ok(active);
        };
        next = format!("&marker={marker}");
    }
}

#[derive(Deserialize)]
struct Principals {
    principals: Vec<String>,
}

/// The ids of the certificates that are attached to this Thing, none for a Thing that is not there.
pub async fn certificates_of(endpoint: &str, thing: &str) -> Result<BTreeSet<String>, Error> {
    let listed: Principals = match get(endpoint, &format!("/things/{thing}/principals")).await {
        Err(Error::Aws { cause, .. }) if cause.contains("404") => return Ok(BTreeSet::new()),
        listed => listed?,
    };
    let id = |arn: &String| arn.rsplit('/').next().map(ToOwned::to_owned);
    Ok(listed.principals.iter().filter_map(id).collect())
}

async fn get<T: serde::de::DeserializeOwned>(endpoint: &str, path: &str) -> Result<T, Error> {
    let answer = iot::call(endpoint, Method::GET, path, &Value::Null).await?;
    serde_json::from_value(answer).map_err(|error| Error::aws("AWS IoT list call", &error))
}

/// How many messages a queue holds: waiting, being worked on, and delayed.
pub async fn queue_depth(config: &SdkConfig, queue_url: &str) -> Result<u64, Error> {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    ];
    let asked = aws_sdk_sqs::Client::new(config)
        .get_queue_attributes()
        .queue_url(queue_url)
        .set_attribute_names(Some(names.to_vec()));
    let told = asked.send().await;
    let told = told.map_err(|error| Error::aws("GetQueueAttributes", &error))?;
    let count = |name| -> Option<u64> { told.attributes()?.get(name)?.parse().ok() };
    let counts: Option<Vec<u64>> = names.iter().map(count).collect();
    let missing = || Error::Aws {
        call: "GetQueueAttributes",
        cause: "it gives no counts".to_owned(),
    };
    Ok(counts.ok_or_else(missing)?.iter().sum())
}
