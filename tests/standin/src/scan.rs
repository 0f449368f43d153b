//! DynamoDB's Scan, and its Query on a table: whole items, in the order of their keys.

use serde_json::Value;
use serde_json::json;

use crate::evaluate::Item;
use crate::evaluate::holds;
use crate::expression::Bindings;
use crate::expression::condition;
use crate::table::Table;
use crate::wire::Refusal;

/// One page: so many items are looked at, and those that meet the filter are given.
pub(crate) fn scan(table: &Table, call: &Value) -> Result<Value, Refusal> {
    page(table, call, "FilterExpression")
}

/// One page of the items that meet the condition on their keys. (What it is a condition on is not looked at.)
pub(crate) fn query_table(table: &Table, call: &Value) -> Result<Value, Refusal> {
    page(table, call, "KeyConditionExpression")
}

fn page(table: &Table, call: &Value, filter: &str) -> Result<Value, Refusal> {
    let bindings = Bindings::of(call);
    let filter = call[filter].as_str();
    let filter = filter.map(|text| condition(text, &bindings)).transpose()?;
    bindings.finish()?;
    let start = match call.get("ExclusiveStartKey") {
        Some(start) if !start.is_null() => Some(table.key_of(start)?),
        Some(_) | None => None,
    };
    let limit = call["Limit"]
        .as_u64()
        .and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(table.scan_page).min(table.scan_page);
    let seen: Vec<&Item> = table.after(start).take(limit).collect();
    let fits = |item: &&&Item| filter.as_ref().is_none_or(|filter| holds(filter, item));
    let found: Vec<_> = seen.iter().filter(fits).collect();
    let mut answer = json!({ "Count": found.len(), "ScannedCount": seen.len(), "Items": found });
    if let Some(last) = seen.last().filter(|_| seen.len() == limit) {
        answer["LastEvaluatedKey"] = json!(table.keys_in(last));
    }
    Ok(answer)
}
