//! The device table on DynamoDB: one strong read, one conditional write, one conditional insert.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;

use crate::classify::failure;
use crate::columns::Item;
use crate::item::KEY;
use crate::item::from_item;
use crate::item::to_item;

const SERVICE: &str = "dynamodb";

/// The condition of every write: the row still is the one that the change was computed from. The
/// revision alone would do; state, generation and epoch make each write say what it relies on.
const UNCHANGED: &str =
    "revision = :revision AND applyState = :state AND generation = :generation AND epoch = :epoch";

/// The device table.
#[derive(Clone, Debug)]
pub struct DynamoRegistry {
    client: Client,
    table: String,
}

impl DynamoRegistry {
    /// The registry in this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl Registry for DynamoRegistry {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(serial.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failure(SERVICE, &error))?;
        answer.item().map(from_item).transpose()
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        let change = Change::between(&to_item(before), &to_item(after));
        let mut call = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(before.serial.to_string()))
            .update_expression(change.expression)
            .condition_expression(UNCHANGED)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, column) in change.names {
            call = call.expression_attribute_names(name, column);
        }
        for (name, value) in change.values.into_iter().chain(expected(before)) {
            call = call.expression_attribute_values(name, value);
        }
        match call.send().await {
            Ok(_) => Ok(Swap::Done),
            Err(error) => beaten(&error, after),
        }
    }
}

/// What a refused write means. The row in the way comes with the refusal: no second, later read.
fn beaten(
    error: &SdkError<UpdateItemError, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
    after: &Record,
) -> Result<Swap, Failure> {
    let Some(UpdateItemError::ConditionalCheckFailedException(refusal)) = error.as_service_error()
    else {
        return Err(failure(SERVICE, error));
    };
    let current = match refusal.item() {
        Some(item) => from_item(item)?,
        None => return Err(Failure::CorruptRow { field: KEY }),
    };
    // The SDK repeats a call whose answer was lost; the repetition then meets its own write.
    if current == *after {
        return Ok(Swap::Done);
    }
    Ok(Swap::Changed(Box::new(current)))
}

fn expected(before: &Record) -> [(String, AttributeValue); 4] {
    let number = |text: String| AttributeValue::N(text);
    [
        (":revision".to_owned(), number(before.revision.to_string())),
        (
            ":state".to_owned(),
            number(before.state.apply_state().to_string()),
        ),
        (
            ":generation".to_owned(),
            number(before.generation.0.to_string()),
        ),
        (":epoch".to_owned(), number(before.epoch.0.to_string())),
    ]
}

/// The difference of two items as an update. Columns that this version does not know stay as they
/// are, so that an older and a newer version can share a table.
struct Change {
    expression: String,
    names: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Change {
    fn between(before: &Item, after: &Item) -> Self {
        let mut set = Vec::new();
        let mut remove = Vec::new();
        let mut change = Self {
            expression: String::new(),
            names: Vec::new(),
            values: Vec::new(),
        };
        for (column, value) in after
            .iter()
            .filter(|(column, value)| before.get(*column) != Some(value))
        {
            let n = change.names.len();
            set.push(format!("#c{n} = :c{n}"));
            change.names.push((format!("#c{n}"), column.clone()));
            change.values.push((format!(":c{n}"), value.clone()));
        }
        for column in before.keys().filter(|column| !after.contains_key(*column)) {
            let n = change.names.len();
            remove.push(format!("#c{n}"));
            change.names.push((format!("#c{n}"), column.clone()));
        }
        let set = format!("SET {}", set.join(", "));
        change.expression = if remove.is_empty() {
            set
        } else {
            format!("{set} REMOVE {}", remove.join(", "))
        };
        change
    }
}
