//! Which actions AWS checks for a call, on which resources, and with which condition keys.
//!
//! After the Service Authorization Reference and, where a line says so, a service's own guide. A call that has no line
//! here is a failure: nobody has looked it up.

use crate::policy::Check;
use crate::recording::Call;
use crate::template::ACCOUNT;
use crate::template::Template;

/// What is asked for one call.
pub struct Rule {
    /// Service and operation; of a `PartiQL` batch also the verb.
    pub call: &'static str,
    /// The actions that are checked, each on the resources that the call names.
    pub needs: &'static [Need],
    /// Why, where it is not just the action of the same name on what the call names.
    pub why: &'static str,
}

/// An action and what it is checked on.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    action: &'static str,
    on: On,
}

#[derive(Clone, Copy, Debug)]
enum On {
    /// The tables that the call names, or the index if it names one.
    Tables,
    Queue,
    /// The second queue that the call names.
    OtherQueue,
    Bucket,
    Object,
    Function,
    Stack,
    Alarms,
    /// A quota of the service that the call names.
    Quota,
    /// A certificate.
    Certificate,
    Thing,
    ThingGroup,
    /// The reference knows no resource.
    Nothing,
    /// The stack's key, used by this service in the caller's name.
    Key {
        through: &'static str,
    },
}

const fn need(action: &'static str, on: On) -> Need {
    Need { action, on }
}

const fn decrypt(through: &'static str) -> Need {
    need("kms:Decrypt", On::Key { through })
}

const fn data_key(through: &'static str) -> Need {
    need("kms:GenerateDataKey", On::Key { through })
}

const SAME: &str = "";
const ONLY_ANY: &str = "The reference knows no resource for it.";
const READ: &str = "A table under one's own key is opened with it in the caller's name (DynamoDB, encryption at rest).";
const WRITE: &str = "Writers of a table under one's own key may also make data keys (DynamoDB, encryption at rest).";
const SEND: &str = "Who sends to a queue under one's own key makes a data key and opens it again (SQS, key management).";
const SENDS: &str =
    "A batch is checked by the action for one message; with the key as for one message.";
const PUT: &str = "An object under a key needs a data key; under a bucket key, that one is opened first (S3, SSE-KMS).";
const CERTIFICATE: &str =
    "Checked on the certificate, never on the policy or Thing (AWS IoT, actions and resources).";

