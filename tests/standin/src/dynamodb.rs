//! DynamoDB's calls on the device table.

use std::sync::Mutex;

use serde_json::Value;
use serde_json::json;

use crate::account::Account;
use crate::evaluate::Item;
use crate::evaluate::apply;
use crate::evaluate::holds;
use crate::expression::Bindings;
use crate::expression::condition;
use crate::expression::update;
use crate::lock;
use crate::partiql;
use crate::query::query;
use crate::table::KEY;
use crate::table::Table;
use crate::wire::Refusal;

/// Answers a call.
pub(crate) fn answer(
    table: &Mutex<Table>,
    operation: &str,
    call: &Value,
) -> Result<Value, Refusal> {
    if operation == "BatchExecuteStatement" {
        return partiql::batch(table, call);
    }
    if call["TableName"].as_str() != Some(Account::TABLE) {
        return Err(Refusal::new(
            400,
            "ResourceNotFoundException",
            "Requested resource not found",
        ));
    }
    match operation {
        "GetItem" => get_item(&lock(table), call),
        "PutItem" => put_item(&mut lock(table), call),
        "UpdateItem" => update_item(&mut lock(table), call),
        "Query" => query(&lock(table), call),
        _ => Err(Refusal::new(400, "UnknownOperationException", operation)),
    }
}

/// The key of an item, or of a call's `Key`.
pub(crate) fn key_of(item: &Value) -> Result<&str, Refusal> {
    let key = item[KEY]["S"].as_str().filter(|key| !key.is_empty());
    let message = "One of the required keys was not given a value";
    key.ok_or_else(|| Refusal::new(400, "ValidationException", message))
}

fn get_item(table: &Table, call: &Value) -> Result<Value, Refusal> {
    let item = table.get(key_of(&call["Key"])?);
    Ok(item.map_or_else(|| json!({}), |item| json!({ "Item": item })))
}

fn put_item(table: &mut Table, call: &Value) -> Result<Value, Refusal> {
    let key = key_of(&call["Item"])?;
    let bindings = Bindings::of(call);
    check(table.get(key), call, &bindings)?;
    bindings.finish()?;
    let item = call["Item"].as_object().cloned().unwrap_or_default();
    table.put(key, item);
    Ok(json!({}))
}

fn update_item(table: &mut Table, call: &Value) -> Result<Value, Refusal> {
    let key = key_of(&call["Key"])?;
    let bindings = Bindings::of(call);
    let change = update(
        call["UpdateExpression"].as_str().unwrap_or_default(),
        &bindings,
    )?;
    let before = table.get(key);
    let judged = check(before, call, &bindings);
    // What is malformed is refused whether or not the condition holds.
    bindings.finish()?;
    judged?;
    let fresh = || json!({ KEY: { "S": key } }).as_object().cloned();
    let before = before.cloned().or_else(fresh).unwrap_or_default();
    let after = apply(&change, &before)?;
    if after.get(KEY) != before.get(KEY) {
        let message = "Cannot update attribute productid. This attribute is part of the key";
        return Err(Refusal::new(400, "ValidationException", message));
    }
    let answer = match call["ReturnValues"].as_str() {
        Some("ALL_NEW") => json!({ "Attributes": after }),
        Some(_) | None => json!({}),
    };
    table.put(key, after);
    Ok(answer)
}

/// Judges the call's condition; a refusal carries the item in the way, if it is asked for.
fn check(item: Option<&Item>, call: &Value, bindings: &Bindings<'_>) -> Result<(), Refusal> {
    let Some(text) = call["ConditionExpression"].as_str() else {
        return Ok(());
    };
    let nothing = Item::new();
    if holds(&condition(text, bindings)?, item.unwrap_or(&nothing)) {
        return Ok(());
    }
    let message = "The conditional request failed";
    let refusal = Refusal::new(400, "ConditionalCheckFailedException", message);
    let wanted = call["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
    Err(match item.filter(|_| wanted) {
        Some(item) => refusal.with("Item", json!(item)),
        None => refusal,
    })
}
