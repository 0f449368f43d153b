//! What the deployed stack is called by.

use std::collections::BTreeMap;

use crate::error::Error;

/// What the stack is called by, as far as the local run needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackOutputs {
    /// What devices call. In path form: nothing resolves the emulator's host names.
    pub api: String,
    /// The device table.
    pub table: String,
    /// The trails of the records.
    pub audit_table: String,
    /// The table of what may happen only once.
    pub guard_table: String,
    /// The host that devices ask: what their proofs are for.
    pub audience: String,
    /// The work queue.
    pub queue_url: String,
    /// The dead letters.
    pub dead_letter_queue_url: String,
    /// The bucket of staged bundles.
    pub bucket: String,
    /// The KMS key of all of them.
    pub key_arn: String,
    /// The IoT policy of devices.
    pub device_policy: String,
    /// The IAM policy of operators.
    pub operator_policy_arn: String,
    /// The IAM policy of factories, beside the operators'.
    pub factory_policy_arn: String,
    /// The function behind the API.
    pub ingest_function: String,
    /// The function behind the queue.
    pub worker_function: String,
    /// The function that cleans up.
    pub janitor_function: String,
    /// The log of the function behind the API.
    pub ingest_log_group: String,
    /// The log of the function behind the queue.
    pub worker_log_group: String,
}

impl StackOutputs {
    /// Reads the stack's outputs; one that is missing is named.
    pub(crate) fn parse(
        endpoint: &str,
        mut outputs: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let mut output = |name: &str| {
            let missing = || Error::Deploy(format!("the template has no output {name}"));
            outputs.remove(name).ok_or_else(missing)
        };
        let url = output("ApiUrl")?;
        Ok(Self {
            api: path_form(endpoint, &url)?,
            audience: audience(&url)?,
            audit_table: output("AuditTableName")?,
            guard_table: output("GuardTableName")?,
            table: output("TableName")?,
            queue_url: output("QueueUrl")?,
            dead_letter_queue_url: output("DeadLetterQueueUrl")?,
            bucket: output("BucketName")?,
            key_arn: output("KeyArn")?,
            device_policy: output("DevicePolicyName")?,
            operator_policy_arn: output("OperatorPolicyArn")?,
            factory_policy_arn: output("FactoryPolicyArn")?,
            ingest_function: output("IngestFunction")?,
            worker_function: output("WorkerFunction")?,
            janitor_function: output("JanitorFunction")?,
            ingest_log_group: output("IngestLogGroup")?,
            worker_log_group: output("WorkerLogGroup")?,
        })
    }
}

/// The host name alone: the gateway tells the function no port.
fn audience(url: &str) -> Result<String, Error> {
    let host = url.split_once("://").map(|(_, host)| host);
    let name = host.and_then(|host| host.split([':', '/']).next());
    let none = || Error::Deploy(format!("ApiUrl is {url}, which names no host"));
    name.map(str::to_ascii_lowercase).ok_or_else(none)
}

/// The API's id is the first label of its host name.
fn path_form(endpoint: &str, url: &str) -> Result<String, Error> {
    let host = url.split_once("://").map(|(_, host)| host);
    let id = host
        .and_then(|host| host.split_once(".execute-api."))
        .map(|(id, _)| id);
    let id = id.ok_or_else(|| Error::Deploy(format!("ApiUrl is {url}, which names no API")))?;
    Ok(format!("{endpoint}/_aws/execute-api/{id}/$default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 16] = [
        "ApiUrl",
        "TableName",
        "AuditTableName",
        "GuardTableName",
        "QueueUrl",
        "DeadLetterQueueUrl",
        "BucketName",
        "KeyArn",
        "DevicePolicyName",
        "OperatorPolicyArn",
        "FactoryPolicyArn",
        "IngestFunction",
        "WorkerFunction",
        "JanitorFunction",
        "IngestLogGroup",
        "WorkerLogGroup",
    ];

    fn outputs() -> BTreeMap<String, String> {
        let named = NAMES.map(|name| (name.to_owned(), format!("the {name}")));
        let mut outputs = BTreeMap::from(named);
        let url = "http://1a2b3c4d.execute-api.localhost:4566".to_owned();
        outputs.insert("ApiUrl".to_owned(), url);
        outputs
    }

    #[test]
    fn the_api_is_called_by_its_path() {
        let parsed = StackOutputs::parse("http://127.0.0.1:4566", outputs()).unwrap();
        assert_eq!(
            parsed.api,
            "http://127.0.0.1:4566/_aws/execute-api/1a2b3c4d/$default"
        );
        assert_eq!(parsed.audience, "1a2b3c4d.execute-api.localhost");
        assert_eq!(parsed.table, "the TableName");
        assert!(path_form("http://e", "http://api.example").is_err());
    }

    #[test]
    fn each_output_is_needed_and_named_when_it_is_missing() {
        for name in NAMES {
            let mut outputs = outputs();
            outputs.remove(name);
            let refusal = StackOutputs::parse("http://e", outputs)
                .unwrap_err()
                .to_string();
            assert!(refusal.ends_with(&format!("no output {name}")), "{refusal}");
        }
    }

    #[test]
    fn the_template_has_these_outputs() {
        let template = include_str!("../../template.yaml");
        let (_, outputs) = template.split_once("\nOutputs:\n").unwrap();
        for name in NAMES {
            assert!(outputs.contains(&format!("  {name}:\n")), "{name}");
        }
    }
}
