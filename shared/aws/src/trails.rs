//! The trails on DynamoDB: entries are added, and none is ever changed; beside them the count of devices by state.
//!
//! As in the device table, an INSERT statement refuses a key that exists, so whoever writes trails needs no right to
//! change one (`dynamodb:PartiQLInsert`). The count is one item under a key that no serial number can be.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::BatchStatementRequest;
use aws_sdk_dynamodb::types::BatchStatementResponse;
use cvm_shared::failure::Failure;
use cvm_shared::ids::TrailHead;
use cvm_shared::operate::trails::Bookmark;
use cvm_shared::operate::trails::Counts;
use cvm_shared::operate::trails::Page;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails;
use cvm_shared::row::Reader;

use crate::classify::failure;
use crate::columns::Item;
use crate::columns::read;
use crate::item::KEY;
use crate::roster::by_code;
use crate::roster::insert_statement;

const SERVICE: &str = "dynamodb";

/// The sort key: the place in the trail.
pub const PLACE: &str = "place";
const HEAD: &str = "trailHead";

/// The key of the count. No serial number can be this.
const COUNT_KEY: &str = "#count";

/// The key of what happened in each minute.
const MINUTE_KEY: &str = "#minute";

/// When an item may be forgotten, in seconds since 1970: DynamoDB's own clean-up.
const FORGET_AT: &str = "forgetAt";

/// How long minutes are kept.
const MINUTES_KEPT_DAYS: u64 = 90;

/// The table of trails.
#[derive(Clone, Debug)]
pub struct DynamoTrails {
    client: Client,
    table: String,
}

impl DynamoTrails {
    /// The trails in this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    fn statement(&self, entry: &Placed) -> Result<BatchStatementRequest, Failure> {
        let (statement, values) = insert_statement(&self.table, item(entry));
        BatchStatementRequest::builder()
            .statement(statement)
            .set_parameters(Some(values))
            .build()
            .map_err(|_| Failure::Rejected {
                service: SERVICE,
                detail: "statement not built".to_owned(),
            })
    }

    /// Adds to the count of devices by state.
    pub async fn count(&self, changes: &Counts) -> Result<(), Failure> {
        self.add_to(key(COUNT_KEY, COUNT_KEY), changes, None).await
    }

    async fn add_to(
        &self,
        key: Item,
        changes: &Counts,
        set: Option<(&str, AttributeValue)>,
    ) -> Result<(), Failure> {
        let changes: Vec<_> = changes.iter().filter(|(_, change)| **change != 0).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let sums: Vec<String> = (0..changes.len()).map(|n| format!("#s{n} :s{n}")).collect();
        let mut expression = format!("ADD {}", sums.join(", "));
        let call = self.client.update_item().table_name(&self.table);
        let mut call = call.set_key(Some(key));
        if let Some((name, value)) = set {
            expression += " SET #set = :set";
            call = call
                .expression_attribute_names("#set", name)
                .expression_attribute_values(":set", value);
        }
        call = call.update_expression(expression);
        for (place, (state, change)) in changes.into_iter().enumerate() {
            let value = AttributeValue::N(change.to_string());
            call = call
                .expression_attribute_names(format!("#s{place}"), state)
                .expression_attribute_values(format!(":s{place}"), value);
        }
        let answer = call.send().await;
        answer.map(|_| ()).map_err(|error| failure(SERVICE, &error))
    }

    /// Adds to what happened in one minute, counted from 1970.
    pub async fn tick(&self, minute: u64, deeds: &BTreeMap<String, i64>) -> Result<(), Failure> {
        let forget_at = minute * 60 + MINUTES_KEPT_DAYS * 24 * 60 * 60;
        let forget_at = (FORGET_AT, AttributeValue::N(forget_at.to_string()));
        let key = key(MINUTE_KEY, &format!("{minute:020}"));
        self.add_to(key, deeds, Some(forget_at)).await
    }
}

