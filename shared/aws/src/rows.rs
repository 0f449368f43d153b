//! Many rows of the device table in one read.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::rows::Found;
use cvm_shared::operate::rows::Rows;

use crate::classify::failure;
use crate::columns::Item;
use crate::item::KEY;
use crate::item::from_item;

const SERVICE: &str = "dynamodb";

/// The device table, for reading many rows at once.
#[derive(Clone, Debug)]
pub struct DynamoRows {
    client: Client,
    table: String,
}

impl DynamoRows {
    /// The rows of this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn call(&self, serials: &[SerialNumber]) -> Result<BatchGetItemOutput, Failure> {
        let key = |serial: &SerialNumber| {
            HashMap::from([(KEY.to_owned(), AttributeValue::S(serial.to_string()))])
        };
        let wanted = KeysAndAttributes::builder().consistent_read(true);
        let wanted = wanted.set_keys(Some(serials.iter().map(key).collect()));
        let wanted = wanted.build().map_err(|_| Failure::Rejected {
            service: SERVICE,
            detail: "no keys".to_owned(),
        })?;
        let call = self.client.batch_get_item();
        let answer = call.request_items(&self.table, wanted).send().await;
        answer.map_err(|error| failure(SERVICE, &error))
    }
}

impl Rows for DynamoRows {
    /// In one `BatchGetItem`, which takes as many. What the table was too busy for is `Throttled`.
    async fn load_many(&self, serials: &[SerialNumber]) -> Vec<Found> {
        match self.call(serials).await {
            Ok(answer) => sorted(serials, &answer),
            Err(failure) => vec![Err(failure); serials.len()],
        }
    }
}

/// The answers in the order of the question: the table gives them in any.
fn sorted(serials: &[SerialNumber], answer: &BatchGetItemOutput) -> Vec<Found> {
    let items = answer.responses().into_iter().flat_map(HashMap::values);
    let items = items.flatten().filter_map(|item| Some((name(item)?, item)));
    let items: HashMap<&str, &Item> = items.collect();
    let left = answer.unprocessed_keys().into_iter();
    let left = left.flat_map(HashMap::values);
    let left: Vec<&str> = left
        .flat_map(KeysAndAttributes::keys)
        .filter_map(name)
        .collect();
    let found = |serial: &SerialNumber| match items.get(serial.as_str()) {
        Some(item) => from_item(item).map(Some),
        None if left.contains(&serial.as_str()) => Err(Failure::Throttled { service: SERVICE }),
        None => Ok(None),
    };
    serials.iter().map(found).collect()
}

fn name(item: &Item) -> Option<&str> {
    Some(item.get(KEY)?.as_s().ok()?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(text: &str) -> SerialNumber {
        SerialNumber::parse(text).unwrap()
    }

    fn item(serial: &str) -> Item {
        HashMap::from([(KEY.to_owned(), AttributeValue::S(serial.to_owned()))])
    }

    #[test]
    fn answers_come_in_the_order_of_the_question() {
        let left = KeysAndAttributes::builder().keys(item("busy"));
        let answer = BatchGetItemOutput::builder()
            .responses("t", vec![item("broken")])
            .unprocessed_keys("t", left.build().unwrap())
            .build();
        let asked = ["busy", "broken", "unknown"].map(serial);
        let [busy, broken, unknown] = <[Found; 3]>::try_from(sorted(&asked, &answer)).unwrap();
        assert_eq!(busy, Err(Failure::Throttled { service: SERVICE }));
        assert!(matches!(broken, Err(Failure::CorruptRow { .. })));
        assert_eq!(unknown, Ok(None));
    }
}
