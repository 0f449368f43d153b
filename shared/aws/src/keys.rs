//! The public keys in the guard's table: whose each one is. Nonces and their key are nobody's to move.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::moving::Bound;
use cvm_shared::operate::moving::Keys;
use cvm_shared::row::Reader;
use cvm_shared::row::corrupt;

use crate::classify::failure;
use crate::columns::Item;
use crate::columns::read;
use crate::guard::KEY;
use crate::guard::SERIAL;

const SERVICE: &str = "dynamodb";

/// How a key's item is named: this, and its digest.
const PREFIX: &str = "key#";

/// The keys of a guard's table.
#[derive(Clone, Debug)]
pub struct DynamoKeys {
    client: Client,
    table: String,
}

impl DynamoKeys {
    /// The keys in this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl Keys for DynamoKeys {
    async fn bound(&self, after: Option<String>) -> Result<(Vec<Bound>, Option<String>), Failure> {
        let start = after.map(|name| Item::from([(KEY.to_owned(), AttributeValue::S(name))]));
        let call = self.client.scan().table_name(&self.table);
        let call = call
            .consistent_read(true)
            .filter_expression("begins_with(#key, :keys)")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_values(":keys", AttributeValue::S(PREFIX.to_owned()))
            .set_exclusive_start_key(start);
        let answer = call.send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        let bound = answer.items().iter().map(bound).collect::<Result<_, _>>()?;
        let last = answer.last_evaluated_key().and_then(|last| last.get(KEY));
        Ok((bound, last.and_then(|name| name.as_s().ok()).cloned()))
    }

    async fn holder(&self, key: PublicKeyDigest) -> Result<Option<SerialNumber>, Failure> {
        let name = AttributeValue::S(format!("{PREFIX}{}", key.to_hex()));
        let call = self.client.get_item().table_name(&self.table);
        let answer = call.key(KEY, name).consistent_read(true).send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        answer.item().map(|item| Ok(bound(item)?.1)).transpose()
    }
}

fn bound(item: &Item) -> Result<Bound, Failure> {
    let row = read(item);
    let reader = Reader(&row);
    let digest = reader.text(KEY)?.strip_prefix(PREFIX);
    let digest = digest.and_then(|hex| PublicKeyDigest::parse(hex).ok());
    let digest = digest.ok_or_else(|| corrupt(KEY))?;
    Ok((digest, reader.id(SERIAL, SerialNumber::parse)?))
}
