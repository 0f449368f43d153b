//! A DynamoDB item as a row of columns and back. What DynamoDB has and a row has not is nobody's column.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cvm_shared::row::Row;
use cvm_shared::row::Value;

/// A DynamoDB item.
pub type Item = HashMap<String, AttributeValue>;

/// The item with these columns.
pub fn written(row: Row) -> Item {
    let columns = row.into_iter();
    columns
        .filter_map(|(name, value)| Some((name, attribute(value)?)))
        .collect()
}

/// The columns of this item.
pub fn read(item: &Item) -> Row {
    let columns = item.iter();
    columns
        .map(|(name, value)| (name.clone(), column(value)))
        .collect()
}

fn attribute(value: Value) -> Option<AttributeValue> {
    Some(match value {
        Value::Text(text) => AttributeValue::S(text),
        Value::Number(digits) => AttributeValue::N(digits),
        Value::List(values) => {
            AttributeValue::L(values.into_iter().filter_map(attribute).collect())
        }
        Value::Map(row) => AttributeValue::M(written(row)),
        Value::Other => return None,
    })
}

fn column(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::Text(text.clone()),
        AttributeValue::N(digits) => Value::Number(digits.clone()),
        AttributeValue::L(values) => Value::List(values.iter().map(column).collect()),
        AttributeValue::M(item) => Value::Map(read(item)),
        // Binaries, sets, truth values, and what the service may add: columns of ours are none of them.
        AttributeValue::B(_)
        | AttributeValue::Bool(_)
        | AttributeValue::Bs(_)
        | AttributeValue::Ns(_)
        | AttributeValue::Null(_)
        | AttributeValue::Ss(_)
        | _ => Value::Other,
    }
}
