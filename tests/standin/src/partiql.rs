//! DynamoDB's batches of INSERT statements, the one `PartiQL` form in use.

use serde_json::Value;
use serde_json::json;

use crate::account::Account;
use crate::account::Inside;
use crate::evaluate::Item;
use crate::lock;
use crate::wire::Refusal;

/// Carries each statement out by itself. A duplicate does not send the item in the way along: that
/// AWS would is nowhere promised.
pub(crate) fn batch(account: &Inside, call: &Value) -> Result<Value, Refusal> {
    let statements = call["Statements"].as_array().map_or(&[][..], Vec::as_slice);
    if statements.is_empty() || statements.len() > 25 {
        let message = "a batch has 1 to 25 statements";
        return Err(Refusal::new(400, "ValidationException", message));
    }
    let responses = statements
        .iter()
        .map(|statement| match insert(account, statement) {
            Ok(name) => json!({ "TableName": name }),
            Err((code, message)) => json!({ "Error": { "Code": code, "Message": message } }),
        });
    Ok(json!({ "Responses": responses.collect::<Vec<_>>() }))
}

fn insert(account: &Inside, statement: &Value) -> Result<String, (&'static str, &'static str)> {
    let text = statement["Statement"].as_str().unwrap_or_default();
    let parameters = statement["Parameters"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let (name, columns) = parse(text).ok_or(("ValidationError", "statement not known here"))?;
    let mut table = match name.as_str() {
        Account::TABLE => lock(&account.table),
        Account::AUDIT_TABLE => lock(&account.audit),
        _ => return Err(("ResourceNotFound", "Requested resource not found")),
    };
    if columns.len() != parameters.len() {
        return Err(("ValidationError", "number of parameters"));
    }
    let item: Item = columns
        .into_iter()
        .zip(parameters.iter().cloned())
        .collect();
    let item = Value::Object(item);
    let key = table
        .key_of(&item)
        .map_err(|_| ("ValidationError", "no key"))?;
    if table.get(&key).is_some() {
        return Err(("DuplicateItem", "Duplicate primary key exists in table"));
    }
    table.put(&key, item.as_object().cloned().unwrap_or_default());
    Ok(name)
}

/// `INSERT INTO "table" VALUE {'column': ?, ...}` as the table's name and the columns.
fn parse(text: &str) -> Option<(String, Vec<String>)> {
    let rest = text.trim().strip_prefix("INSERT INTO \"")?;
    let (name, rest) = rest.split_once("\" VALUE {")?;
    let fields = rest.strip_suffix('}')?.split(',');
    let column = |field: &str| {
        let (name, value) = field.split_once(':')?;
        let name = name.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        (value.trim() == "?").then(|| name.to_owned())
    };
    let columns = fields.map(column).collect::<Option<_>>()?;
    Some((name.replace("\"\"", "\""), columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_is_taken_apart() {
        let parsed = parse("INSERT INTO \"a\"\"b\" VALUE {'x': ?, 'y': ?}");
        assert_eq!(
            parsed,
            Some(("a\"b".to_owned(), vec!["x".to_owned(), "y".to_owned()]))
        );
        assert_eq!(parse("INSERT INTO \"a\" VALUE {'x': 1}"), None);
        assert_eq!(parse("DELETE FROM \"a\""), None);
    }
}
