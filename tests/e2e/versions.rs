//! A neighbour of a later version, at work on the same rows and the same queue.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cvm_aws::item::KEY;
use cvm_aws::item::to_item;
use cvm_shared::request::KeySource;
use cvm_testkit::sample;

use crate::lab::Lab;
use crate::messages::order;

const LATER: &str = "laterColumn";

/// What a later version adds is let through and left alone, by the door, the worker and whoever confirms.
pub(crate) async fn what_a_later_version_adds_outlives_our_writes(lab: Arc<Lab>) {
    let from_the_door = "E2E-later-door";
    put_with_a_later_column(&lab, from_the_door).await;
    let csr = sample::csr_pem_of(from_the_door);
    let answer = lab.submit(from_the_door, sample::TOKEN, Some(&csr)).await;
    answer.error_for_status().unwrap();

    let from_the_queue = "E2E-later-queue";
    put_with_a_later_column(&lab, from_the_queue).await;
    let text = order(&lab.device(from_the_queue), KeySource::Service);
    let mut later: serde_json::Value = serde_json::from_str(&text).unwrap();
    later["laterField"] = serde_json::json!({ "of": "version 0.2" });
    lab.enqueue(&later.to_string()).await;

    for serial in [from_the_door, from_the_queue] {
        let row = lab.vended(serial, Duration::from_mins(1)).await;
        assert!(row.revision > 3, "{row:?}");
        assert_eq!(later_column(&lab, serial).await, Some(later_value()));
        lab.assert_one_certificate(serial).await;
    }
}

fn later_value() -> AttributeValue {
    AttributeValue::L(vec![AttributeValue::N("2".to_owned())])
}

async fn put_with_a_later_column(lab: &Lab, serial: &str) {
    let mut item = to_item(&lab.device(serial));
    item.insert(LATER.to_owned(), later_value());
    let put = lab.dynamodb.put_item().set_item(Some(item));
    let put = put.table_name(&lab.site.outputs.table);
    put.send().await.unwrap();
}

async fn later_column(lab: &Lab, serial: &str) -> Option<AttributeValue> {
    let get = lab.dynamodb.get_item().table_name(&lab.site.outputs.table);
    let get = get.key(KEY, AttributeValue::S(serial.to_owned()));
    let row = get.consistent_read(true).send().await.unwrap();
    row.item?.remove(LATER)
}
