//! What nobody may do, and what only one may.

use std::collections::BTreeSet;

use cvm_privileges::policy::Check;
use cvm_privileges::policy::Statement;
use cvm_privileges::policy::Statements;
use cvm_privileges::policy::allows;
use cvm_privileges::policy::statements;
use cvm_privileges::template::ACCOUNT;
use cvm_privileges::template::PARTITIONS;
use cvm_privileges::template::Template;

/// Each partition with who may do what in it.
fn everywhere() -> impl Iterator<Item = (Template, Statements)> {
    PARTITIONS.into_iter().map(|partition| {
        let template = Template::shipped(partition);
        let statements = statements(&template);
        (template, statements)
    })
}

fn atoms(statements: &Statements) -> Vec<Statement> {
    let all = statements.values().flatten();
    all.flat_map(Statement::atoms).collect()
}

/// The owners of a right to this.
fn holders<'a>(statements: &'a Statements, check: &Check) -> BTreeSet<&'a str> {
    let all = statements.iter();
    let may = all.filter(|(_, its)| allows(*its, check));
    may.map(|(owner, _)| owner.as_str()).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<&str> {
    BTreeSet::from(names)
}

/// Actions that the reference gives no narrower resource.
const OF_NO_RESOURCE: [&str; 6] = [
    "cloudwatch:GetMetricData",
    "dynamodb:ListStreams",
    "iot:CreateCertificateFromCsr",
    "iot:CreateKeysAndCertificate",
    "iot:DescribeEndpoint",
    "iot:ListCertificates",
];

/// What a resource may end in: of these, the names come with the devices, or from AWS.
const OPEN_ENDS: [&str; 9] = [
    ":alarm:*",
    ":cert/*",
    ":thing/*",
    ":thinggroup/*",
    ":stack/cvm/*",
    "/stream/*",
    "/b/*",
    "/batches/*",
    ":iotcore/*",
];

#[test]
fn no_action_is_open_and_no_resource_more_than_it_must_be() {
    for (_, statements) in everywhere() {
        for atom in atoms(&statements) {
            let (action, resource) = (&*atom.actions[0], &*atom.resources[0]);
            assert!(!action.contains(['*', '?']), "{atom}");
            let closed = OPEN_ENDS.iter().find_map(|end| resource.strip_suffix(end));
            // A log group's ARN ends so by itself.
            let closed = closed.or_else(|| {
                resource
                    .strip_suffix(":*")
                    .filter(|_| action.starts_with("logs:"))
            });
            let closed = closed.unwrap_or(resource);
            let is_open = closed.contains(['*', '?']);
            assert!(
                !is_open || (resource == "*" && OF_NO_RESOURCE.contains(&action)),
                "{atom}"
            );
        }
    }
}

#[test]
fn every_arn_is_of_its_own_partition() {
    for (template, statements) in everywhere() {
        let start = format!("arn:{}:", template.partition().name);
        for atom in atoms(&statements) {
            let resource = &atom.resources[0];
            assert!(resource == "*" || resource.starts_with(&start), "{atom}");
        }
    }
}

/// By name: no pattern hides one, as no action is open.
#[test]
fn nobody_may_do_what_the_machine_never_does() {
    let never = [
        "dynamodb:BatchWriteItem",
        "dynamodb:CreateTable",
        "dynamodb:DeleteItem",
        "dynamodb:DeleteTable",
        "dynamodb:PartiQLDelete",
        "dynamodb:PartiQLSelect",
        "dynamodb:PartiQLUpdate",
        "dynamodb:UpdateTable",
        "iam:PassRole",
        "iot:CreatePolicy",
        "iot:CreatePolicyVersion",
        "iot:DeletePolicy",
        "iot:Publish",
        "iot:RegisterCertificate",
        "iot:RegisterCertificateWithoutCA",
        "iot:TransferCertificate",
        "iot:UpdateThing",
        "kms:CreateGrant",
        "kms:DisableKey",
        "kms:Encrypt",
        "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "s3:DeleteBucket",
        "s3:DeleteObjectVersion",
        "s3:PutBucketPolicy",
        "s3:PutObjectAcl",
        "sqs:DeleteQueue",
        "sqs:PurgeQueue",
        "sqs:SetQueueAttributes",
        "sts:AssumeRole",
    ];
    for (_, statements) in everywhere() {
        for atom in atoms(&statements) {
            assert!(!never.contains(&&*atom.actions[0]), "{atom}");
        }
    }
}

