//! What may happen only once, in a table of its own: used nonces, public keys, and the nonces' key.
//!
//! Three kinds of items share the key `guard`: `nonce#{digest}` with a time to live, `key#{digest}`
//! with the serial number it is bound to, and the one `secret#nonce`. Every write is one conditional
//! put, so it is decided by the table which of two came first.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::nonce::NonceKey;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Random;
use cvm_shared::row::corrupt;
use cvm_shared::time::UnixMillis;
use tokio::sync::OnceCell;

use crate::classify::failure;
use crate::columns::Item;

const SERVICE: &str = "dynamodb";
/// The table's partition key.
pub const KEY: &str = "guard";
/// When an item may be forgotten, in seconds since 1970: the table's time to live.
pub const FORGET_AT: &str = "forgetAt";
/// The device that a public key is bound to.
pub(crate) const SERIAL: &str = "productid";
const SECRET: &str = "secret";
const NONCE_KEY: &str = "secret#nonce";

/// The guard's table.
#[derive(Debug)]
pub struct DynamoGuard<N> {
    client: Client,
    table: String,
    random: N,
    /// Read or made once in a process.
    nonce_key: OnceCell<NonceKey>,
}

impl<N: Random> DynamoGuard<N> {
    /// The guard in this table; `random` makes the nonces' key, if nobody has before.
    pub fn new(client: Client, table: String, random: N) -> Self {
        Self {
            client,
            table,
            random,
            nonce_key: OnceCell::new(),
        }
    }

    fn put(&self, key: &str) -> PutItemFluentBuilder {
        self.client
            .put_item()
            .table_name(&self.table)
            .item(KEY, AttributeValue::S(key.to_owned()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// The key that is there, or a fresh one that nobody was faster with.
    async fn shared_nonce_key(&self) -> Result<NonceKey, Failure> {
        let call = self.client.get_item().table_name(&self.table);
        let call = call.key(KEY, AttributeValue::S(NONCE_KEY.to_owned()));
        let answer = call.consistent_read(true).send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        match answer.item() {
            Some(item) => read_key(item),
            None => self.make_nonce_key().await,
        }
    }

    async fn make_nonce_key(&self) -> Result<NonceKey, Failure> {
        let fresh = self.random.key();
        let call = self.put(NONCE_KEY);
        let call = call.item(SECRET, AttributeValue::B(Blob::new(fresh)));
        match unless_there(call, "attribute_not_exists(guard)").await? {
            None => Ok(NonceKey::new(fresh)),
            // Somebody was faster, or it was we and the answer was lost: what is there counts.
            Some(there) => read_key(&there),
        }
    }
}

impl<N: Random> Guard for DynamoGuard<N> {
    async fn nonce_key(&self) -> Result<NonceKey, Failure> {
        let key = self.nonce_key.get_or_try_init(|| self.shared_nonce_key());
        key.await.cloned()
    }

    /// A put that the SDK repeated because its answer was lost meets its own item and counts as used:
    /// the device asks again with a fresh nonce, as after any refusal of one.
    async fn consume(&self, used: &str, forget_at: UnixMillis) -> Result<bool, Failure> {
        let seconds = AttributeValue::N(forget_at.seconds().to_string());
        let call = self.put(&format!("nonce#{used}")).item(FORGET_AT, seconds);
        let there = unless_there(call, "attribute_not_exists(guard)").await?;
        Ok(there.is_none())
    }

    async fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure> {
        let own = AttributeValue::S(serial.to_string());
        let call = self.put(&format!("key#{}", key.to_hex()));
        let call = call.item(SERIAL, own.clone());
        let call = call.expression_attribute_values(":own", own);
        let free = "attribute_not_exists(guard) OR productid = :own";
        Ok(unless_there(call, free).await?.is_none())
    }
}

/// Puts the item under the condition; or gives the item that stands in its way.
async fn unless_there(
    call: PutItemFluentBuilder,
    condition: &str,
) -> Result<Option<Item>, Failure> {
    match call.condition_expression(condition).send().await {
        Ok(_) => Ok(None),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                Ok(Some(refusal.item().cloned().unwrap_or_default()))
            }
            Some(_) | None => Err(failure(SERVICE, &error)),
        },
    }
}

fn read_key(item: &Item) -> Result<NonceKey, Failure> {
    let bytes = item.get(SECRET).and_then(|value| value.as_b().ok());
    let key = bytes.and_then(|blob| <[u8; 32]>::try_from(blob.as_ref()).ok());
    key.map(NonceKey::new).ok_or_else(|| corrupt(SECRET))
}
