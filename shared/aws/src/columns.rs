//! An item's columns, written and read strictly: what cannot be understood is named, never guessed.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cvm_shared::failure::Failure;
use cvm_shared::ids::Malformed;

/// A DynamoDB item.
pub type Item = HashMap<String, AttributeValue>;

/// The failure that names a broken column.
pub(crate) fn corrupt(field: &'static str) -> Failure {
    Failure::CorruptRow { field }
}

/// Writes columns.
#[derive(Default)]
pub(crate) struct Writer(pub(crate) Item);

impl Writer {
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.0
            .insert(name.to_owned(), AttributeValue::S(value.to_owned()));
    }

    pub(crate) fn number(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0
            .insert(name.to_owned(), AttributeValue::N(value.to_string()));
    }
}

/// Reads columns.
pub(crate) struct Reader<'a>(pub(crate) &'a Item);

impl<'a> Reader<'a> {
    pub(crate) fn text(&self, name: &'static str) -> Result<&'a str, Failure> {
        self.optional_text(name)?.ok_or_else(|| corrupt(name))
    }

    pub(crate) fn optional_text(&self, name: &'static str) -> Result<Option<&'a str>, Failure> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let text = value.as_s().map_err(|_| corrupt(name))?;
        Ok(Some(text.as_str()))
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, Failure> {
        self.optional_number(name)?.ok_or_else(|| corrupt(name))
    }

    pub(crate) fn optional_number<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, Failure> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let digits = value.as_n().map_err(|_| corrupt(name))?;
        digits.parse().map(Some).map_err(|_| corrupt(name))
    }

    pub(crate) fn id<T>(
        &self,
        name: &'static str,
        parse: fn(&'a str) -> Result<T, Malformed>,
    ) -> Result<T, Failure> {
        parse(self.text(name)?).map_err(|_| corrupt(name))
    }

    pub(crate) fn optional_id<T>(
        &self,
        name: &'static str,
        parse: fn(&'a str) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Failure> {
        let text = self.optional_text(name)?;
        text.map(|text| parse(text).map_err(|_| corrupt(name)))
            .transpose()
    }

    pub(crate) fn optional_list(
        &self,
        name: &'static str,
    ) -> Result<&'a [AttributeValue], Failure> {
        let Some(value) = self.0.get(name) else {
            return Ok(&[]);
        };
        value.as_l().map(Vec::as_slice).map_err(|_| corrupt(name))
    }
}
