//! Conditions judged on an item, and updates carried out on it.

use std::cmp::Ordering;

use serde_json::Map;
use serde_json::Value;

use crate::expression::Condition;
use crate::expression::Operand;
use crate::expression::Relation;
use crate::expression::Term;
use crate::expression::Update;
use crate::scalar::Number;
use crate::scalar::Scalar;
use crate::scalar::equal;
use crate::tokens::invalid;
use crate::wire::Refusal;

/// An item: columns with values in DynamoDB's JSON.
pub(crate) type Item = Map<String, Value>;

/// Whether the item meets the condition. What is missing equals nothing and is ordered with nothing.
pub(crate) fn holds(condition: &Condition, item: &Item) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().all(|part| holds(part, item)),
        Condition::Any(parts) => parts.iter().any(|part| holds(part, item)),
        Condition::Not(part) => !holds(part, item),
        Condition::Exists(column) => item.contains_key(column),
        Condition::Begins(column, text) => {
            let found = item.get(column).and_then(|value| value["S"].as_str());
            let begin = text["S"].as_str();
            found
                .zip(begin)
                .is_some_and(|(found, begin)| found.starts_with(begin))
        }
        Condition::Compare(left, relation, right) => {
            compare(value(left, item), *relation, value(right, item))
        }
    }
}

fn value<'a>(operand: &'a Operand, item: &'a Item) -> Option<&'a Value> {
    match operand {
        Operand::Column(column) => item.get(column),
        Operand::Value(value) => Some(value),
    }
}

fn compare(left: Option<&Value>, relation: Relation, right: Option<&Value>) -> bool {
    let both = left.zip(right);
    let same = || both.is_some_and(|(left, right)| equal(left, right));
    let order = || {
        let (left, right) = both?;
        Scalar::of(left)?.order(&Scalar::of(right)?)
    };
    match relation {
        Relation::Equal => same(),
        Relation::Unequal => !same(),
        Relation::Less | Relation::LessOrEqual | Relation::Greater | Relation::GreaterOrEqual => {
            order().is_some_and(|order| allows(relation, order))
        }
    }
}

/// Whether two values in this order are in this relation.
pub(crate) fn allows(relation: Relation, order: Ordering) -> bool {
    match relation {
        Relation::Equal => order.is_eq(),
        Relation::Unequal => order.is_ne(),
        Relation::Less => order.is_lt(),
        Relation::LessOrEqual => order.is_le(),
        Relation::Greater => order.is_gt(),
        Relation::GreaterOrEqual => order.is_ge(),
    }
}

/// Carries the update out; every term sees the item as it was before.
pub(crate) fn apply(update: &Update, before: &Item) -> Result<Item, Refusal> {
    let mut after = before.clone();
    for (column, term) in &update.set {
        let value = evaluate(term, before)?;
        after.insert(column.clone(), value);
    }
    for column in &update.remove {
        after.remove(column);
    }
    Ok(after)
}

fn evaluate(term: &Term, item: &Item) -> Result<Value, Refusal> {
    let there = |operand| {
        let found = value(operand, item).cloned();
        found.ok_or_else(|| invalid("an operand is not in the item"))
    };
    match term {
        Term::Plain(operand) => there(operand),
        Term::Default(column, operand) => match item.get(column) {
            Some(value) => Ok(value.clone()),
            None => there(operand),
        },
        Term::Sum(left, sign, right) => {
            let (left, right) = (number(&there(left)?)?, number(&there(right)?)?);
            let sum = left.plus(&right, *sign);
            let sum = sum.ok_or_else(|| invalid("a sum is out of range"))?;
            Ok(Scalar::Number(sum).to_json())
        }
    }
}

fn number(value: &Value) -> Result<Number, Refusal> {
    let spelling = value.get("N").and_then(Value::as_str);
    let number = spelling.and_then(Number::parse);
    number.ok_or_else(|| invalid("an operand is not a number"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expression::Bindings;
    use crate::expression::condition;
    use crate::expression::update;

    fn call() -> Value {
        json!({
            "ExpressionAttributeNames": { "#n": "owner" },
            "ExpressionAttributeValues": {
                ":one": { "N": "1" }, ":two": { "N": "2" }, ":text": { "S": "x" }, ":yes": { "BOOL": true },
            },
        })
    }

    fn item() -> Item {
        let item = json!({ "a": { "N": "1" }, "b": { "N": "2.0" }, "owner": { "S": "x" }, "c": { "BOOL": true } });
        item.as_object().unwrap().clone()
    }

    fn judged(text: &str) -> bool {
        let call = call();
        holds(&condition(text, &Bindings::of(&call)).unwrap(), &item())
    }

    #[test]
    fn conditions_hold_or_not() {
        for (text, holds) in [
            ("a = :one AND b = :two", true),
            ("a = :one AND b = :one", false),
            ("a = :two OR b = :two", true),
            ("a = :two or a = :one and b = :one", false),
            ("(a = :two OR a = :one) AND b = :two", true),
            ("NOT a = :two", true),
            ("#n = :text", true),
            ("c = :yes", true),
            ("attribute_exists(a)", true),
            ("attribute_not_exists(a)", false),
            (
                "attribute_not_exists(nothing) AND attribute_exists(#n)",
                true,
            ),
            ("nothing = :one", false),
            ("nothing <> :one", true),
            ("nothing < :one", false),
            ("a < :two AND a <= :one AND b > a AND b >= :two", true),
            ("a < :text", false),
            ("a = a", true),
        ] {
            assert_eq!(judged(text), holds, "{text}");
        }
    }

    #[test]
    fn what_is_not_an_expression_is_refused() {
        for text in [
            "",
            "a",
            "a =",
            "a = :none",
            "a = #none",
            "(a = :one",
            "a = :one)",
            "a ! :one",
            "a = :one AND",
            "state = :one",
            "size(a) = :one",
        ] {
            let call = call();
            let refused = condition(text, &Bindings::of(&call)).unwrap_err();
            assert_eq!(refused.code, "ValidationException", "{text}");
        }
        let call = call();
        let bindings = Bindings::of(&call);
        condition("#n = :one OR a = :two", &bindings).unwrap();
        assert!(bindings.finish().is_err(), ":text is not used");
    }

    #[test]
    fn an_update_sets_and_removes() {
        let call = call();
        let bindings = Bindings::of(&call);
        let text = "SET a = b, b = a + :two, d = if_not_exists(d, :text), #n = if_not_exists(#n, :one) REMOVE c, z";
        let after = apply(&update(text, &bindings).unwrap(), &item()).unwrap();
        let expected = json!({ "a": { "N": "2.0" }, "b": { "N": "3" }, "d": { "S": "x" }, "owner": { "S": "x" } });
        assert_eq!(Value::Object(after), expected);
        let lost = update("SET a = nothing", &bindings).unwrap();
        assert!(apply(&lost, &item()).is_err());
        assert!(update("SET ", &bindings).is_err());
        assert!(update("DELETE a :one", &bindings).is_err());
    }
}
