//! A row's columns, written and read strictly: what cannot be understood is named, never guessed.

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::ids::Malformed;

/// A row as any store may keep it: its columns by name.
pub type Row = BTreeMap<String, Value>;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number, in decimal digits.
    Number(String),
    /// Values in an order.
    List(Vec<Value>),
    /// Values by name.
    Map(Row),
    /// Something of the store's that no column of ours is.
    Other,
}

/// The failure that names a broken column.
pub fn corrupt(field: &'static str) -> Failure {
    Failure::CorruptRow { field }
}

/// Writes columns.
#[derive(Debug, Default)]
pub struct Writer(pub Row);

impl Writer {
    /// A text.
    pub fn text(&mut self, name: &str, value: &str) {
        self.put(name, Value::Text(value.to_owned()));
    }

    /// A number.
    pub fn number(&mut self, name: &str, value: impl std::fmt::Display) {
        self.put(name, Value::Number(value.to_string()));
    }

    /// Any value.
    pub fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }
}

/// Reads columns.
#[derive(Debug)]
pub struct Reader<'a>(pub &'a Row);

impl<'a> Reader<'a> {
    /// A text that must be there.
    pub fn text(&self, name: &'static str) -> Result<&'a str, Failure> {
        self.optional_text(name)?.ok_or_else(|| corrupt(name))
    }

    /// A text that may be missing.
    pub fn optional_text(&self, name: &'static str) -> Result<Option<&'a str>, Failure> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Number(_) | Value::List(_) | Value::Map(_) | Value::Other) => {
                Err(corrupt(name))
            }
        }
    }

    /// A number that must be there.
    pub fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, Failure> {
        self.optional_number(name)?.ok_or_else(|| corrupt(name))
    }

    /// A number that may be missing.
    pub fn optional_number<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, Failure> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(digits)) => digits.parse().map(Some).map_err(|_| corrupt(name)),
            Some(Value::Text(_) | Value::List(_) | Value::Map(_) | Value::Other) => {
                Err(corrupt(name))
            }
        }
    }

    /// A text of a certain form that must be there.
    pub fn id<T>(
        &self,
        name: &'static str,
        parse: fn(&'a str) -> Result<T, Malformed>,
    ) -> Result<T, Failure> {
        parse(self.text(name)?).map_err(|_| corrupt(name))
    }

    /// A text of a certain form that may be missing.
    pub fn optional_id<T>(
        &self,
        name: &'static str,
        parse: fn(&'a str) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Failure> {
        let text = self.optional_text(name)?;
        text.map(|text| parse(text).map_err(|_| corrupt(name)))
            .transpose()
    }

    /// A list; an empty one, if it is missing.
    pub fn optional_list(&self, name: &'static str) -> Result<&'a [Value], Failure> {
        match self.0.get(name) {
            None => Ok(&[]),
            Some(Value::List(values)) => Ok(values),
            Some(Value::Text(_) | Value::Number(_) | Value::Map(_) | Value::Other) => {
                Err(corrupt(name))
            }
        }
    }

    /// A map that may be missing.
    pub fn optional_map(&self, name: &'static str) -> Result<Option<&'a Row>, Failure> {
        self.0.get(name).map(|value| map(value, name)).transpose()
    }
}

/// The map that this value is.
pub(super) fn map<'a>(value: &'a Value, name: &'static str) -> Result<&'a Row, Failure> {
    match value {
        Value::Map(map) => Ok(map),
        Value::Text(_) | Value::Number(_) | Value::List(_) | Value::Other => Err(corrupt(name)),
    }
}
