//! Policies of resources, and who may take on a role or invoke a function.

use std::collections::BTreeSet;

use cvm_privileges::policy::Check;
use cvm_privileges::policy::documents_refuse;
use cvm_privileges::template::PARTITIONS;
use cvm_privileges::template::Template;
use serde_json::Value;
use serde_json::json;

fn everywhere() -> impl Iterator<Item = Template> {
    PARTITIONS.into_iter().map(Template::shipped)
}

fn documents(template: &Template, kind: &str) -> Vec<Value> {
    let policies = template.of_type(kind).into_values();
    policies
        .map(|policy| policy["PolicyDocument"].clone())
        .collect()
}

#[test]
fn lambda_alone_takes_on_the_roles() {
    for template in everywhere() {
        for (name, role) in template.of_type("AWS::IAM::Role") {
            let trust = json!([{
                "Effect": "Allow",
                "Principal": { "Service": "lambda.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }]);
            assert_eq!(
                role["AssumeRolePolicyDocument"]["Statement"], trust,
                "{name}"
            );
        }
    }
}

#[test]
fn each_function_has_a_role_of_its_own() {
    for template in everywhere() {
        let functions = template.of_type("AWS::Serverless::Function");
        let roles: BTreeSet<String> = functions
            .values()
            .map(|function| function["Role"].to_string())
            .collect();
        assert_eq!(roles.len(), functions.len());
        assert_eq!(
            roles.len(),
            template.of_type("AWS::IAM::Role").len(),
            "no role without a function"
        );
        for (name, function) in functions {
            assert!(
                function.get("Policies").is_none(),
                "{name}: rights beside its role's"
            );
        }
    }
}

/// A service may invoke a function for one resource of this stack, not for anybody's.
#[test]
fn who_may_invoke_is_bound_to_a_resource() {
    for template in everywhere() {
        for (name, permission) in template.of_type("AWS::Lambda::Permission") {
            let source = permission["SourceArn"].as_str().unwrap_or_default();
            assert!(
                source.starts_with("arn:")
                    && (source.contains(":cvm-") || source.contains("/cvm-")),
                "{name}: {source:?}"
            );
            assert!(
                permission["Principal"]
                    .as_str()
                    .unwrap()
                    .ends_with(".amazonaws.com"),
                "{name}"
            );
        }
    }
}

#[test]
fn nothing_is_answered_without_tls() {
    for template in everywhere() {
        let policies = [
            documents(&template, "AWS::S3::BucketPolicy"),
            documents(&template, "AWS::SQS::QueuePolicy"),
        ]
        .concat();
        for (resource, action) in [
            (template.arn("Bundles") + "/b/SN-0001/00", "s3:GetObject"),
            (template.arn("Bundles"), "s3:ListBucket"),
            (template.arn("WorkQueue"), "sqs:SendMessage"),
            (template.arn("DeadLetterQueue"), "sqs:ReceiveMessage"),
        ] {
            let secure = Check::new(action, resource);
            assert!(!documents_refuse(&policies, &secure), "{secure:?}");
            let plain = secure.with("aws:SecureTransport", &["false"]);
            assert!(documents_refuse(&policies, &plain), "{plain:?}");
        }
    }
}

/// However long a link was signed for.
#[test]
fn a_link_is_answered_for_two_minutes() {
    for template in everywhere() {
        let policies = documents(&template, "AWS::S3::BucketPolicy");
        let aged = |age: &str| {
            let check = Check::new("s3:GetObject", template.arn("Bundles") + "/b/SN-0001/00");
            documents_refuse(&policies, &check.with("s3:signatureAge", &[age]))
        };
        assert!(!aged("0") && !aged("120000"));
        assert!(aged("120001"));
    }
}
