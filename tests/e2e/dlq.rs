//! The real `cvmctl` on the dead letters and the janitor of a site in the emulator.

use std::sync::Arc;
use std::time::Duration;

use cvm_aws::queue::REASON;
use cvm_aws::trails::DynamoTrails;
use cvm_local::iot::call;
use cvm_shared::operate::trails::LETTERS;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails as _;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::state::State;
use cvm_shared::trail::Deed;
use cvm_testkit::sample;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::cvmctl::Answer;
use crate::cvmctl::Key;
use crate::cvmctl::cvmctl_as;
use crate::cvmctl::operator_key;
use crate::lab::Lab;
use crate::lab::until;
use crate::letters::late_letters_do_no_harm;
use crate::messages::order;

/// An operator at a terminal, with the rights of the template's policy and no others.
pub(crate) struct Operator {
    pub(crate) lab: Arc<Lab>,
    key: Key,
}

impl Operator {
    /// Runs a command to its end, with nobody to answer a question.
    pub(crate) async fn runs(&self, args: &[&str]) -> Answer {
        let args = [args, &["--output", "json"]].concat();
        let answer = cvmctl_as(&self.lab, &self.key, &args).await;
        assert!(!answer.out.contains("CERTIFICATE REQUEST"), "{answer:?}");
        answer
    }

    /// The reasons of all dead letters, with how many there are of each.
    pub(crate) async fn reasons(&self) -> Vec<(String, u64)> {
        let listed = self.runs(&["dlq", "list"]).await;
        assert_eq!(listed.code, 0, "{listed:?}");
        let rows = listed.objects();
        let pair = |row: &Value| {
            let reason = row["reason"].as_str().unwrap().to_owned();
            (reason, row["letters"].as_u64().unwrap())
        };
        rows.iter().map(pair).collect()
    }

    /// What was noted of letters whose devices have no row.
    async fn notes(&self) -> Vec<Placed> {
        let table = self.lab.site.outputs.audit_table.clone();
        let trails = DynamoTrails::new(self.lab.dynamodb.clone(), table);
        let mut all = trails.page(None).await.unwrap().entries;
        all.retain(|entry| entry.facts["productid"] == LETTERS);
        all
    }

    /// Puts a letter into the dead letters as a worker would.
    pub(crate) async fn park(&self, body: &str, reason: &str) {
        let attribute = aws_sdk_sqs::types::MessageAttributeValue::builder()
            .data_type("String")
            .string_value(reason)
            .build()
            .unwrap();
        let url = &self.lab.site.outputs.dead_letter_queue_url;
        let call = self
            .lab
            .sqs
            .send_message()
            .queue_url(url)
            .message_body(body);
        let call = call.message_attributes(REASON, attribute);
        call.send().await.unwrap();
    }
}

fn csr_of(serial: &str) -> KeySource {
    let csr = cvm_shared::csr::Csr::parse(&sample::csr_pem_of(serial)).unwrap();
    KeySource::Device(csr)
}

pub(crate) async fn an_operator_works_dead_letters_off() {
    let lab = Arc::new(Lab::start().await);
    let operator = Operator {
        key: operator_key(&lab).await,
        lab: lab.clone(),
    };
    let (device, body) = parked_for_its_policy(&operator).await;
    a_list_joins_the_records_and_gives_the_letters_back(&operator, &body).await;
    one_letter_is_shown_without_its_text(&operator).await;
    a_dry_run_changes_nothing(&operator, &body).await;
    a_letter_is_replayed_once_its_cause_is_mended(&operator, &device, &body).await;
    a_letter_of_a_vended_device_is_dropped(&operator, &body).await;
    two_letters_of_one_order_make_one_certificate(&operator).await;
    poison_is_left_and_dropped(&operator).await;
    what_sqs_refuses_is_said(&operator).await;
    the_janitor_is_sent(&operator).await;
    late_letters_do_no_harm(&operator).await;
    drop(operator);
    Lab::stop(lab).await;
}

/// A device whose policy does not exist, and a message that is no order: both end in the dead letters.
async fn parked_for_its_policy(operator: &Operator) -> (Record, String) {
    let lab = &operator.lab;
    let mut device = lab.device("E2E-mend");
    device.binding.policy = sample::policy("made-later");
    lab.put(&device).await;
    let body = order(&device, csr_of("E2E-mend"));
    lab.enqueue(&body).await;
    lab.enqueue("poison").await;
    lab.dead_letter(&body).await;
    lab.dead_letter("poison").await;
    (device, body)
}