/// All calls that are known.
pub const RULES: &[Rule] = &[
    rule(
        "cloudformation:DescribeStacks",
        &[need("cloudformation:DescribeStacks", On::Stack)],
        SAME,
    ),
    rule(
        "cloudwatch:DescribeAlarms",
        &[need("cloudwatch:DescribeAlarms", On::Alarms)],
        "By a prefix: all alarms are asked.",
    ),
    rule(
        "cloudwatch:GetMetricData",
        &[need("cloudwatch:GetMetricData", On::Nothing)],
        ONLY_ANY,
    ),
    rule(
        "dynamodb:BatchExecuteStatement/Insert",
        &[
            need("dynamodb:PartiQLInsert", On::Tables),
            decrypt("dynamodb"),
            data_key("dynamodb"),
        ],
        "A PartiQL batch is checked by the verb of its statements. A writer like any other.",
    ),
    rule(
        "dynamodb:BatchGetItem",
        &[
            need("dynamodb:BatchGetItem", On::Tables),
            decrypt("dynamodb"),
        ],
        READ,
    ),
    rule(
        "dynamodb:GetItem",
        &[need("dynamodb:GetItem", On::Tables), decrypt("dynamodb")],
        READ,
    ),
    rule(
        "dynamodb:PutItem",
        &[
            need("dynamodb:PutItem", On::Tables),
            decrypt("dynamodb"),
            data_key("dynamodb"),
        ],
        WRITE,
    ),
    rule(
        "dynamodb:Query",
        &[need("dynamodb:Query", On::Tables), decrypt("dynamodb")],
        READ,
    ),
    rule(
        "dynamodb:Scan",
        &[need("dynamodb:Scan", On::Tables), decrypt("dynamodb")],
        READ,
    ),
    rule(
        "dynamodb:UpdateItem",
        &[
            need("dynamodb:UpdateItem", On::Tables),
            decrypt("dynamodb"),
            data_key("dynamodb"),
        ],
        WRITE,
    ),
    rule(
        "iot:AddThingToThingGroup",
        &[
            need("iot:AddThingToThingGroup", On::Thing),
            need("iot:AddThingToThingGroup", On::ThingGroup),
        ],
        "Checked on both.",
    ),
    rule(
        "iot:AttachPolicy",
        &[need("iot:AttachPolicy", On::Certificate)],
        CERTIFICATE,
    ),
    rule(
        "iot:AttachThingPrincipal",
        &[need("iot:AttachThingPrincipal", On::Certificate)],
        CERTIFICATE,
    ),
    rule(
        "iot:CreateCertificateFromCsr",
        &[need("iot:CreateCertificateFromCsr", On::Nothing)],
        ONLY_ANY,
    ),
    rule(
        "iot:CreateKeysAndCertificate",
        &[need("iot:CreateKeysAndCertificate", On::Nothing)],
        ONLY_ANY,
    ),
    rule(
        "iot:CreateThing",
        &[need("iot:CreateThing", On::Thing)],
        SAME,
    ),
    rule(
        "iot:DeleteCertificate",
        &[need("iot:DeleteCertificate", On::Certificate)],
        SAME,
    ),
    rule(
        "iot:DescribeCertificate",
        &[need("iot:DescribeCertificate", On::Certificate)],
        SAME,
    ),
    rule(
        "iot:DescribeEndpoint",
        &[need("iot:DescribeEndpoint", On::Nothing)],
        ONLY_ANY,
    ),
    rule(
        "iot:DetachPolicy",
        &[need("iot:DetachPolicy", On::Certificate)],
        CERTIFICATE,
    ),
    rule(
        "iot:DetachThingPrincipal",
        &[need("iot:DetachThingPrincipal", On::Certificate)],
        CERTIFICATE,
    ),
    rule(
        "iot:ListCertificates",
        &[need("iot:ListCertificates", On::Nothing)],
        ONLY_ANY,
    ),
    rule(
        "iot:UpdateCertificate",
        &[need("iot:UpdateCertificate", On::Certificate)],
        SAME,
    ),
    rule(
        "lambda:Invoke",
        &[need("lambda:InvokeFunction", On::Function)],
        "The action has another name than the call.",
    ),
    rule(
        "s3:DeleteObject",
        &[need("s3:DeleteObject", On::Object)],
        SAME,
    ),
    rule(
        "s3:GetObject",
        &[need("s3:GetObject", On::Object), decrypt("s3")],
        "An object under a key is opened with it (S3, SSE-KMS).",
    ),
    rule(
        "s3:ListObjectsV2",
        &[need("s3:ListBucket", On::Bucket)],
        "The action has another name than the call.",
    ),
    rule(
        "s3:PutObject",
        &[
            need("s3:PutObject", On::Object),
            decrypt("s3"),
            data_key("s3"),
        ],
        PUT,
    ),
    rule(
        "servicequotas:GetServiceQuota",
        &[need("servicequotas:GetServiceQuota", On::Quota)],
        SAME,
    ),
    rule(
        "sqs:ChangeMessageVisibility",
        &[need("sqs:ChangeMessageVisibility", On::Queue)],
        SAME,
    ),
    rule(
        "sqs:ChangeMessageVisibilityBatch",
        &[need("sqs:ChangeMessageVisibility", On::Queue)],
        SENDS,
    ),
    rule(
        "sqs:DeleteMessage",
        &[need("sqs:DeleteMessage", On::Queue)],
        SAME,
    ),
    rule(
        "sqs:GetQueueAttributes",
        &[need("sqs:GetQueueAttributes", On::Queue)],
        SAME,
    ),
    rule(
        "sqs:ReceiveMessage",
        &[need("sqs:ReceiveMessage", On::Queue), decrypt("sqs")],
        "What is received is opened (SQS, key management).",
    ),
    rule(
        "sqs:SendMessage",
        &[
            need("sqs:SendMessage", On::Queue),
            decrypt("sqs"),
            data_key("sqs"),
        ],
        SEND,
    ),
    rule(
        "sqs:SendMessageBatch",
        &[
            need("sqs:SendMessage", On::Queue),
            decrypt("sqs"),
            data_key("sqs"),
        ],
        SENDS,
    ),
    rule(
        "sqs:StartMessageMoveTask",
        &[
            need("sqs:StartMessageMoveTask", On::Queue),
            need("sqs:DeleteMessage", On::Queue),
            need("sqs:GetQueueAttributes", On::Queue),
            need("sqs:ReceiveMessage", On::Queue),
            need("sqs:SendMessage", On::OtherQueue),
            decrypt("sqs"),
            data_key("sqs"),
        ],
        "SQS takes from the one and sends to the other in the caller's name (SQS, redrive permissions).",
    ),
    rule(
        "sts:GetCallerIdentity",
        &[],
        "Needs no right, and no policy can take it away.",
    ),
];

