//! The emulator enforces the policies: a role is refused what is not its own.

use std::fmt::Debug;
use std::sync::Arc;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::BatchStatementRequest;
use cvm_privileges::recording::REFUSED;

use crate::lab::Lab;

fn assert_refused<T: Debug, E: ProvideErrorMetadata + Debug>(answer: Result<T, E>) {
    let error = answer.unwrap_err();
    let code = error.code().unwrap_or_default();
    assert!(code.starts_with("AccessDenied"), "{error:?}");
}

pub(crate) async fn a_role_is_refused_what_is_not_its_own(lab: Arc<Lab>) {
    the_tables_are_kept(&lab).await;
    let outputs = &lab.site.outputs;
    let key = "b/SN-0001/00";
    let worker = aws_sdk_s3::Client::new(&lab.sdk_as("WorkerRole", REFUSED).await);
    assert_refused(
        worker
            .get_object()
            .bucket(&outputs.bucket)
            .key(key)
            .send()
            .await,
    );
    let ingest = lab.sdk_as("IngestRole", REFUSED).await;
    let bucket = aws_sdk_s3::Client::new(&ingest);
    assert_refused(
        bucket
            .put_object()
            .bucket(&outputs.bucket)
            .key(key)
            .send()
            .await,
    );
    assert_refused(
        bucket
            .list_objects_v2()
            .bucket(&outputs.bucket)
            .send()
            .await,
    );
    let queue = aws_sdk_sqs::Client::new(&ingest);
    assert_refused(
        queue
            .receive_message()
            .queue_url(&outputs.queue_url)
            .send()
            .await,
    );
    let dead = queue
        .send_message()
        .queue_url(&outputs.dead_letter_queue_url);
    assert_refused(dead.message_body("x").send().await);
}

/// Entries of trails are not changed, and only some keys may be written at all.
async fn the_tables_are_kept(lab: &Lab) {
    let outputs = &lab.site.outputs;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let ledger = aws_sdk_dynamodb::Client::new(&lab.sdk_as("LedgerRole", REFUSED).await);
    let change = ledger.update_item().table_name(&outputs.audit_table);
    let change = change.key("productid", text("SN-0001"));
    assert_refused(change.key("place", text("0")).send().await);
    let statement = format!(
        "UPDATE \"{}\" SET x = 1 WHERE productid = 'SN-0001'",
        outputs.audit_table
    );
    let statement = BatchStatementRequest::builder().statement(statement);
    let batch = ledger
        .batch_execute_statement()
        .statements(statement.build().unwrap());
    assert_refused(batch.send().await);
    let janitor = aws_sdk_dynamodb::Client::new(&lab.sdk_as("JanitorRole", REFUSED).await);
    assert_refused(janitor.scan().table_name(&outputs.table).send().await);
    let other = janitor
        .query()
        .table_name(&outputs.table)
        .index_name("other");
    let other = other.key_condition_expression("x = :x");
    assert_refused(
        other
            .expression_attribute_values(":x", text("x"))
            .send()
            .await,
    );
}
