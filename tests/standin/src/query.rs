//! DynamoDB's Query, on an index that projects keys only.

use serde_json::Value;
use serde_json::json;

use crate::evaluate::allows;
use crate::expression::Bindings;
use crate::expression::Condition;
use crate::expression::Operand;
use crate::expression::Relation;
use crate::expression::condition;
use crate::scalar::Scalar;
use crate::table::Index;
use crate::table::Place;
use crate::table::Table;
use crate::tokens::invalid;
use crate::wire::Refusal;

/// What a query looks for.
struct Wanted {
    hash: Scalar,
    range: Option<(Relation, Scalar)>,
}

impl Wanted {
    fn includes(&self, (value, _): &Place) -> bool {
        let Some((relation, bound)) = &self.range else {
            return true;
        };
        let order = value.as_ref().and_then(|value| value.order(bound));
        order.is_some_and(|order| allows(*relation, order))
    }
}

/// One page. As at DynamoDB, a page that its limit ended names its last key, even if nothing follows.
pub(crate) fn query(table: &Table, call: &Value) -> Result<Value, Refusal> {
    if call.get("FilterExpression").is_some() {
        return Err(invalid("FilterExpression is not known here"));
    }
    let name = call["IndexName"].as_str().unwrap_or_default();
    let index = table.index(name);
    let message = "The table does not have the specified index";
    let index = index.ok_or_else(|| Refusal::new(400, "ValidationException", message))?;
    let wanted = wanted(index, call)?;
    let start = match call.get("ExclusiveStartKey") {
        Some(start) if !start.is_null() => {
            let place = index.place_of(start);
            Some(place.ok_or_else(|| invalid("The provided starting key is invalid"))?)
        }
        Some(_) | None => None,
    };
    let limit = limit(call)?;
    let places: Vec<&Place> = page(
        index,
        &wanted,
        start.as_ref(),
        limit,
        call["ScanIndexForward"] != false,
    )?;
    let keys: Vec<_> = places
        .iter()
        .map(|place| index.keys(&wanted.hash, place))
        .collect();
    let mut answer = json!({ "Count": keys.len(), "ScannedCount": keys.len() });
    if let Some(last) = keys.last().filter(|_| keys.len() == limit) {
        answer["LastEvaluatedKey"] = json!(last);
    }
    if call["Select"] != "COUNT" {
        answer["Items"] = json!(keys);
    }
    Ok(answer)
}

fn page<'a>(
    index: &'a Index,
    wanted: &Wanted,
    start: Option<&Place>,
    limit: usize,
    forward: bool,
) -> Result<Vec<&'a Place>, Refusal> {
    let included = |place: &&Place| wanted.includes(place);
    if forward {
        let places = index.places(&wanted.hash, start);
        return Ok(places.filter(included).take(limit).collect());
    }
    if start.is_some() {
        return Err(invalid("backward paging is not known here"));
    }
    let places = index.places(&wanted.hash, None).rev();
    Ok(places.filter(included).take(limit).collect())
}

/// A page holds at most so many entries, as 1 MB of keys would at DynamoDB.
const PAGE: usize = 5_000;

fn limit(call: &Value) -> Result<usize, Refusal> {
    match call.get("Limit").and_then(Value::as_u64) {
        Some(0) => Err(invalid("Limit must be at least 1")),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(PAGE).min(PAGE)),
        None => Ok(PAGE),
    }
}

fn wanted(index: &Index, call: &Value) -> Result<Wanted, Refusal> {
    let bindings = Bindings::of(call);
    let text = call["KeyConditionExpression"].as_str().unwrap_or_default();
    let parts = match condition(text, &bindings)? {
        Condition::All(parts) => parts,
        part @ (Condition::Any(_)
        | Condition::Not(_)
        | Condition::Compare(..)
        | Condition::Begins(..)
        | Condition::Exists(_)) => vec![part],
    };
    bindings.finish()?;
    let (mut hash, mut range) = (None, None);
    for part in parts {
        let (column, relation, value) = comparison(part)?;
        if column == index.hash && relation == Relation::Equal && hash.is_none() {
            hash = Some(value);
        } else if Some(&column) == index.range.as_ref()
            && relation != Relation::Unequal
            && range.is_none()
        {
            range = Some((relation, value));
        } else {
            return Err(invalid("Query key condition not supported"));
        }
    }
    let hash = hash.ok_or_else(|| invalid("Query condition missed key schema element"))?;
    Ok(Wanted { hash, range })
}

fn comparison(part: Condition) -> Result<(String, Relation, Scalar), Refusal> {
    let refuse = || invalid("Query key condition not supported");
    match part {
        Condition::Compare(Operand::Column(column), relation, Operand::Value(value)) => {
            let value = Scalar::of(&value).ok_or_else(refuse)?;
            Ok((column, relation, value))
        }
        Condition::Compare(..)
        | Condition::All(_)
        | Condition::Any(_)
        | Condition::Not(_)
        | Condition::Begins(..)
        | Condition::Exists(_) => Err(refuse()),
    }
}