impl Trails for DynamoTrails {
    async fn read(&self, name: &str) -> Result<Vec<Placed>, Failure> {
        let mut entries = Vec::new();
        let call = self.client.query().table_name(&self.table);
        let call = call
            .consistent_read(true)
            .key_condition_expression("#key = :name")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_values(":name", AttributeValue::S(name.to_owned()));
        let mut pages = call.into_paginator().items().send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| failure(SERVICE, &error))?;
            entries.push(placed(&item)?);
        }
        Ok(entries)
    }

    async fn page(&self, after: Option<Bookmark>) -> Result<Page, Failure> {
        let after = after.map(|(device, place)| key(&device, &place));
        let call = self.client.scan().table_name(&self.table);
        // What was written is in it: an archive, or a move, that misses the last seconds would not be whole.
        let call = call
            .consistent_read(true)
            .filter_expression("NOT #key IN (:count, :minute)")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_values(":count", AttributeValue::S(COUNT_KEY.to_owned()))
            .expression_attribute_values(":minute", AttributeValue::S(MINUTE_KEY.to_owned()))
            .set_exclusive_start_key(after);
        let answer = call
            .send()
            .await
            .map_err(|error| failure(SERVICE, &error))?;
        Ok(Page {
            entries: answer
                .items()
                .iter()
                .map(placed)
                .collect::<Result<_, _>>()?,
            next: answer.last_evaluated_key().map(bookmark).transpose()?,
        })
    }

    async fn add(&self, entries: &[Placed]) -> Result<Vec<bool>, Failure> {
        // A batch of no statements is refused.
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let statements = entries.iter().map(|entry| self.statement(entry));
        let statements = statements.collect::<Result<Vec<_>, _>>()?;
        let call = self.client.batch_execute_statement();
        let answer = call.set_statements(Some(statements)).send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        if answer.responses().len() != entries.len() {
            return Err(Failure::Unavailable {
                service: SERVICE,
                detail: "answer too short".to_owned(),
            });
        }
        answer.responses().iter().map(was_new).collect()
    }

    async fn minutes(&self, from: u64) -> Result<Vec<(u64, Counts)>, Failure> {
        let call = self.client.query().table_name(&self.table);
        let call = call
            .key_condition_expression("#key = :minute AND #place >= :from")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_names("#place", PLACE)
            .expression_attribute_values(":minute", AttributeValue::S(MINUTE_KEY.to_owned()))
            .expression_attribute_values(":from", AttributeValue::S(format!("{from:020}")));
        let mut minutes = Vec::new();
        let mut pages = call.into_paginator().items().send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| failure(SERVICE, &error))?;
            let minute = Reader(&read(&item)).text(PLACE)?.parse();
            let minute = minute.map_err(|_| Failure::CorruptRow { field: PLACE })?;
            minutes.push((minute, numbers(&item)));
        }
        Ok(minutes)
    }

    async fn counts(&self) -> Result<Counts, Failure> {
        let call = self.client.get_item().table_name(&self.table);
        let answer = call.set_key(Some(key(COUNT_KEY, COUNT_KEY))).send().await;
        let answer = answer.map_err(|error| failure(SERVICE, &error))?;
        Ok(answer.item().map(numbers).unwrap_or_default())
    }
}

fn item(entry: &Placed) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let facts = entry.facts.iter();
    let mut item: Item = facts
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    item.insert(PLACE.to_owned(), text(&entry.place));
    if let Some(head) = &entry.head {
        item.insert(HEAD.to_owned(), text(head.as_str()));
    }
    item
}

fn placed(item: &Item) -> Result<Placed, Failure> {
    let row = read(item);
    let reader = Reader(&row);
    let mut facts = BTreeMap::new();
    for (name, value) in item {
        if name != PLACE && name != HEAD {
            let text = value
                .as_s()
                .map_err(|_| Failure::CorruptRow { field: PLACE })?;
            facts.insert(name.clone(), text.clone());
        }
    }
    Ok(Placed {
        place: reader.text(PLACE)?.to_owned(),
        facts,
        head: reader.optional_id(HEAD, TrailHead::parse)?,
    })
}

fn numbers(item: &Item) -> Counts {
    let number = |(name, value): (&String, &AttributeValue)| {
        Some((name.clone(), value.as_n().ok()?.parse().ok()?))
    };
    let counts = item.iter().filter(|(name, _)| *name != FORGET_AT);
    counts.filter_map(number).collect()
}

fn key(device: &str, place: &str) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    Item::from([
        (KEY.to_owned(), text(device)),
        (PLACE.to_owned(), text(place)),
    ])
}

/// The key that a page ended with.
fn bookmark(last: &Item) -> Result<Bookmark, Failure> {
    let row = read(last);
    let reader = Reader(&row);
    Ok((reader.text(KEY)?.to_owned(), reader.text(PLACE)?.to_owned()))
}

fn was_new(response: &BatchStatementResponse) -> Result<bool, Failure> {
    let code = response.error().map(|error| error.code());
    match code.map(|code| code.map_or("no code", |code| code.as_str())) {
        None => Ok(true),
        Some("DuplicateItem") => Ok(false),
        Some(other) => Err(by_code(other)),
    }
}
