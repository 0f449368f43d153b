//! A DynamoDB key value (text or number) with DynamoDB's order.

use std::cmp::Ordering;

use serde_json::Value;

/// A text, or a number; numbers are compared by value, not by spelling.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    Number(Number),
    Text(String),
}

/// A number with the spelling that it came in.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    pub(crate) spelling: String,
    /// Exact for whole numbers, which are all that this project stores.
    whole: Option<i128>,
    rough: f64,
}

impl Number {
    pub(crate) fn parse(spelling: &str) -> Option<Self> {
        let rough = spelling
            .parse()
            .ok()
            .filter(|rough: &f64| rough.is_finite())?;
        Some(Self {
            spelling: spelling.to_owned(),
            whole: spelling.parse().ok(),
            rough,
        })
    }

    /// The sum, or the difference.
    pub(crate) fn plus(&self, other: &Self, sign: i8) -> Option<Self> {
        let text = match self.whole.zip(other.whole) {
            Some((a, b)) => a.checked_add(b.checked_mul(i128::from(sign))?)?.to_string(),
            None => (self.rough + other.rough * f64::from(sign)).to_string(),
        };
        Self::parse(&text)
    }

    fn order(&self, other: &Self) -> Ordering {
        match self.whole.zip(other.whole) {
            Some((a, b)) => a.cmp(&b),
            None => self.rough.total_cmp(&other.rough),
        }
    }
}

impl Scalar {
    /// Reads `{"S": "x"}` or `{"N": "1"}`; `None` for every other type.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        if let Some(text) = value.get("S").and_then(Value::as_str) {
            return Some(Self::Text(text.to_owned()));
        }
        let spelling = value.get("N").and_then(Value::as_str)?;
        Number::parse(spelling).map(Self::Number)
    }

    /// As DynamoDB writes it.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Number(number) => serde_json::json!({ "N": number.spelling }),
            Self::Text(text) => serde_json::json!({ "S": text }),
        }
    }

    /// The order of two values of one type; values of different types have none.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Some(a.order(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Number(_), Self::Text(_)) | (Self::Text(_), Self::Number(_)) => None,
        }
    }
}

/// For sorted maps: numbers come before texts.
impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        let kind = |scalar: &Self| matches!(scalar, Self::Text(_));
        let other_kind = || kind(self).cmp(&kind(other));
        self.order(other).unwrap_or_else(other_kind)
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scalar {}

/// Whether two attribute values are equal; numbers by value.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match Scalar::of(a).zip(Scalar::of(b)) {
        Some((a, b)) => a == b,
        None => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_compared_by_value_and_texts_by_bytes() {
        let scalar = |value: Value| Scalar::of(&value).unwrap();
        assert!(scalar(json!({"N": "9"})) < scalar(json!({"N": "10"})));
        assert!(scalar(json!({"S": "9"})) > scalar(json!({"S": "10"})));
        assert!(scalar(json!({"N": "-1.5"})) < scalar(json!({"N": "0"})));
        assert!(equal(&json!({"N": "1"}), &json!({"N": "1.0"})));
        assert!(!equal(&json!({"N": "1"}), &json!({"S": "1"})));
        let past_f64 = (
            json!({"N": "9007199254740993"}),
            json!({"N": "9007199254740992"}),
        );
        assert!(scalar(past_f64.0) > scalar(past_f64.1));
    }
}
