//! DynamoDB's Scan, and its Query on a table: whole items, in the order of their keys.

use serde_json::Value;
use serde_json::json;

use crate::evaluate::Item;
use crate::evaluate::holds;
use crate::expression::Bindings;
use crate::expression::Condition;
use crate::expression::Operand;
use crate::expression::Relation;
use crate::expression::condition;
use crate::table::Table;
use crate::tokens::invalid;
use crate::wire::Refusal;

/// One page: so many items are looked at, and those that meet the filter are given.
pub(crate) fn scan(table: &Table, call: &Value) -> Result<Value, Refusal> {
    let filter = judge(call, "FilterExpression")?;
    let start = start(table, call)?;
    page(table, call, table.after(start), filter.as_ref())
}

/// One page of the items with this partition key that meet the condition.
pub(crate) fn query_table(table: &Table, call: &Value) -> Result<Value, Refusal> {
    let missed = || invalid("Query condition missed key schema element");
    let wanted = judge(call, "KeyConditionExpression")?.ok_or_else(missed)?;
    let hash = partition(table.key, &wanted).ok_or_else(missed)?.clone();
    let begin = hash["S"].as_str().map(str::to_owned);
    let start = start(table, call)?.or(begin);
    let is_its = |item: &&Item| item.get(table.key) == Some(&hash);
    let items = table.after(start).take_while(is_its);
    page(table, call, items, Some(&wanted))
}

/// The partition key that a condition names.
fn partition<'a>(key: &str, wanted: &'a Condition) -> Option<&'a Value> {
    match wanted {
        Condition::Compare(Operand::Column(column), Relation::Equal, Operand::Value(value))
            if column == key =>
        {
            Some(value)
        }
        Condition::All(parts) => parts.iter().find_map(|part| partition(key, part)),
        Condition::Compare(..)
        | Condition::Any(_)
        | Condition::Not(_)
        | Condition::Begins(..)
        | Condition::Exists(_) => None,
    }
}

fn judge(call: &Value, name: &str) -> Result<Option<Condition>, Refusal> {
    let bindings = Bindings::of(call);
    let text = call[name].as_str();
    let judged = text.map(|text| condition(text, &bindings)).transpose()?;
    bindings.finish()?;
    Ok(judged)
}

fn start(table: &Table, call: &Value) -> Result<Option<String>, Refusal> {
    match call.get("ExclusiveStartKey") {
        Some(start) if !start.is_null() => table.key_of(start).map(Some),
        Some(_) | None => Ok(None),
    }
}

fn page<'a>(
    table: &Table,
    call: &Value,
    items: impl Iterator<Item = &'a Item>,
    filter: Option<&Condition>,
) -> Result<Value, Refusal> {
    let limit = call["Limit"].as_u64();
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    if limit == Some(0) {
        return Err(invalid("Limit must be at least 1"));
    }
    let limit = limit.unwrap_or(table.scan_page).min(table.scan_page);
    let seen: Vec<&Item> = items.take(limit).collect();
    let fits = |item: &&&Item| filter.is_none_or(|filter| holds(filter, item));
    let found: Vec<_> = seen.iter().filter(fits).collect();
    let mut answer = json!({ "Count": found.len(), "ScannedCount": seen.len(), "Items": found });
    if let Some(last) = seen.last().filter(|_| seen.len() == limit) {
        answer["LastEvaluatedKey"] = json!(table.keys_in(last));
    }
    Ok(answer)
}
