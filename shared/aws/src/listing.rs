//! The device table read through from one end to the other, a page at a time. Eventually consistent: half the price,
//! and a list is old when it is read anyway.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cvm_shared::failure::Failure;
use cvm_shared::operate::rows::Listed;
use cvm_shared::operate::rows::Listing;
use cvm_shared::operate::rows::Wanted;

use crate::backlog::MARK_KEY;
use crate::classify::failure;
use crate::columns::Item;
use crate::item::KEY;
use crate::item::from_item;

const SERVICE: &str = "dynamodb";

/// A read through the table.
#[derive(Debug)]
pub struct DynamoListing {
    client: Client,
    table: String,
    filter: Filter,
    next: Option<Item>,
    is_over: bool,
}

impl DynamoListing {
    /// A read of this table from its beginning.
    pub fn new(client: Client, table: String, wanted: &Wanted) -> Self {
        Self {
            client,
            table,
            filter: Filter::of(wanted),
            next: None,
            is_over: false,
        }
    }
}

impl Listing for DynamoListing {
    async fn page(&mut self) -> Result<Option<Vec<Listed>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let call = self.client.scan().table_name(&self.table);
        let call = call
            .filter_expression(self.filter.expression())
            .set_expression_attribute_names(Some(self.filter.names.clone()))
            .set_expression_attribute_values(Some(self.filter.values.clone()))
            .set_exclusive_start_key(self.next.take());
        let answer = call
            .send()
            .await
            .map_err(|error| failure(SERVICE, &error))?;
        self.next = answer.last_evaluated_key().cloned();
        self.is_over = self.next.is_none();
        Ok(Some(answer.items().iter().map(listed).collect()))
    }
}

fn listed(item: &Item) -> Listed {
    from_item(item).map_err(|failure| {
        let serial = item.get(KEY).and_then(|value| value.as_s().ok());
        (serial.cloned().unwrap_or_default(), failure)
    })
}

/// The filter as DynamoDB takes it.
#[derive(Debug)]
struct Filter {
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Filter {
    fn of(wanted: &Wanted) -> Self {
        let mut filter = Self {
            conditions: vec!["#key <> :mark".to_owned()],
            names: HashMap::from([("#key".to_owned(), KEY.to_owned())]),
            values: HashMap::from([(":mark".to_owned(), text(MARK_KEY))]),
        };
        if let Some(prefix) = &wanted.prefix {
            filter.and("begins_with(#key, :prefix)", ":prefix", text(prefix));
        }
        filter.in_states(&wanted.states);
        if wanted.since.is_some() || wanted.before.is_some() {
            filter
                .names
                .insert("#at".to_owned(), "timestamp".to_owned());
        }
        if let Some(since) = wanted.since {
            filter.and("#at >= :since", ":since", number(since.0));
        }
        if let Some(before) = wanted.before {
            filter.and("#at < :before", ":before", number(before.0));
        }
        filter
    }

    fn in_states(&mut self, states: &[i32]) {
        let names: Vec<String> = (0..states.len()).map(|n| format!(":state{n}")).collect();
        if !names.is_empty() {
            let all = names.join(", ");
            self.conditions.push(format!("applyState IN ({all})"));
        }
        let values = states.iter().map(number);
        self.values.extend(names.into_iter().zip(values));
    }

    fn and(&mut self, condition: &str, name: &str, value: AttributeValue) {
        self.conditions.push(condition.to_owned());
        self.values.insert(name.to_owned(), value);
    }

    fn expression(&self) -> String {
        self.conditions.join(" AND ")
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

#[cfg(test)]
mod tests {
    use cvm_shared::time::UnixMillis;

    use super::*;

    #[test]
    fn all_devices_are_all_rows_but_the_janitors_mark() {
        let filter = Filter::of(&Wanted::default());
        assert_eq!(filter.expression(), "#key <> :mark");
    }

    #[test]
    fn what_is_wanted_is_asked_of_the_table() {
        let filter = Filter::of(&Wanted {
            states: vec![-1, -2],
            prefix: Some("SN' OR".to_owned()),
            since: Some(UnixMillis(5)),
            before: Some(UnixMillis(9)),
        });
        assert_eq!(
            filter.expression(),
            "#key <> :mark AND begins_with(#key, :prefix) AND applyState IN (:state0, :state1) \
             AND #at >= :since AND #at < :before"
        );
        assert_eq!(filter.values[":prefix"], text("SN' OR"));
        assert_eq!(filter.names["#at"], "timestamp");
    }
}