/// The key opens nothing for who asks it directly, or through a service of another region or another kind.
#[test]
fn the_key_is_used_through_the_services_alone() {
    for (template, statements) in everywhere() {
        let there = template.partition();
        for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
            let plain = Check::new(action, template.arn("Key"));
            assert_eq!(holders(&statements, &plain), set([]), "{action}");
            for host in ["lambda", "secretsmanager", "ec2"] {
                let through = format!("{host}.{}.{}", there.region, there.suffix);
                let check = plain.clone().with("kms:ViaService", &[through]);
                assert_eq!(
                    holders(&statements, &check),
                    set([]),
                    "{action} through {host}"
                );
            }
            let elsewhere = plain.with(
                "kms:ViaService",
                &[format!("s3.xx-nowhere-1.{}", there.suffix)],
            );
            assert_eq!(
                holders(&statements, &elsewhere),
                set([]),
                "{action} elsewhere"
            );
            let other = format!(
                "arn:{}:kms:{}:{ACCOUNT}:key/other",
                there.name, there.region
            );
            let other = Check::new(action, other).with(
                "kms:ViaService",
                &[format!("s3.{}.{}", there.region, there.suffix)],
            );
            assert_eq!(
                holders(&statements, &other),
                set([]),
                "{action} with another key"
            );
        }
    }
}

fn iot(template: &Template, action: &str, resource: &str) -> Check {
    let there = template.partition();
    Check::new(
        action,
        format!(
            "arn:{}:iot:{}:{ACCOUNT}:{resource}",
            there.name, there.region
        ),
    )
}

#[test]
fn the_worker_alone_issues_and_binds_and_the_janitor_can_only_take_away() {
    for (template, statements) in everywhere() {
        for action in [
            "iot:CreateCertificateFromCsr",
            "iot:CreateKeysAndCertificate",
        ] {
            assert_eq!(
                holders(&statements, &Check::new(action, "*")),
                set(["WorkerRole"]),
                "{action}"
            );
        }
        for action in ["iot:AttachPolicy", "iot:AttachThingPrincipal"] {
            let check = iot(&template, action, "cert/00");
            assert_eq!(
                holders(&statements, &check),
                set(["WorkerRole"]),
                "{action}"
            );
            for resource in ["thinggroup/group", "policy/admin", "thing/SN-0001"] {
                let check = iot(&template, action, resource);
                assert_eq!(
                    holders(&statements, &check),
                    set([]),
                    "{action} on {resource}"
                );
            }
        }
        let thing = iot(&template, "iot:CreateThing", "thing/SN-0001");
        assert_eq!(holders(&statements, &thing), set(["WorkerRole"]));
        for atom in atoms(&statements)
            .iter()
            .filter(|atom| atom.actions[0].starts_with("iot:"))
        {
            let owner = &*atom.owner;
            assert!(["WorkerRole", "JanitorRole"].contains(&owner), "{atom}");
        }
    }
}

#[test]
fn a_bundle_is_read_by_the_door_that_signs_links_and_by_factories() {
    for (template, statements) in everywhere() {
        let bundle =
            |action| Check::new(action, format!("{}/b/SN-0001/00", template.arn("Bundles")));
        assert_eq!(
            holders(&statements, &bundle("s3:GetObject")),
            set(["FactoryPolicy", "IngestRole"])
        );
        assert_eq!(
            holders(&statements, &bundle("s3:PutObject")),
            set(["WorkerRole"])
        );
        assert_eq!(
            holders(&statements, &bundle("s3:DeleteObject")),
            set(["IngestRole", "JanitorRole", "WorkerRole"])
        );
        // What factories submit is the operators', and nobody may delete it.
        let batch = |action| {
            Check::new(
                action,
                format!("{}/batches/night/rows", template.arn("Bundles")),
            )
        };
        for action in ["s3:GetObject", "s3:PutObject"] {
            assert_eq!(
                holders(&statements, &batch(action)),
                set(["OperatorPolicy"]),
                "{action}"
            );
        }
        assert_eq!(holders(&statements, &batch("s3:DeleteObject")), set([]));
        let list = |prefix: &str| {
            Check::new("s3:ListBucket", template.arn("Bundles")).with("s3:prefix", &[prefix])
        };
        assert_eq!(
            holders(&statements, &list("b/SN-0001/00")),
            set(["WorkerRole"])
        );
        assert_eq!(
            holders(&statements, &list("batches/")),
            set(["OperatorPolicy"])
        );
        assert_eq!(holders(&statements, &list("")), set([]));
        let unsaid = Check::new("s3:ListBucket", template.arn("Bundles"));
        assert_eq!(
            holders(&statements, &unsaid),
            set([]),
            "without a prefix: everything"
        );
    }
}

fn keyed(template: &Template, action: &str, table: &str, key: &str) -> Check {
    Check::new(action, template.arn(table)).with("dynamodb:LeadingKeys", &[key])
}

