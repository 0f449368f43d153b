//! Who called what: of each call what IAM would decide by, in the words of `infra/local/record.py`.

use serde_json::Value;
use serde_json::json;

use crate::account::Account;
use crate::s3;
use crate::server::Call;
use crate::wire::Incoming;

/// The call as one line, unless the caller is the test itself.
pub(crate) fn line(call: &Call, request: &Incoming) -> Option<String> {
    let caller = caller(request).filter(|key| key != Account::ACCESS_KEY_ID)?;
    let mut line = described(call, request);
    line["by"] = format!("arn:aws:sts::{}:assumed-role/{caller}/x", Account::NUMBER).into();
    Some(line.to_string())
}

/// The id of the key that it is signed with.
fn caller(request: &Incoming) -> Option<String> {
    let header = request.header("authorization").unwrap_or_default();
    let signed = header
        .split_once("Credential=")
        .map(|(_, rest)| rest.to_owned());
    let scope = signed.or_else(|| request.parameter("X-Amz-Credential"))?;
    Some(scope.split_once('/')?.0.to_owned())
}

fn described(call: &Call, request: &Incoming) -> Value {
    let told = request.json().unwrap_or_default();
    match call {
        Call::DynamoDb(operation) => of_table(operation, &told),
        Call::Sqs(operation) => {
            let url = told["QueueUrl"].as_str().unwrap_or_default();
            json!({ "call": format!("sqs:{operation}"), "on": [url.rsplit('/').next()] })
        }
        Call::ServiceQuotas(operation) => {
            json!({ "call": format!("servicequotas:{operation}"), "on": [told["ServiceCode"]] })
        }
        Call::Sts(operation) => json!({ "call": format!("sts:{operation}") }),
        Call::S3(call) => of_bucket(call, request),
        Call::Iot(call) => {
            let principal = request.header("x-amzn-principal");
            let mut line = json!({ "call": format!("iot:{}", call.api.name()) });
            if let Some(bound) = principal.or_else(|| told["target"].as_str()) {
                let resource = bound.rsplit(':').next().unwrap_or_default();
                line["on"] = json!([resource.split('/').next()]);
            }
            line
        }
    }
}

fn of_table(operation: &str, told: &Value) -> Value {
    let mut line = json!({ "call": format!("dynamodb:{operation}"), "on": [told["TableName"]] });
    if let Some(index) = told["IndexName"].as_str() {
        line["index"] = index.into();
    }
    let parts = ["Key", "Item"].into_iter();
    let mut keys =
        parts.flat_map(|part| [&told[part]["guard"]["S"], &told[part]["productid"]["S"]]);
    if let Some(key) = keys.find_map(Value::as_str) {
        line["keys"] = json!([kind(key, '#')]);
    }
    line
}

fn of_bucket(call: &s3::Call, request: &Incoming) -> Value {
    let name = format!("s3:{}", call.operation);
    if call.key.is_empty() {
        let prefix = request.parameter("prefix");
        let prefix = prefix.map(|prefix| kind(&prefix, '/'));
        return json!({ "call": name, "on": [Account::BUCKET], "prefix": prefix });
    }
    json!({ "call": name, "on": [format!("{}/{}", Account::BUCKET, kind(&call.key, '/'))] })
}

/// Of a key, the part that says what it is for: `b/*`, `nonce#*`, `#sweep`; of a serial number nothing but `*`.
fn kind(key: &str, mark: char) -> String {
    match key.split_once(mark) {
        Some(("", _)) if mark == '#' => key.to_owned(),
        Some((start, _)) => format!("{start}{mark}*"),
        None => "*".to_owned(),
    }
}
