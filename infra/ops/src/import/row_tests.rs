//! Rows: what a good one becomes, and how each kind of bad one is refused.

use cvm_shared::record::Record;

use super::*;

const SECRET_TEXT: &str = "hunter2-Xq9v%T4mWz7kRb";
const NAME: &str = "may only hold the characters a-z A-Z 0-9 : _ -";

fn columns() -> Columns {
    named("productid,secret,thingName,policyName,thingType,thingGroup,attributes")
}

fn named(names: &str) -> Columns {
    let header: Vec<_> = names.split(',').collect();
    Columns::parse(&ByteRecord::from(header)).unwrap()
}

fn read(fields: [&str; 7]) -> Result<Record, Reason> {
    draft(&columns(), &fields, &Login::default())
}

fn draft(columns: &Columns, fields: &[&str], login: &Login<'_>) -> Result<Record, Reason> {
    let fields = ByteRecord::from(fields);
    let row = Row::new(columns, &fields)?;
    let draft = row.draft(row.serial()?, &Options::default(), login)?;
    Ok(draft.offer().record)
}

#[test]
fn a_full_row_is_a_registered_device_that_its_secret_opens() {
    let record = read([
        "00:1A:2b",
        SECRET_TEXT,
        "thing-1",
        "fleet",
        "meter",
        "hall",
        "site=h7;rev=a=b",
    ])
    .unwrap();
    let token = DeviceToken::parse(SECRET_TEXT).unwrap();
    assert!(record.verifier.accepts(&record.serial, &token));
    assert_eq!(record.state.name(), "Registered");
    assert_eq!(record.binding.thing.as_str(), "thing-1");
    let names = (record.binding.thing_type, record.binding.thing_group);
    assert_eq!(names.0.unwrap().as_str(), "meter");
    assert_eq!(names.1.unwrap().as_str(), "hall");
    let pairs: Vec<_> = record.binding.attributes.iter().collect();
    assert_eq!(pairs.len(), 2);
    assert_eq!(pairs[0].1.as_str(), "a=b");
}

#[test]
fn an_empty_thing_is_named_after_the_serial() {
    let record = read(["SN-1", SECRET_TEXT, "", "fleet", "", "", ""]).unwrap();
    assert_eq!(record.binding.thing.as_str(), "SN-1");
    assert_eq!(record.binding.thing_type, None);
    assert!(record.binding.attributes.is_empty());
}

#[test]
fn an_empty_policy_is_the_default_one() {
    let (columns, fields) = (
        columns(),
        ByteRecord::from(&["SN-1", SECRET_TEXT, "", "", "", "", ""][..]),
    );
    let row = Row::new(&columns, &fields).unwrap();
    let options = Options {
        default_policy: Some(PolicyFrom::Certificate(PolicyName::parse("fleet").unwrap())),
        ..Options::default()
    };
    let serial = row.serial().unwrap();
    let draft = row.draft(serial, &options, &Login::default()).unwrap();
    assert_eq!(draft.binding.policy.name().unwrap().as_str(), "fleet");
}

fn refusal(fields: [&str; 7]) -> String {
    let refusal = read(fields).unwrap_err().to_string();
    assert!(!refusal.contains("hunter2"), "{refusal}");
    refusal
}

#[test]
fn a_bad_serial_is_refused() {
    let of = |serial| refusal([serial, SECRET_TEXT, "", "p", "", "", ""]);
    assert_eq!(of(""), "productid: must have 1 to 128 characters");
    assert_eq!(of("a b"), format!("productid: {NAME}"));
}

#[test]
fn a_bad_secret_is_refused_and_not_repeated() {
    let of = |secret| refusal(["a", secret, "", "p", "", "", ""]);
    let weak = "secret: too weak, must have 112 bits and has at most";
    assert_eq!(of("hunter2-hunter2"), format!("{weak} 68"));
    assert_eq!(of("839201746582"), format!("{weak} 39"));
    let spaced = of("hunter2 hunter2 hunter2");
    assert!(spaced.starts_with("secret: may only hold"), "{spaced}");
    let long = "secret: must have 1 to 512 characters";
    assert_eq!(of(""), long);
    assert_eq!(of(&"x".repeat(513)), long);
}

#[test]
fn bad_names_are_refused_by_their_column() {
    let of =
        |thing, policy, kind, group| refusal(["a", SECRET_TEXT, thing, policy, kind, group, ""]);
    assert_eq!(of("a/b", "p", "", ""), format!("thingName: {NAME}"));
    assert_eq!(of("", "p", "a b", ""), format!("thingType: {NAME}"));
    assert_eq!(of("", "p", "", "a b"), format!("thingGroup: {NAME}"));
    let policy = "policyName: may only hold the characters a-z A-Z 0-9 _ + = , . @ -";
    assert_eq!(of("", "a:b", "", ""), policy);
    let empty = "policyName: is empty, and no default policy was given";
    assert_eq!(of("", "", "", ""), empty);
}

