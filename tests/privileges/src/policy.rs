//! Who has which statements, and what they allow.

use std::collections::BTreeMap;
use std::fmt;

use iam_rs::Arn;
use iam_rs::Context;
use iam_rs::ContextValue;
use iam_rs::Decision;
use iam_rs::IAMPolicy;
use iam_rs::IAMRequest;
use iam_rs::Principal;
use iam_rs::PrincipalId;
use iam_rs::evaluate_policies;
use serde_json::Value;
use serde_json::json;

use crate::template::Template;

/// One question to IAM.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Check {
    /// The action.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// The condition keys of the request.
    pub context: BTreeMap<String, Vec<String>>,
}

/// Keys whose values are lists even where there is one.
const LISTS: [&str; 1] = ["dynamodb:LeadingKeys"];
/// Keys whose values are numbers.
const NUMBERS: [&str; 1] = ["s3:signatureAge"];

/// Policies of roles do not ask who it is.
const CALLER: &str = "arn:aws:iam::123456789012:role/caller";

impl Check {
    /// A question without conditions, over TLS.
    pub fn new(action: &str, resource: impl Into<String>) -> Self {
        let tls = ("aws:SecureTransport".to_owned(), vec!["true".to_owned()]);
        Self {
            action: action.to_owned(),
            resource: resource.into(),
            context: BTreeMap::from([tls]),
        }
    }

    /// With this condition key.
    #[must_use]
    pub fn with(mut self, key: &str, values: &[impl AsRef<str>]) -> Self {
        let values = values.iter().map(|value| value.as_ref().to_owned());
        self.context.insert(key.to_owned(), values.collect());
        self
    }

    fn request(&self) -> IAMRequest {
        let mut context = Context::new();
        for (key, values) in &self.context {
            context.insert(key.clone(), context_value(key, values));
        }
        // What is asked of no resource in particular is asked of any.
        let any = "arn:aws:any:::*";
        let resource = if self.resource == "*" {
            any
        } else {
            &self.resource
        };
        let caller = Principal::Aws(PrincipalId::String(CALLER.to_owned()));
        IAMRequest::new_with_context(
            caller,
            self.action.clone(),
            Arn::parse(resource).unwrap(),
            context,
        )
    }
}

fn context_value(key: &str, values: &[String]) -> ContextValue {
    match values {
        [one] if NUMBERS.contains(&key) => ContextValue::Number(one.parse().unwrap()),
        [one] if !LISTS.contains(&key) => {
            let flag = one.parse().map(ContextValue::Boolean);
            flag.unwrap_or_else(|_| ContextValue::String(one.clone()))
        }
        several => ContextValue::StringList(several.to_vec()),
    }
}

/// A statement, with its lists as lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The role or managed policy that it is of.
    pub owner: String,
    /// Its `Sid`.
    pub sid: String,
    /// Its actions.
    pub actions: Vec<String>,
    /// Its resources.
    pub resources: Vec<String>,
    /// Its conditions as they stand: operator, key, values.
    pub conditions: Vec<(String, String, Vec<String>)>,
}

impl Statement {
    fn read(owner: &str, said: &Value) -> Self {
        assert_eq!(
            said["Effect"], "Allow",
            "{owner}: rights are given here, not taken"
        );
        let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
        for name in said.as_object().unwrap().keys() {
            assert!(
                known.contains(&name.as_str()),
                "{owner}: {name} is not understood here"
            );
        }
        let mut conditions = Vec::new();
        for (operator, keys) in said["Condition"].as_object().into_iter().flatten() {
            for (key, values) in keys.as_object().unwrap() {
                conditions.push((operator.clone(), key.clone(), list(values)));
            }
        }
        Self {
            owner: owner.to_owned(),
            sid: said["Sid"].as_str().unwrap_or_default().to_owned(),
            actions: list(&said["Action"]),
            resources: list(&said["Resource"]),
            conditions,
        }
    }

    /// The policy that says just this.
    fn policy(&self) -> IAMPolicy {
        let mut conditions: BTreeMap<&str, BTreeMap<&str, &[String]>> = BTreeMap::new();
        for (operator, key, values) in &self.conditions {
            conditions.entry(operator).or_default().insert(key, values);
        }
        let mut statement = json!({
            "Sid": self.sid, "Effect": "Allow", "Action": self.actions, "Resource": self.resources,
        });
        if !conditions.is_empty() {
            statement["Condition"] = json!(conditions);
        }
        document(&json!({ "Version": "2012-10-17", "Statement": [statement] }))
    }

