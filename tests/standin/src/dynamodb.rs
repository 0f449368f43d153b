//! DynamoDB's calls on the tables.

use serde_json::Value;
use serde_json::json;

use crate::account::Account;
use crate::account::Inside;
use crate::evaluate::Item;
use crate::evaluate::apply;
use crate::evaluate::holds;
use crate::expression::Bindings;
use crate::expression::condition;
use crate::expression::update;
use crate::lock;
use crate::partiql;
use crate::query::query;
use crate::scan::query_table;
use crate::scan::scan;
use crate::table::Table;
use crate::wire::Refusal;

/// Answers a call.
pub(crate) fn answer(account: &Inside, operation: &str, call: &Value) -> Result<Value, Refusal> {
    if operation == "BatchExecuteStatement" {
        return partiql::batch(account, call);
    }
    if operation == "BatchGetItem" {
        return batch_get_item(&lock(&account.table), call);
    }
    let table = match call["TableName"].as_str() {
        Some(Account::TABLE) => &account.table,
        Some(Account::GUARD_TABLE) => &account.guard,
        Some(Account::AUDIT_TABLE) => &account.audit,
        Some(_) | None => {
            return Err(Refusal::new(
                400,
                "ResourceNotFoundException",
                "Requested resource not found",
            ));
        }
    };
    match operation {
        "GetItem" => get_item(&lock(table), call),
        "PutItem" => put_item(&mut lock(table), call),
        "UpdateItem" => update_item(&mut lock(table), call),
        "Query" if call.get("IndexName").is_none() => query_table(&lock(table), call),
        "Query" => query(&lock(table), call),
        "Scan" => scan(&lock(table), call),
        _ => Err(Refusal::new(400, "UnknownOperationException", operation)),
    }
}

fn get_item(table: &Table, call: &Value) -> Result<Value, Refusal> {
    let item = table.get(&table.key_of(&call["Key"])?);
    Ok(item.map_or_else(|| json!({}), |item| json!({ "Item": item })))
}

/// Of the device table alone, and all at once: nothing is ever left unprocessed.
fn batch_get_item(table: &Table, call: &Value) -> Result<Value, Refusal> {
    let wanted = &call["RequestItems"][Account::TABLE]["Keys"];
    let keys = wanted.as_array().map_or(&[][..], Vec::as_slice);
    if keys.is_empty() || keys.len() > 100 {
        let message = "a read has 1 to 100 keys, of the device table";
        return Err(Refusal::new(400, "ValidationException", message));
    }
    let found = keys.iter().map(|key| Ok(table.get(&table.key_of(key)?)));
    let found: Vec<Option<&Item>> = found.collect::<Result<_, Refusal>>()?;
    let found: Vec<&Item> = found.into_iter().flatten().collect();
    Ok(json!({ "Responses": { Account::TABLE: found }, "UnprocessedKeys": {} }))
}

fn put_item(table: &mut Table, call: &Value) -> Result<Value, Refusal> {
    let key = table.key_of(&call["Item"])?;
    let bindings = Bindings::of(call);
    check(table.get(&key), call, &bindings)?;
    bindings.finish()?;
    let item = call["Item"].as_object().cloned().unwrap_or_default();
    table.put(&key, item);
    Ok(json!({}))
}

fn update_item(table: &mut Table, call: &Value) -> Result<Value, Refusal> {
    let key = table.key_of(&call["Key"])?;
    let bindings = Bindings::of(call);
    let change = update(
        call["UpdateExpression"].as_str().unwrap_or_default(),
        &bindings,
    )?;
    let before = table.get(&key);
    let judged = check(before, call, &bindings);
    // What is malformed is refused whether or not the condition holds.
    bindings.finish()?;
    judged?;
    let fresh = || call["Key"].as_object().cloned();
    let before = before.cloned().or_else(fresh).unwrap_or_default();
    let after = apply(&change, &before)?;
    if table.keys_in(&after) != table.keys_in(&before) {
        let message = format!(
            "Cannot update attribute {}. This attribute is part of the key",
            table.key
        );
        return Err(Refusal::new(400, "ValidationException", message));
    }
    let answer = match call["ReturnValues"].as_str() {
        Some("ALL_NEW") => json!({ "Attributes": after }),
        Some(_) | None => json!({}),
    };
    table.put(&key, after);
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
