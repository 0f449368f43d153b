//! DynamoDB as its users know it: conditions, the item in the way, and indexes page by page.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod lab;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnValue;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use aws_sdk_dynamodb::types::Select;
use cvm_standin::Account;
use serde_json::json;

use crate::lab::Lab;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

#[tokio::test]
async fn a_put_on_condition_never_overwrites() {
    let lab = Lab::start().await;
    let client = Client::new(&lab.sdk);
    let put = async |value| {
        let call = client
            .put_item()
            .table_name(Account::TABLE)
            .item("productid", text("a"));
        let call = call
            .item("v", number(value))
            .condition_expression("attribute_not_exists(productid)");
        call.send().await
    };
    put(1).await.unwrap();
    let refused = put(2).await.unwrap_err().into_service_error();
    assert!(refused.is_conditional_check_failed_exception());
    assert_eq!(lab.account().item("a").unwrap()["v"], json!({ "N": "1" }));
}

#[tokio::test]
async fn an_update_makes_the_row_if_its_condition_allows() {
    let lab = Lab::start().await;
    let client = Client::new(&lab.sdk);
    let update = async |key: &str, condition: &str| {
        let call = client
            .update_item()
            .table_name(Account::TABLE)
            .key("productid", text(key));
        let call = call
            .update_expression("SET v = :new")
            .expression_attribute_values(":new", number(2));
        let call = call
            .expression_attribute_values(":old", number(1))
            .condition_expression(condition);
        let call = call.return_values(ReturnValue::AllNew);
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        call.return_values_on_condition_check_failure(all_old)
            .send()
            .await
    };
    let refused = update("a", "v = :old").await.unwrap_err();
    let refused = refused.into_service_error();
    assert!(refused.is_conditional_check_failed_exception());
    assert_eq!(lab.account().item("a"), None);
    let made = update("a", "v = :old OR attribute_not_exists(v)")
        .await
        .unwrap();
    let expected = HashMap::from([
        ("productid".to_owned(), text("a")),
        ("v".to_owned(), number(2)),
    ]);
    assert_eq!(made.attributes, Some(expected));
    let refused = update("a", "v = :old")
        .await
        .unwrap_err()
        .into_service_error();
    let UpdateItemError::ConditionalCheckFailedException(refused) = refused else {
        unreachable!("{refused:?}");
    };
    assert_eq!(refused.item().unwrap()["v"], number(2));
}

#[tokio::test]
async fn a_call_of_another_table_or_with_a_bad_expression_is_refused() {
    let lab = Lab::start().await;
    let client = Client::new(&lab.sdk);
    let call = client
        .get_item()
        .table_name("other")
        .key("productid", text("a"));
    assert!(
        call.send()
            .await
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );
    let call = client
        .update_item()
        .table_name(Account::TABLE)
        .key("productid", text("a"));
    let refused = call
        .update_expression("SET owner = owner")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        refused.into_service_error().meta().code(),
        Some("ValidationException")
    );
}

/// The items with this state before `before`, in pages of two.
async fn pages(client: &Client, before: i64) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut start = None;
    loop {
        let call = client
            .query()
            .table_name(Account::TABLE)
            .index_name("open")
            .limit(2);
        let call = call
            .key_condition_expression("#h = :h AND #r < :r")
            .expression_attribute_names("#h", "applyState");
        let call = call.expression_attribute_names("#r", "timestamp");
        let call = call
            .expression_attribute_values(":h", number(2))
            .expression_attribute_values(":r", number(before));
        let page = call.set_exclusive_start_key(start).send().await.unwrap();
        let of = |item: &HashMap<String, AttributeValue>| {
            assert_eq!(item.len(), 3, "keys only: {item:?}");
            item["productid"].as_s().unwrap().clone()
        };
        pages.push(page.items().iter().map(of).collect());
        start = page.last_evaluated_key;
        if start.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn an_index_is_paged_in_its_order_and_follows_the_items() {
    let lab = Lab::start().await;
    let account = lab.account();
    let put = |key: &str, state: i64, at: Option<i64>| {
        let mut item = json!({ "productid": { "S": key }, "applyState": { "N": state.to_string() }, "x": { "S": "x" } });
        if let Some(at) = at {
            item["timestamp"] = json!({ "N": at.to_string() });
        }
        account.put_item(item);
    };
    put("before-the-index", 2, Some(900));
    account.add_index("open", "applyState", Some("timestamp"));
    put("tie-b", 2, Some(1000));
    put("tie-a", 2, Some(1000));
    put("young", 2, Some(10_000));
    put("edge", 2, Some(2000));
    put("late", 2, Some(1999));
    put("other-state", 3, Some(1000));
    put("without-time", 2, None);
    put("moved", 2, Some(1));
    put("moved", 3, Some(1));
    let client = Client::new(&lab.sdk);
    let found = pages(&client, 2000).await;
    let expected = [
        vec!["before-the-index", "tie-a"],
        vec!["tie-b", "late"],
        vec![],
    ];
    assert_eq!(found, expected);
    assert_eq!(pages(&client, 1).await, [Vec::<String>::new()]);
}

#[tokio::test]
async fn a_count_comes_without_items() {
    let lab = Lab::start().await;
    lab.account().add_index("certificate", "certID", None);
    for key in ["a", "b"] {
        let item = json!({ "productid": { "S": key }, "certID": { "S": "id" } });
        lab.account().put_item(item);
    }
    let call = Client::new(&lab.sdk).query().table_name(Account::TABLE);
    let call = call
        .index_name("certificate")
        .key_condition_expression("certID = :id");
    let call = call.expression_attribute_values(":id", text("id"));
    let answer = call.select(Select::Count).send().await.unwrap();
    assert_eq!((answer.count(), answer.items()), (2, &[][..]));
}