    fn speaks_of(&self, action: &str) -> bool {
        let is_it = |said: &String| said == action || said.contains(['*', '?']);
        self.actions.iter().any(is_it)
    }

    /// The statement taken apart: one action, one resource, one value of each condition.
    pub fn atoms(&self) -> Vec<Self> {
        let mut atoms = Vec::new();
        for action in &self.actions {
            for resource in &self.resources {
                let mut conditions = vec![Vec::new()];
                for (operator, key, values) in &self.conditions {
                    let longer = |so_far: &Vec<(String, String, Vec<String>)>, value: &String| {
                        let one = (operator.clone(), key.clone(), vec![value.clone()]);
                        [&so_far[..], &[one]].concat()
                    };
                    let all = conditions.iter();
                    let all = all
                        .flat_map(|so_far| values.iter().map(move |value| longer(so_far, value)));
                    conditions = all.collect();
                }
                atoms.extend(conditions.into_iter().map(|conditions| Self {
                    actions: vec![action.clone()],
                    resources: vec![resource.clone()],
                    conditions,
                    ..self.clone()
                }));
            }
        }
        atoms
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, sid, .. } = self;
        let (actions, resources) = (self.actions.join(", "), self.resources.join(", "));
        write!(f, "{owner}/{sid}: {actions} on {resources}")?;
        for (_, key, values) in &self.conditions {
            write!(f, ", {key} {}", values.join(" or "))?;
        }
        Ok(())
    }
}

/// Whether these statements together allow it.
pub fn allows<'a>(statements: impl IntoIterator<Item = &'a Statement>, check: &Check) -> bool {
    // Most are about something else, and this is asked often.
    let statements = statements
        .into_iter()
        .filter(|statement| statement.speaks_of(&check.action));
    let policies: Vec<IAMPolicy> = statements.map(Statement::policy).collect();
    !policies.is_empty() && is_allowed(&policies, check)
}

/// Whether these documents together allow it, as they stand in the template.
pub fn documents_allow(documents: &[Value], check: &Check) -> bool {
    let policies: Vec<IAMPolicy> = documents.iter().map(document).collect();
    is_allowed(&policies, check)
}

/// Whether one of these documents refuses it outright, whatever others allow.
pub fn documents_refuse(documents: &[Value], check: &Check) -> bool {
    let all = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    });
    let mut policies: Vec<IAMPolicy> = documents.iter().map(document).collect();
    policies.push(document(&all));
    !is_allowed(&policies, check)
}

fn is_allowed(policies: &[IAMPolicy], check: &Check) -> bool {
    let decision = evaluate_policies(policies, &check.request());
    decision.unwrap_or_else(|error| panic!("{check:?}: {error}")) == Decision::Allow
}

fn document(value: &Value) -> IAMPolicy {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error} in {value}"))
}

/// What each role and each managed policy says, by its name in the template.
pub type Statements = BTreeMap<String, Vec<Statement>>;

/// The statements of all roles and managed policies.
pub fn statements(template: &Template) -> Statements {
    let documents = documents(template);
    let read = |(owner, document): (String, Value)| {
        let statements = document["Statement"].as_array().unwrap().iter();
        let statements = statements
            .map(|said| Statement::read(&owner, said))
            .collect();
        (owner, statements)
    };
    documents.into_iter().map(read).collect()
}

/// The policy documents of all roles and managed policies.
pub fn documents(template: &Template) -> BTreeMap<String, Value> {
    let mut documents = BTreeMap::new();
    for (name, role) in template.of_type("AWS::IAM::Role") {
        for other in ["ManagedPolicyArns", "PermissionsBoundary"] {
            assert!(
                role.get(other).is_none(),
                "{name}: {other} is not understood here"
            );
        }
        let policies = role["Policies"].as_array().unwrap();
        assert_eq!(policies.len(), 1, "{name}");
        documents.insert(name, policies[0]["PolicyDocument"].clone());
    }
    for (name, policy) in template.of_type("AWS::IAM::ManagedPolicy") {
        documents.insert(name, policy["PolicyDocument"].clone());
    }
    documents
}

/// The policies that a caller has: a factory has the operators' beside its own.
pub fn held_by(caller: &str) -> Vec<&str> {
    match caller {
        "FactoryPolicy" => vec!["OperatorPolicy", "FactoryPolicy"],
        other => vec![other],
    }
}

fn list(value: &Value) -> Vec<String> {
    let items = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    let text = |item: &Value| {
        item.as_str()
            .map_or_else(|| item.to_string(), str::to_owned)
    };
    items.iter().map(text).collect()
}