#[test]
fn bad_attributes_are_refused() {
    let of = |text| refusal(["a", SECRET_TEXT, "", "p", "", "", text]);
    assert_eq!(of("site"), "attributes: must be name=value;name=value");
    assert_eq!(of("a=1;"), "attributes: must be name=value;name=value");
    assert_eq!(of("a=1;a=2"), "attributes: names one attribute twice");
    assert_eq!(
        of("a=1;b=2;c=3;d=4"),
        "attributes: may be at most 3 (50 with a Thing type, 3 without)"
    );
}

#[test]
fn a_row_of_another_length_or_encoding_is_refused() {
    let columns = columns();
    let short = ByteRecord::from(&["a", "b"][..]);
    let refusal = Row::new(&columns, &short).unwrap_err().to_string();
    assert_eq!(refusal, "has 2 fields where the header has 7");
    let bytes: [&[u8]; 7] = [b"a", b"\xff\xfe", b"", b"p", b"", b"", b""];
    let crooked = ByteRecord::from(&bytes[..]);
    let row = Row::new(&columns, &crooked).unwrap();
    let serial = row.serial().unwrap();
    let refusal = row.draft(serial, &Options::default(), &Login::default());
    assert_eq!(refusal.unwrap_err().to_string(), "secret: is not UTF-8");
}

#[test]
fn a_row_says_how_its_device_logs_in_or_the_default_does() {
    let (with, without) = (
        named("productid,secret,thingName,policyName,auth"),
        named("productid,secret,thingName,policyName"),
    );
    for (default_auth, bound_by_default) in [(Auth::Any, false), (Auth::Proof, true)] {
        let login = Login {
            default_auth,
            ..Login::default()
        };
        let bound = |columns, fields: &[&str]| draft(columns, fields, &login).unwrap().proof_only;
        let row = ["SN-1", SECRET_TEXT, "", "p"];
        assert_eq!(bound(&without, &row), bound_by_default);
        for (auth, expected) in [("", bound_by_default), ("any", false), ("proof", true)] {
            let row = ["SN-1", SECRET_TEXT, "", "p", auth];
            assert_eq!(bound(&with, &row), expected, "{auth}");
        }
    }
    let row = ["SN-1", SECRET_TEXT, "", "p", "token"];
    let refusal = draft(&with, &row, &Login::default()).unwrap_err();
    assert_eq!(refusal.to_string(), "auth: must be proof, any or empty");
}

const LEAN: &str = "productid,secret,thingName,policyName,thingGroup,policyFrom,thingMade";

/// The binding of a row of a lean import.
fn lean(options: &Options, policy: &str, cells: [&str; 3]) -> Result<Binding, String> {
    let [group, from, made] = cells;
    let cells = ["SN-1", SECRET_TEXT, "", policy, group, from, made];
    let (columns, fields) = (named(LEAN), ByteRecord::from(&cells[..]));
    let row = Row::new(&columns, &fields).unwrap();
    let draft = row.draft(row.serial().unwrap(), options, &Login::default());
    draft
        .map(|draft| draft.binding)
        .map_err(|reason| reason.to_string())
}

#[test]
fn a_row_may_have_its_policy_from_a_group_and_its_thing_made_already() {
    let none = Options::default();
    for (cells, made) in [
        (["fleet", "group", ""], false),
        (["fleet", "group", "no"], false),
        (["fleet", "group", "yes"], true),
        (["", "group", "yes"], true),
    ] {
        let binding = lean(&none, "", cells).unwrap();
        assert_eq!(
            (binding.policy, binding.thing_made),
            (PolicyFrom::Group, made)
        );
    }
    let binding = lean(&none, "p", ["", "", "yes"]).unwrap();
    assert_eq!(binding.policy.name().unwrap().as_str(), "p");
    assert!(binding.thing_made);
}

#[test]
fn what_a_row_does_not_say_of_thing_and_policy_the_import_says() {
    let options = Options {
        default_policy: Some(PolicyFrom::Group),
        things_made: true,
        hand: None,
    };
    let binding = lean(&options, "", [""; 3]).unwrap();
    assert_eq!(
        (binding.policy, binding.thing_made),
        (PolicyFrom::Group, true)
    );
    let binding = lean(&options, "p", ["", "", "no"]).unwrap();
    assert_eq!(binding.policy.name().unwrap().as_str(), "p");
    assert!(!binding.thing_made);
}

#[test]
fn contradictions_about_thing_and_policy_are_refused_by_their_column() {
    let of = |policy, cells| lean(&Options::default(), policy, cells).unwrap_err();
    assert_eq!(
        of("p", ["g", "group", ""]),
        format!("policyFrom: {TWO_POLICIES}")
    );
    assert_eq!(of("", ["", "group", ""]), format!("thingGroup: {NO_GROUP}"));
    assert_eq!(of("", ["g", "", "yes"]), format!("policyName: {NO_POLICY}"));
    let words = (of("p", ["", "Group", ""]), of("p", ["", "", "true"]));
    assert_eq!(words.0, "policyFrom: must be group or empty");
    assert_eq!(words.1, "thingMade: must be yes, no or empty");
}