async fn a_list_joins_the_records_and_gives_the_letters_back(operator: &Operator, body: &str) {
    let listed = operator.runs(&["dlq", "list"]).await;
    assert_eq!((listed.code, listed.err.as_str()), (0, ""), "{listed:?}");
    let parked = listed.object("reason", "policy_missing");
    assert_eq!(parked["letters"], 1, "{parked}");
    assert_eq!(parked["devices"], json!({ "Failed": 1 }));
    assert_eq!(parked["replay"], json!({ "send": 1 }));
    assert!(parked["oldest"].is_string(), "{parked}");
    let poison = listed.object("reason", "unreadable");
    assert_eq!(poison["devices"], json!({ "none": 1 }));
    assert_eq!(poison["replay"], json!({ "leave": 1 }));
    // At once, although each look hides what it takes.
    let each = operator.runs(&["dlq", "list", "--each"]).await;
    let letter = each.object("productid", "E2E-mend");
    assert_eq!(letter["state"], "Failed", "{letter}");
    assert_eq!(letter["failure"], "policy_missing");
    assert_eq!(letter["replay"], "send");
    assert!(letter["receives"].as_u64() > Some(0), "{letter}");
    let poison = each.object("reason", "unreadable");
    assert_eq!(poison["replay"], "leave: unreadable");
    assert_eq!(poison["productid"], Value::Null);
    let few = operator
        .runs(&["dlq", "list", "--each", "--code", "unreadable"])
        .await;
    assert_eq!(few.objects().len(), 1, "{few:?}");
    operator.lab.dead_letter(body).await;
}

async fn one_letter_is_shown_without_its_text(operator: &Operator) {
    let each = operator.runs(&["dlq", "list", "--each"]).await;
    let letter = each.object("productid", "E2E-mend");
    let id = letter["messageId"].as_str().unwrap();
    let shown = operator.runs(&["dlq", "show", id]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    let told: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(told["letter"]["requestId"], letter["requestId"], "{told}");
    assert_eq!(told["letter"]["mode"], "csr");
    assert_eq!(told["letter"]["attributes"][REASON], "policy_missing");
    assert_eq!(told["device"]["policyName"], "made-later");
    let unknown = operator.runs(&["dlq", "show", "no-such-id"]).await;
    assert_eq!(unknown.code, 1, "{unknown:?}");
}

async fn a_dry_run_changes_nothing(operator: &Operator, body: &str) {
    let before = operator.lab.row("E2E-mend").await;
    let dry = operator
        .runs(&["dlq", "replay", "--all", "--dry-run"])
        .await;
    assert_eq!(dry.code, 1, "the poison would be left: {dry:?}");
    assert_eq!(dry.object("productid", "E2E-mend")["result"], "would send");
    let expected = json!({ "sent": 1, "dropped": 0, "left": 1, "failed": 0 });
    assert_eq!(dry.summary(), expected);
    let dry = operator.runs(&["dlq", "drop", "--all", "--dry-run"]).await;
    assert_eq!((dry.code, &dry.summary()["dropped"]), (0, &json!(2)));
    assert_eq!(operator.lab.row("E2E-mend").await, before);
    operator.lab.dead_letter(body).await;
    operator.lab.dead_letter("poison").await;
    // Nor does a run that nobody consents to.
    let asked = operator.runs(&["dlq", "replay", "--all"]).await;
    assert_eq!(asked.code, 2, "{asked:?}");
    assert_eq!(operator.lab.row("E2E-mend").await, before);
}

async fn a_letter_is_replayed_once_its_cause_is_mended(
    operator: &Operator,
    device: &Record,
    body: &str,
) {
    let lab = &operator.lab;
    let failed = lab.row("E2E-mend").await;
    let document = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "iot:Connect", "Resource": "*" }
    ] });
    let policy = json!({ "policyDocument": document.to_string() });
    let name = device.binding.policy.name().unwrap();
    let path = format!("/policies/{name}");
    call(lab.site.emulator.endpoint(), Method::POST, &path, &policy)
        .await
        .unwrap();
    let args = ["dlq", "replay", "--code", "policy_missing", "--yes"];
    let sent = operator.runs(&args).await;
    assert_eq!(sent.code, 0, "{sent:?}");
    assert_eq!(sent.object("productid", "E2E-mend")["result"], "sent");
    let row = lab.vended("E2E-mend", Duration::from_mins(1)).await;
    assert_eq!(
        row.state.issued(),
        failed.state.issued(),
        "the committed certificate is resumed"
    );
    lab.assert_one_certificate("E2E-mend").await;
    assert_eq!(operator.reasons().await, [("unreadable".to_owned(), 1)]);
    // A second run finds nothing to do.
    let again = operator.runs(&args).await;
    assert_eq!((again.code, &again.summary()["sent"]), (0, &json!(0)));
    assert_eq!(lab.row("E2E-mend").await, row, "{body}");
}