#[test]
fn who_may_do_what_to_the_tables() {
    for (template, statements) in everywhere() {
        let may = |action: &str, table: &str, key: &str| {
            holders(&statements, &keyed(&template, action, table, key))
        };
        assert_eq!(
            may("dynamodb:UpdateItem", "Devices", "SN-0001"),
            set(["IngestRole", "JanitorRole", "OperatorPolicy", "WorkerRole"])
        );
        assert_eq!(may("dynamodb:PutItem", "Devices", "SN-0001"), set([]));
        assert_eq!(
            may("dynamodb:PartiQLInsert", "Devices", "SN-0001"),
            set(["OperatorPolicy"])
        );
        for table in ["Devices", "Audit", "Guard"] {
            let scan = Check::new("dynamodb:Scan", template.arn(table));
            let allowed = if table == "Guard" {
                set([])
            } else {
                set(["OperatorPolicy"])
            };
            assert_eq!(holders(&statements, &scan), allowed, "{table}");
        }
        // Entries of trails are added and never changed; the count and the minutes are no entries.
        assert_eq!(
            may("dynamodb:PartiQLInsert", "Audit", "SN-0001"),
            set(["LedgerRole"])
        );
        assert_eq!(may("dynamodb:UpdateItem", "Audit", "SN-0001"), set([]));
        assert_eq!(may("dynamodb:UpdateItem", "Audit", "#letters"), set([]));
        assert_eq!(
            may("dynamodb:UpdateItem", "Audit", "#count"),
            set(["LedgerRole", "OperatorPolicy"])
        );
        assert_eq!(
            may("dynamodb:UpdateItem", "Audit", "#minute"),
            set(["LedgerRole"])
        );
        assert_eq!(may("dynamodb:PutItem", "Audit", "SN-0001"), set([]));
        // The guard's secret, its nonces and its keys.
        assert_eq!(
            may("dynamodb:GetItem", "Guard", "secret#nonce"),
            set(["IngestRole"])
        );
        assert_eq!(
            may("dynamodb:PutItem", "Guard", "secret#nonce"),
            set(["IngestRole"])
        );
        assert_eq!(
            may("dynamodb:PutItem", "Guard", "nonce#00"),
            set(["IngestRole"])
        );
        assert_eq!(
            may("dynamodb:PutItem", "Guard", "key#00"),
            set(["IngestRole", "OperatorPolicy"])
        );
        assert_eq!(may("dynamodb:UpdateItem", "Guard", "key#00"), set([]));
    }
}

/// A condition on keys that a request does not name must not hold: `ForAllValues` alone would.
#[test]
fn a_bound_to_keys_binds_a_request_that_names_none() {
    for (template, statements) in everywhere() {
        for atom in atoms(&statements) {
            let bound = atom
                .conditions
                .iter()
                .any(|(_, key, _)| key == "dynamodb:LeadingKeys");
            let check = Check::new(&atom.actions[0], &*atom.resources[0]);
            assert!(
                !bound || !allows([&atom], &check),
                "{atom} in {}",
                template.partition().name
            );
        }
    }
}

#[test]
fn a_mixed_batch_does_not_slip_through() {
    for (template, statements) in everywhere() {
        let mixed = Check::new("dynamodb:PartiQLInsert", template.arn("Audit"));
        let mixed = mixed.with("dynamodb:LeadingKeys", &["#letters", "SN-0001"]);
        assert_eq!(holders(&statements, &mixed), set(["LedgerRole"]));
        let mixed = Check::new("dynamodb:UpdateItem", template.arn("Audit"));
        let mixed = mixed.with("dynamodb:LeadingKeys", &["#count", "SN-0001"]);
        assert_eq!(holders(&statements, &mixed), set([]));
    }
}

#[test]
fn who_may_do_what_to_the_queues() {
    for (template, statements) in everywhere() {
        let may = |action: &str, queue: &str| {
            holders(&statements, &Check::new(action, template.arn(queue)))
        };
        assert_eq!(
            may("sqs:SendMessage", "WorkQueue"),
            set(["IngestRole", "JanitorRole", "OperatorPolicy", "WorkerRole"])
        );
        assert_eq!(
            may("sqs:SendMessage", "DeadLetterQueue"),
            set(["WorkerRole"])
        );
        assert_eq!(may("sqs:ReceiveMessage", "WorkQueue"), set(["WorkerRole"]));
        assert_eq!(may("sqs:DeleteMessage", "WorkQueue"), set(["WorkerRole"]));
        assert_eq!(
            may("sqs:ReceiveMessage", "DeadLetterQueue"),
            set(["OperatorPolicy"])
        );
        assert_eq!(
            may("sqs:DeleteMessage", "DeadLetterQueue"),
            set(["OperatorPolicy"])
        );
    }
}

#[test]
fn an_operator_invokes_the_janitor_and_no_other_function() {
    for (template, statements) in everywhere() {
        for function in template.of_type("AWS::Serverless::Function").keys() {
            let check = Check::new("lambda:InvokeFunction", template.arn(function));
            let allowed = if function == "Janitor" {
                set(["OperatorPolicy"])
            } else {
                set([])
            };
            assert_eq!(holders(&statements, &check), allowed, "{function}");
        }
    }
}
