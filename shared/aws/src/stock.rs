//! The device table read through with all that stands in it, for whoever moves it to another store.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cvm_shared::failure::Failure;
use cvm_shared::operate::moving::Stock;
use cvm_shared::operate::moving::Stored;

use crate::backlog::MARK_KEY;
use crate::classify::failure;
use crate::columns::Item;
use crate::columns::read;
use crate::item::KEY;
use crate::item::WAITS_FOR;
use crate::item::WAITS_SINCE;

const SERVICE: &str = "dynamodb";

/// A strongly consistent read through a table.
#[derive(Debug)]
pub struct DynamoStock {
    client: Client,
    table: String,
    next: Option<Item>,
    is_over: bool,
}

impl DynamoStock {
    /// A read of this table from its beginning.
    pub fn new(client: Client, table: String) -> Self {
        Self {
            client,
            table,
            next: None,
            is_over: false,
        }
    }
}

impl Stock for DynamoStock {
    async fn page(&mut self) -> Result<Option<Vec<Stored>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let call = self.client.scan().table_name(&self.table);
        let call = call
            .consistent_read(true)
            .filter_expression("#key <> :mark")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_values(":mark", AttributeValue::S(MARK_KEY.to_owned()))
            .set_exclusive_start_key(self.next.clone());
        let answer = call.send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        self.next = answer.last_evaluated_key().cloned();
        self.is_over = self.next.is_none();
        Ok(Some(answer.items().iter().map(stored).collect()))
    }
}

fn stored(item: &Item) -> Stored {
    let name = item.get(KEY).and_then(|value| value.as_s().ok());
    let name = name.cloned().unwrap_or_default();
    Stored::of(name, &read(item), &[WAITS_FOR, WAITS_SINCE])
}