async fn a_letter_of_a_vended_device_is_dropped(operator: &Operator, body: &str) {
    let lab = &operator.lab;
    let before = lab.row("E2E-mend").await;
    operator.park(body, "policy_missing").await;
    let args = ["--serial", "E2E-mend", "--yes", "--reason", "a late copy"];
    let dropped = operator
        .runs(&[&["dlq", "replay"], &args[..]].concat())
        .await;
    assert_eq!(dropped.code, 0, "{dropped:?}");
    let line = dropped.object("productid", "E2E-mend");
    assert_eq!(line["result"], "dropped: already vended");
    let row = lab.row("E2E-mend").await;
    assert_eq!(row.state, before.state);
    let trail = row.trail.unwrap();
    assert_eq!(trail.deed, Deed::Discard);
    assert_eq!(trail.hand.reason.unwrap().as_str(), "a late copy");
    let author = trail.hand.author.as_str();
    assert!(author.ends_with(":user/operator"), "{author}");
}

/// Both are sent, for each may be the only one: the second copy of an order is none.
async fn two_letters_of_one_order_make_one_certificate(operator: &Operator) {
    let lab = &operator.lab;
    let device = lab.device("E2E-copies");
    lab.put(&device).await;
    let body = order(&device, KeySource::Service);
    for _ in 0..2 {
        operator.park(&body, "unavailable").await;
    }
    let sent = operator
        .runs(&["dlq", "replay", "--serial", "E2E-copies", "--yes"])
        .await;
    assert_eq!(
        (sent.code, &sent.summary()["left"]),
        (0, &json!(0)),
        "{sent:?}"
    );
    assert_eq!(sent.summary()["sent"], 2, "{sent:?}");
    lab.vended("E2E-copies", Duration::from_mins(1)).await;
    let (sdk, url) = (lab.site.emulator.sdk(), &lab.site.outputs.queue_url);
    let empty = until(Duration::from_mins(2), async || {
        let depth = cvm_local::watch::queue_depth(&sdk, url).await.unwrap();
        (depth == 0).then_some(())
    });
    assert!(empty.await.is_some(), "the copies were never done with");
    lab.assert_one_certificate("E2E-copies").await;
    let row = lab.row("E2E-copies").await;
    assert!(matches!(row.state, State::Vended { .. }), "{row:?}");
}

async fn poison_is_left_and_dropped(operator: &Operator) {
    let stranger = order(&sample::device("E2E-gone"), KeySource::Service);
    operator.park(&stranger, "unknown_device").await;
    let left = operator.runs(&["dlq", "replay", "--all", "--yes"]).await;
    assert_eq!(left.code, 1, "{left:?}");
    let poison = left.object("reason", "unreadable");
    assert_eq!(poison["result"], "left: unreadable");
    let unknown = left.object("productid", "E2E-gone");
    assert_eq!(unknown["result"], "left: unknown device");
    let drop = ["dlq", "drop", "--all", "--yes"];
    assert_eq!(operator.runs(&drop).await.code, 2, "it says no why");
    let gone = operator
        .runs(&[&drop[..], &["--reason", "junk"]].concat())
        .await;
    assert_eq!(gone.code, 0, "{gone:?}");
    assert_eq!(gone.summary()["dropped"], 2, "{gone:?}");
    let notes = operator.notes().await;
    assert_eq!(notes.len(), 2, "{notes:?}");
    let why = |note: &Placed| note.facts["reason"] == "junk" && note.facts["deed"] == "discard";
    assert!(notes.iter().all(why), "{notes:?}");
    assert_eq!(operator.reasons().await, []);
}

/// The emulator knows no move tasks, and nothing is lost by asking.
async fn what_sqs_refuses_is_said(operator: &Operator) {
    operator.park("poison", "unreadable").await;
    let refused = operator.runs(&["dlq", "replay", "--native", "--yes"]).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.err.contains("without --native"), "{refused:?}");
    assert_eq!(operator.reasons().await, [("unreadable".to_owned(), 1)]);
}

async fn the_janitor_is_sent(operator: &Operator) {
    let report = operator.runs(&["sweep", "--report"]).await;
    assert_eq!(report.code, 0, "{report:?}");
    assert_eq!(report.objects()[0]["reportOnly"], true, "{report:?}");
    let asked = operator.runs(&["sweep"]).await;
    assert_eq!(asked.code, 2, "{asked:?}");
    let swept = operator.runs(&["sweep", "--yes"]).await;
    assert_eq!(swept.code, 0, "{swept:?}");
    let told = &swept.objects()[0];
    assert_eq!(
        (&told["reportOnly"], &told["complete"]),
        (&json!(false), &json!(true))
    );
}
