//! A record as a row of the device table and back.

use std::sync::LazyLock;

use cvm_shared::care::waiting;
use cvm_shared::failure::Failure;
use cvm_shared::record::Record;
use cvm_shared::row::Row;
use cvm_shared::row::Value;
use cvm_shared::row::Writer;
use cvm_shared::row::corrupt;
use cvm_shared::row::from_row;
use cvm_shared::row::to_row;
use serde_json::Value as Json;
use sqlx::MySql;
use sqlx::Row as _;
use sqlx::mysql::MySqlArguments;
use sqlx::mysql::MySqlRow;
use sqlx::query::Query;

use crate::classify::failure;

/// The index of rows that wait: for whom, and since when.
pub const WAITS_FOR: &str = "waitsFor";
/// The moment of that index.
pub const WAITS_SINCE: &str = "waitsSince";

/// How a column keeps its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    /// JSON in a text: MariaDB has no type of its own for it.
    Nested,
}

/// The columns that this version knows.
pub(crate) const COLUMNS: &[(&str, Kind)] = &[
    ("productid", Kind::Text),
    ("accessToken", Kind::Text),
    ("timestamp", Kind::Number),
    ("applyState", Kind::Number),
    ("certID", Kind::Text),
    ("revision", Kind::Number),
    ("generation", Kind::Number),
    ("epoch", Kind::Number),
    ("auth", Kind::Text),
    ("thingName", Kind::Text),
    ("policyName", Kind::Text),
    ("policyFrom", Kind::Text),
    ("thingMade", Kind::Text),
    ("thingType", Kind::Text),
    ("thingGroup", Kind::Text),
    ("attributes", Kind::Nested),
    ("reprovision", Kind::Text),
    ("requestId", Kind::Text),
    ("csr", Kind::Text),
    ("owner", Kind::Text),
    ("leaseUntil", Kind::Number),
    ("certArn", Kind::Text),
    ("endpoint", Kind::Text),
    ("bundle", Kind::Text),
    ("bundleSha256", Kind::Text),
    ("bundleUntil", Kind::Number),
    ("confirmedAt", Kind::Number),
    ("expiredAt", Kind::Number),
    ("error", Kind::Text),
    ("failedAt", Kind::Number),
    ("retryAt", Kind::Number),
    ("createsDay", Kind::Number),
    ("creates", Kind::Number),
    ("resent", Kind::Number),
    ("resentAt", Kind::Number),
    ("superseded", Kind::Nested),
    (WAITS_FOR, Kind::Text),
    (WAITS_SINCE, Kind::Number),
    ("trailHead", Kind::Text),
    ("deed", Kind::Text),
    ("author", Kind::Text),
    ("at", Kind::Number),
    ("reason", Kind::Text),
];

/// All columns, quoted, as a SELECT or an INSERT names them.
pub(crate) static ALL: LazyLock<String> = LazyLock::new(|| {
    let quoted = COLUMNS.iter().map(|(name, _)| format!("`{name}`"));
    quoted.collect::<Vec<_>>().join(", ")
});

/// The row of this record, with what the index of waiting rows needs.
pub(crate) fn stored(record: &Record) -> Row {
    let mut row = Writer(to_row(record));
    if let Some(waits) = waiting(record) {
        row.text(WAITS_FOR, waits.group.as_str());
        row.number(WAITS_SINCE, waits.since.0);
    }
    row.0
}

/// Reads a row that was selected by [`ALL`].
pub(crate) fn read(found: &MySqlRow) -> Result<Record, Failure> {
    from_row(&columns(found)?)
}

/// The columns of a row that was selected by [`ALL`].
pub(crate) fn columns(found: &MySqlRow) -> Result<Row, Failure> {
    let mut row = Row::new();
    for (name, kind) in COLUMNS {
        if let Some(value) = column(found, name, *kind)? {
            row.insert((*name).to_owned(), value);
        }
    }
    Ok(row)
}

fn column(found: &MySqlRow, name: &'static str, kind: Kind) -> Result<Option<Value>, Failure> {
    let text = || found.try_get::<Option<String>, _>(name);
    let value = match kind {
        Kind::Text => text().map(|text| text.map(Value::Text)),
        Kind::Number => found
            .try_get::<Option<i64>, _>(name)
            .map(|number| number.map(|number| Value::Number(number.to_string()))),
        Kind::Nested => match text() {
            Ok(None) => Ok(None),
            Ok(Some(text)) => return nested(&text, name).map(Some),
            Err(error) => Err(error),
        },
    };
    value.map_err(|error| failure(&error))
}

fn nested(text: &str, name: &'static str) -> Result<Value, Failure> {
    let json: Json = serde_json::from_str(text).map_err(|_| corrupt(name))?;
    Ok(value(json))
}

fn value(json: Json) -> Value {
    match json {
        Json::String(text) => Value::Text(text),
        Json::Number(number) => Value::Number(number.to_string()),
        Json::Array(values) => Value::List(values.into_iter().map(value).collect()),
        Json::Object(map) => {
            let columns = map.into_iter();
            Value::Map(columns.map(|(name, json)| (name, value(json))).collect())
        }
        Json::Null | Json::Bool(_) => Value::Other,
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::from(text.as_str()),
        // What is no whole number is kept as it is, and refused when it is read.
        Value::Number(digits) => {
            let number = digits.parse::<i64>().map(Json::from);
            number.unwrap_or_else(|_| Json::from(digits.as_str()))
        }
        Value::List(values) => values.iter().map(json).collect(),
        Value::Map(row) => {
            let columns = row.iter();
            columns
                .map(|(name, value)| (name.clone(), json(value)))
                .collect()
        }
        Value::Other => Json::Null,
    }
}

/// A statement with one more parameter: a column's value.
pub(crate) fn bind<'q>(
    query: Query<'q, MySql, MySqlArguments>,
    value: Option<&Value>,
    kind: Kind,
) -> Result<Query<'q, MySql, MySqlArguments>, sqlx::Error> {
    Ok(match (kind, value) {
        (Kind::Text | Kind::Nested, None) => query.bind(None::<String>),
        (Kind::Number, None) => query.bind(None::<i64>),
        (Kind::Text, Some(Value::Text(text))) => query.bind(text.clone()),
        (Kind::Number, Some(Value::Number(digits))) => {
            let number = digits.parse::<i64>();
            query.bind(number.map_err(|error| sqlx::Error::Encode(error.into()))?)
        }
        (Kind::Nested, Some(value)) => query.bind(json(value).to_string()),
        (Kind::Text | Kind::Number, Some(_)) => {
            return Err(sqlx::Error::Encode("a column of another kind".into()));
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nested_values_come_back() {
        let old = Row::from([
            ("certID".to_owned(), Value::Text("a".to_owned())),
            ("generation".to_owned(), Value::Number("7".to_owned())),
        ]);
        let list = Value::List(vec![Value::Map(old)]);
        assert_eq!(nested(&json(&list).to_string(), "superseded"), Ok(list));
        assert_eq!(nested("{", "superseded"), Err(corrupt("superseded")));
        assert_eq!(nested("true", "superseded"), Ok(Value::Other));
    }

    #[test]
    fn each_column_is_known_once() {
        let names: BTreeSet<_> = COLUMNS.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), COLUMNS.len());
    }
}