const fn rule(call: &'static str, needs: &'static [Need], why: &'static str) -> Rule {
    Rule { call, needs, why }
}

/// The questions that AWS asks IAM for this call.
pub fn checks(call: &Call, template: &Template) -> Vec<Check> {
    let rule = RULES.iter().find(|rule| rule.call == call.call);
    let rule = rule.unwrap_or_else(|| panic!("{} is not in reference.rs: look it up", call.call));
    let needs = rule.needs.iter();
    needs
        .flat_map(|need| asked(*need, call, template))
        .collect()
}

fn asked(need: Need, call: &Call, template: &Template) -> Vec<Check> {
    let about = |resource: String| {
        with_conditions(Check::new(need.action, resource), need.on, call, template)
    };
    resources(need.on, call, template)
        .into_iter()
        .map(about)
        .collect()
}

fn resources(on: On, call: &Call, template: &Template) -> Vec<String> {
    let there = template.partition();
    let (partition, region) = (there.name, there.region);
    let regional = |service: &str, rest: &str| {
        vec![format!(
            "arn:{partition}:{service}:{region}:{ACCOUNT}:{rest}"
        )]
    };
    let named = || call.on.iter().map(|name| arn(name, template));
    match on {
        On::Tables => match &call.index {
            Some(index) => named()
                .map(|table| format!("{table}/index/{index}"))
                .collect(),
            None => named().collect(),
        },
        On::Queue => vec![arn(&call.on[0], template)],
        On::OtherQueue => vec![arn(&call.on[1], template)],
        On::Bucket | On::Object | On::Function => named().collect(),
        On::Stack => regional("cloudformation", "stack/cvm/1"),
        On::Alarms => regional("cloudwatch", "alarm:*"),
        On::Quota => regional("servicequotas", &format!("{}/L-1", call.on[0])),
        On::Certificate => {
            assert!(
                call.on.is_empty() || call.on == ["cert"],
                "{call}: not a certificate"
            );
            regional("iot", "cert/00")
        }
        On::Thing => regional("iot", "thing/SN-0001"),
        On::ThingGroup => regional("iot", "thinggroup/group"),
        On::Nothing => vec!["*".to_owned()],
        On::Key { .. } => vec![template.key()],
    }
}

/// Of `Bundles/b/*`, the ARN of an object of that kind.
fn arn(name: &str, template: &Template) -> String {
    match name.split_once('/') {
        Some((bucket, key)) => format!("{}/{}", template.arn(bucket), example(key)),
        None => template.arn(name),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others have no condition keys of ours"
)]
fn with_conditions(check: Check, on: On, call: &Call, template: &Template) -> Check {
    let there = template.partition();
    match on {
        On::Tables if !call.keys.is_empty() => {
            let keys: Vec<String> = call.keys.iter().map(|kind| example(kind)).collect();
            check.with("dynamodb:LeadingKeys", &keys)
        }
        On::Bucket => match &call.prefix {
            Some(prefix) => check.with("s3:prefix", &[example(prefix)]),
            None => check,
        },
        On::Key { through } => {
            let host = format!("{through}.{}.{}", there.region, there.suffix);
            check.with("kms:ViaService", &[host])
        }
        _ => check,
    }
}

/// One of a kind: `key#*` is `key#SN-0001`.
fn example(kind: &str) -> String {
    kind.replace('*', "SN-0001")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_one_line_and_they_are_sorted() {
        assert!(RULES.is_sorted_by(|one, next| one.call < next.call));
    }

    /// A line says why, if it is more than the action of the same name.
    #[test]
    fn what_is_not_obvious_has_its_reason() {
        for rule in RULES {
            let is_obvious = rule.needs.len() == 1 && rule.needs[0].action == rule.call;
            assert!(is_obvious || !rule.why.is_empty(), "{}", rule.call);
        }
    }
}
