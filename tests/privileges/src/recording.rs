//! The calls that were made, who made each, and on what: as kinds, without the names of one run.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// The calls that are known. `cargo privileges --write` writes it.
pub const RECORDED: &str = include_str!("../recorded.ndjson");

/// Set where calls are recorded anew: what is new is no failure then.
pub const ANEW: &str = "CVM_RECORD_CALLS_ANEW";

/// The name of users and sessions whose calls are made to be refused, and are not recorded.
pub const REFUSED: &str = "refused";

/// A kind of call.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The role, or the policy of a user, by its name in the template.
    pub by: String,
    /// Service and operation, such as `dynamodb:GetItem`.
    pub call: String,
    /// The template's resources that it names, or the kinds of AWS IoT's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
    /// The index of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// The kinds of partition keys: `*` is a serial number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// The kind of prefix that is listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Whether it was refused for lack of a right. No call that is known was.
    #[serde(default, skip_serializing_if = "is_false")]
    pub denied: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).unwrap())
    }
}

/// Calls, sorted, each once.
pub type Calls = BTreeSet<Call>;

/// The calls that are known.
pub fn recorded() -> Calls {
    parse(RECORDED)
}

/// Reads calls, one a line.
pub fn parse(text: &str) -> Calls {
    let read = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the call {line}"))
    };
    text.lines().map(read).collect()
}

/// Writes calls, one a line.
pub fn text(calls: &Calls) -> String {
    let lines = calls.iter().map(|call| call.to_string() + "\n");
    lines.collect()
}

/// What the resources of one stack are called, by their names in the template.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_physical: BTreeMap<String, String>,
    users: BTreeMap<String, String>,
}

impl Names {
    /// From names in the template and physical ids; of URLs and ARNs the last part counts.
    pub fn new(resources: impl IntoIterator<Item = (String, String)>) -> Self {
        let resources = resources.into_iter();
        let by_physical =
            resources.map(|(logical, physical)| (last(&physical).to_owned(), logical));
        Self {
            by_physical: by_physical.collect(),
            users: BTreeMap::new(),
        }
    }

    /// Calls of the user count as made under this policy.
    #[must_use]
    pub fn with_user(mut self, user: &str, policy: &str) -> Self {
        self.users.insert(user.to_owned(), policy.to_owned());
        self
    }

    /// What one run has written down, with these names put in. A name that is not known stays, and is found to be new.
    pub fn read(&self, lines: &str) -> Calls {
        let calls = parse(lines).into_iter();
        calls
            .filter(|call| !call.by.ends_with(&format!("/{REFUSED}")))
            .map(|call| Call {
                by: self.caller(&call.by),
                on: call.on.iter().map(|name| self.logical(name)).collect(),
                ..call
            })
            .collect()
    }

    /// `arn:aws:sts::N:assumed-role/ROLE/SESSION` or `arn:aws:iam::N:user/NAME`.
    fn caller(&self, arn: &str) -> String {
        let parts: Vec<&str> = arn.split(['/', ':']).collect();
        match parts[..] {
            [.., "assumed-role", role, _] => self.logical(role),
            [.., "user", user] => self
                .users
                .get(user)
                .cloned()
                .unwrap_or_else(|| arn.to_owned()),
            _ => arn.to_owned(),
        }
    }

    /// Of `BUCKET/b/*` the first part alone is a name.
    fn logical(&self, name: &str) -> String {
        let (name, rest) = name.split_at(name.find('/').unwrap_or(name.len()));
        let logical = self.by_physical.get(name).map_or(name, String::as_str);
        format!("{logical}{rest}")
    }
}

fn last(physical: &str) -> &str {
    physical.rsplit(['/', ':']).next().unwrap_or(physical)
}

/// What is wrong with calls that were just made, unless the list is to be made anew.
pub fn failures(made: &Calls) -> Vec<String> {
    let news = news(made);
    if std::env::var_os(ANEW).is_some() {
        Vec::new()
    } else {
        news
    }
}

/// What is not known of calls that were just made, or was refused.
pub fn news(made: &Calls) -> Vec<String> {
    let known = recorded();
    let new = made.iter().filter(|call| !known.contains(call));
    let say = |call: &Call| {
        if call.denied {
            format!("refused: {call}")
        } else {
            format!("not in tests/privileges/recorded.ndjson: {call}")
        }
    };
    new.map(say).collect()
}

/// Calls that are known and were not made.
pub fn missing(made: &Calls) -> Vec<Call> {
    recorded().difference(made).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_run_are_put_into_the_template_s() {
        let names = Names::new([
            (
                "Work".to_owned(),
                "http://localhost:1/000000000000/cvm-Work-1".to_owned(),
            ),
            ("Role".to_owned(), "cvm-Role-2".to_owned()),
            ("Bundles".to_owned(), "cvm-bundles-3".to_owned()),
        ])
        .with_user("operator", "OperatorPolicy");
        let made = names.read(
            r#"{"call":"sqs:SendMessage","on":["cvm-Work-1"],"by":"arn:aws:sts::000000000000:assumed-role/cvm-Role-2/x"}
{"call":"s3:GetObject","on":["cvm-bundles-3/b/*"],"by":"arn:aws:iam::000000000000:user/operator"}
{"call":"s3:GetObject","on":["other/b/*"],"by":"arn:aws:iam::000000000000:user/x","denied":true}
"#,
        );
        assert_eq!(
            text(&made),
            r#"{"by":"OperatorPolicy","call":"s3:GetObject","on":["Bundles/b/*"]}
{"by":"Role","call":"sqs:SendMessage","on":["Work"]}
{"by":"arn:aws:iam::000000000000:user/x","call":"s3:GetObject","on":["other/b/*"],"denied":true}
"#
        );
        let news = news(&made);
        assert_eq!(news.len(), 3);
        assert!(news[2].starts_with("refused: "), "{news:?}");
    }

    #[test]
    fn the_list_is_sorted_and_names_each_call_once() {
        assert_eq!(text(&recorded()), RECORDED);
        assert!(recorded().iter().all(|call| !call.denied));
    }
}
