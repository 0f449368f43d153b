//! The stack's end and what comes after it: what devices live by is kept, and taken over.

use std::time::Duration;

use cvm_local::iot::call;
use cvm_local::site::STACK;
use cvm_local::stack;
use cvm_local::stack::Parameters;
use cvm_local::takeover::take_over;
use cvm_shared::ports::Registry as _;
use cvm_shared::state::State;
use cvm_testkit::sample;
use reqwest::Method;
use serde_json::Value;

use crate::lab::Lab;
use crate::record;

const TABLE: &str = "fleet";
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn the_end_of_the_stack_loses_no_device() {
    let mut lab = Lab::with(&[("TableName", TABLE), ("IotCallsPerSecond", "50")]).await;
    vend(&lab, "E2E-before").await;
    let key = lab.site.outputs.key_arn.clone();
    delete(&lab).await;
    what_devices_live_by_is_kept(&lab).await;
    a_name_that_is_taken_is_refused(&lab).await;
    a_new_beginning_under_the_same_name_works(&mut lab).await;
    delete(&lab).await;
    the_tables_are_taken_over(&mut lab, &key).await;
    Lab::stop(std::sync::Arc::new(lab)).await;
}

async fn vend(lab: &Lab, serial: &str) {
    lab.put(&lab.device(serial)).await;
    let csr = sample::csr_pem_of(serial);
    let answer = lab.submit(serial, sample::TOKEN, Some(&csr)).await;
    answer.error_for_status().unwrap();
    lab.vended(serial, PATIENCE).await;
}

async fn delete(lab: &Lab) {
    record::before_deletion(lab).await;
    stack::delete(&lab.site.emulator, STACK).await.unwrap();
}

async fn create(lab: &Lab, parameters: &[(&str, &str)]) -> Result<(), String> {
    let parameters = named(parameters);
    let created = stack::create(&lab.site.emulator, STACK, &parameters).await;
    created.map(drop).map_err(|error| error.to_string())
}

fn named(parameters: &[(&str, &str)]) -> Parameters {
    let parameters = parameters.iter();
    parameters
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The row of a device, its bundle, its policy; no queue, for nobody works on it.
async fn what_devices_live_by_is_kept(lab: &Lab) {
    let outputs = &lab.site.outputs;
    let row = lab.row("E2E-before").await;
    assert!(matches!(row.state, State::Vended { .. }), "{row:?}");
    for table in [&outputs.table, &outputs.guard_table, &outputs.audit_table] {
        // Kept, and not to be deleted by hand either.
        let deleted = lab.dynamodb.delete_table().table_name(table).send().await;
        let refusal = deleted.unwrap_err().into_service_error();
        assert!(
            refusal.to_string().contains("ValidationException"),
            "{refusal}"
        );
    }
    let kept = lab
        .s3
        .list_objects_v2()
        .bucket(&outputs.bucket)
        .send()
        .await;
    assert_eq!(kept.unwrap().contents().len(), 1, "its bundle");
    let policy = format!("/policies/{}", outputs.device_policy);
    let endpoint = lab.site.emulator.endpoint();
    let kept = call(endpoint, Method::GET, &policy, &Value::Null).await;
    kept.unwrap();
    let queue = lab.sqs.get_queue_attributes().queue_url(&outputs.queue_url);
    queue.send().await.unwrap_err();
}

async fn a_name_that_is_taken_is_refused(lab: &Lab) {
    let refusal = create(lab, &[("TableName", TABLE)]).await.unwrap_err();
    assert!(refusal.contains("already exists"), "{refusal}");
    delete(lab).await;
    let row = lab.row("E2E-before").await;
    assert!(matches!(row.state, State::Vended { .. }), "{row:?}");
}

async fn a_new_beginning_under_the_same_name_works(lab: &mut Lab) {
    let before = lab.site.outputs.table.clone();
    let fresh = stack::create(&lab.site.emulator, STACK, &named(&[])).await;
    lab.site.outputs = fresh.unwrap();
    assert_ne!(lab.site.outputs.table, before);
    let old = lab.registry().load(&sample::serial("E2E-before")).await;
    assert_eq!(old.unwrap(), None);
    vend(lab, "E2E-fresh").await;
}

/// A device of the first stack goes on with the third.
async fn the_tables_are_taken_over(lab: &mut Lab, key: &str) {
    let parameters = named(&[("TableName", TABLE), ("ExistingKeyArn", key)]);
    let taken = take_over(&lab.site.emulator, STACK, TABLE, &parameters).await;
    lab.site.outputs = taken.unwrap();
    assert_eq!(
        (&*lab.site.outputs.table, &*lab.site.outputs.key_arn),
        (TABLE, key)
    );
    let row = lab.row("E2E-before").await;
    assert!(matches!(row.state, State::Vended { .. }), "{row:?}");
    vend(lab, "E2E-after").await;
}
