//! The rows that wait, on DynamoDB: one sparse index, read shard by shard, and the sweep's mark.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::Select;
use cvm_shared::care::Group;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::trails::Upkeep;
use cvm_shared::ports::Backlog;
use cvm_shared::row::Reader;
use cvm_shared::time::UnixMillis;

use crate::classify::failure;
use crate::columns::read;
use crate::item::KEY;
use crate::item::SHARDS;
use crate::item::WAITS_FOR;
use crate::item::WAITS_SINCE;
use crate::item::shard_key;

const SERVICE: &str = "dynamodb";

/// The index of waiting rows: `waitsFor` (S), `waitsSince` (N), keys only.
pub const WAITING_INDEX: &str = "waiting";

/// The index of rows by certificate: `certID` (S), keys only.
pub const CERTIFICATE_INDEX: &str = "certificate";

/// The item that holds the sweep's mark. No serial number can be this.
pub(crate) const MARK_KEY: &str = "#sweep";
const MARK: &str = "lookedThroughUntil";
const SWEPT_AT: &str = "sweptAt";
const SWEPT: &str = "swept";

/// The waiting rows of a table.
#[derive(Clone, Debug)]
pub struct DynamoBacklog {
    client: Client,
    table: String,
}

impl DynamoBacklog {
    /// The waiting rows of this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Notes when a sweep ended and what came of it, for whoever asks.
    pub async fn note_sweep(&self, at: UnixMillis, summary: &str) -> Result<(), Failure> {
        let call = self.client.update_item().table_name(&self.table);
        let call = call
            .key(KEY, AttributeValue::S(MARK_KEY.to_owned()))
            .update_expression("SET #at = :at, #summary = :summary")
            .expression_attribute_names("#at", SWEPT_AT)
            .expression_attribute_names("#summary", SWEPT)
            .expression_attribute_values(":at", AttributeValue::N(at.0.to_string()))
            .expression_attribute_values(":summary", AttributeValue::S(summary.to_owned()));
        let sent = call.send().await;
        sent.map(|_| ()).map_err(|error| failure(SERVICE, &error))
    }

    /// The oldest of one shard.
    async fn shard(
        &self,
        key: String,
        before: UnixMillis,
        most: usize,
    ) -> Result<Vec<SerialNumber>, Failure> {
        let call = self.client.query().table_name(&self.table);
        let call = call
            .index_name(WAITING_INDEX)
            .key_condition_expression("#for = :for AND #since < :before")
            .expression_attribute_names("#for", WAITS_FOR)
            .expression_attribute_names("#since", WAITS_SINCE)
            .expression_attribute_values(":for", AttributeValue::S(key))
            .expression_attribute_values(":before", AttributeValue::N(before.0.to_string()))
            .limit(i32::try_from(most).unwrap_or(i32::MAX));
        let answer = call
            .send()
            .await
            .map_err(|error| failure(SERVICE, &error))?;
        let serial = |item| Reader(&read(item)).id(KEY, SerialNumber::parse);
        answer.items().iter().map(serial).collect()
    }
}

impl Upkeep for DynamoBacklog {
    async fn last_sweep(&self) -> Result<Option<(UnixMillis, String)>, Failure> {
        let call = self.client.get_item().table_name(&self.table);
        let call = call.key(KEY, AttributeValue::S(MARK_KEY.to_owned()));
        let answer = call.send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        let Some(row) = answer.item().map(read) else {
            return Ok(None);
        };
        let item = Reader(&row);
        let at = item.optional_number(SWEPT_AT)?.map(UnixMillis);
        let summary = item.optional_text(SWEPT)?.map(str::to_owned);
        Ok(at.zip(summary))
    }

    async fn oldest(&self, group: Group) -> Result<Option<(SerialNumber, UnixMillis)>, Failure> {
        let mut oldest = None;
        for shard in 0..SHARDS {
            let call = self.client.query().table_name(&self.table);
            let call = call
                .index_name(WAITING_INDEX)
                .key_condition_expression("#for = :for")
                .expression_attribute_names("#for", WAITS_FOR)
                .expression_attribute_values(":for", AttributeValue::S(shard_key(group, shard)))
                .limit(1);
            let answer = call.send().await;
            let answer = answer.map_err(|error| failure(SERVICE, &error))?;
            let found = answer.items().first().map(|item| {
                let row = read(item);
                let item = Reader(&row);
                let since = UnixMillis(item.number(WAITS_SINCE)?);
                Ok((since, item.id(KEY, SerialNumber::parse)?))
            });
            oldest = [oldest, found.transpose()?].into_iter().flatten().min();
        }
        Ok(oldest.map(|(since, serial)| (serial, since)))
    }
}

impl Backlog for DynamoBacklog {
    async fn waiting(
        &self,
        group: Group,
        before: UnixMillis,
        most: usize,
    ) -> Result<Vec<SerialNumber>, Failure> {
        // Each shard has its share, so that a full one does not hide the others.
        let share = most.div_ceil(usize::from(SHARDS));
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            found.extend(self.shard(shard_key(group, shard), before, share).await?);
        }
        Ok(found)
    }

    async fn names(&self, certificate: &CertificateId) -> Result<bool, Failure> {
        let call = self.client.query().table_name(&self.table);
        let call = call
            .index_name(CERTIFICATE_INDEX)
            .key_condition_expression("certID = :id")
            .expression_attribute_values(":id", AttributeValue::S(certificate.to_string()))
            .select(Select::Count)
            .limit(1);
        let answer = call
            .send()
            .await
            .map_err(|error| failure(SERVICE, &error))?;
        Ok(answer.count() > 0)
    }

    async fn mark(&self) -> Result<Option<UnixMillis>, Failure> {
        let call = self.client.get_item().table_name(&self.table);
        let call = call.key(KEY, AttributeValue::S(MARK_KEY.to_owned()));
        let answer = call.consistent_read(true).send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        let Some(item) = answer.item() else {
            return Ok(None);
        };
        let at = Reader(&read(item)).optional_number(MARK)?;
        Ok(at.map(UnixMillis))
    }

    /// Only one sweep runs at a time, and one that goes back looks at something twice: no condition.
    async fn set_mark(&self, mark: UnixMillis) -> Result<(), Failure> {
        let call = self.client.update_item().table_name(&self.table);
        let call = call
            .key(KEY, AttributeValue::S(MARK_KEY.to_owned()))
            .update_expression("SET #mark = :mark")
            .expression_attribute_names("#mark", MARK)
            .expression_attribute_values(":mark", AttributeValue::N(mark.0.to_string()));
        let sent = call.send().await;
        sent.map(|_| ()).map_err(|error| failure(SERVICE, &error))
    }
}
