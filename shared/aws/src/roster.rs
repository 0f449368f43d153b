//! The device table as an operator fills it: rows are added in batches, and none is ever replaced.
//!
//! An INSERT statement refuses a key that exists, also in a batch; `BatchWriteItem` would overwrite
//! it. So whoever imports needs no right to change or replace a row: `dynamodb:PartiQLInsert`, and
//! `dynamodb:BatchGetItem` to see what stands in the way.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::BatchStatementError;
use aws_sdk_dynamodb::types::BatchStatementRequest;
use aws_sdk_dynamodb::types::BatchStatementResponse;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::rows::Found;
use cvm_shared::operate::rows::Inserted;
use cvm_shared::operate::rows::Roster;
use cvm_shared::operate::rows::Rows as _;
use cvm_shared::record::Record;

use crate::classify::failure;
use crate::columns::Item;
use crate::item::from_item;
use crate::item::to_item;
use crate::rows::DynamoRows;

const SERVICE: &str = "dynamodb";

/// How many rows go into one call (`BatchExecuteStatement` takes no more).
pub const BATCH: usize = 25;

/// The device table, for adding rows.
#[derive(Clone, Debug)]
pub struct DynamoRoster {
    client: Client,
    table: String,
    rows: DynamoRows,
}

impl DynamoRoster {
    /// The roster in this table.
    pub fn new(client: Client, table: String) -> Self {
        Self {
            rows: DynamoRows::new(client.clone(), table.clone()),
            client,
            table,
        }
    }

    async fn call(&self, records: &[Record]) -> Vec<Result<Inserted, Failure>> {
        let statements = records.iter().map(|record| self.statement(record));
        let statements: Vec<_> = match statements.collect::<Result<_, _>>() {
            Ok(statements) => statements,
            Err(failure) => return vec![Err(failure); records.len()],
        };
        let call = self.client.batch_execute_statement();
        match call.set_statements(Some(statements)).send().await {
            Ok(answer) => self.answers(records, answer.responses()).await,
            Err(error) => vec![Err(failure(SERVICE, &error)); records.len()],
        }
    }

    fn statement(&self, record: &Record) -> Result<BatchStatementRequest, Failure> {
        let (statement, values) = insert_statement(&self.table, to_item(record));
        BatchStatementRequest::builder()
            .statement(statement)
            .set_parameters(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|_| rejected("statement not built"))
    }

    /// Each row's answer. A call that succeeds says nothing about its statements.
    async fn answers(
        &self,
        records: &[Record],
        responses: &[BatchStatementResponse],
    ) -> Vec<Result<Inserted, Failure>> {
        let verdicts = records.iter().enumerate().map(|(place, record)| {
            responses.get(place).map_or(
                Verdict::Known(Err(unavailable("answer too short"))),
                |response| verdict(record, response.error()),
            )
        });
        let verdicts: Vec<Verdict> = verdicts.collect();
        let asked = records.iter().zip(&verdicts);
        let asked = asked.filter(|(_, verdict)| **verdict == Verdict::LookUp);
        let asked: Vec<_> = asked.map(|(record, _)| record.serial.clone()).collect();
        let mut found = self.look_up(&asked).await.into_iter();
        let answer = |(verdict, record): (Verdict, &Record)| match verdict {
            Verdict::Known(answer) => answer,
            Verdict::LookUp => {
                let found = found.next();
                beside(record, found.unwrap_or(Err(unavailable("read given up"))))
            }
        };
        verdicts.into_iter().zip(records).map(answer).collect()
    }

    /// All of them in one read: a file that is imported again is mostly there already.
    async fn look_up(&self, serials: &[SerialNumber]) -> Vec<Found> {
        if serials.is_empty() {
            return Vec::new();
        }
        self.rows.load_many(serials).await
    }
}

impl Roster for DynamoRoster {
    fn at_once(&self) -> usize {
        BATCH
    }

    async fn insert_batch(&self, records: &[Record]) -> Vec<Result<Inserted, Failure>> {
        let mut answers = Vec::with_capacity(records.len());
        for call in records.chunks(BATCH) {
            answers.extend(self.call(call).await);
        }
        answers
    }
}

/// What a statement's answer says, or that the table must be asked.
#[derive(Debug, PartialEq)]
enum Verdict {
    Known(Result<Inserted, Failure>),
    LookUp,
}

fn verdict(record: &Record, error: Option<&BatchStatementError>) -> Verdict {
    let Some(error) = error else {
        return Verdict::Known(Ok(Inserted::New));
    };
    let code = error.code().map_or("no code", |code| code.as_str());
    if code != "DuplicateItem" {
        return Verdict::Known(Err(by_code(code)));
    }
    // The item in the way comes with a failed condition; that it comes with a duplicate is nowhere
    // promised, and the emulator sends none.
    match error.item() {
        Some(item) => Verdict::Known(from_item(item).map(|row| Inserted::beside(record, row))),
        None => Verdict::LookUp,
    }
}

fn beside(record: &Record, found: Found) -> Result<Inserted, Failure> {
    match found? {
        Some(stored) => Ok(Inserted::beside(record, stored)),
        // Deleted since: the next attempt adds it.
        None => Err(Failure::Contended),
    }
}

/// A statement's error code: its own short list, unlike the codes of whole calls.
pub(crate) fn by_code(code: &str) -> Failure {
    match code {
        "ThrottlingError" | "RequestLimitExceeded" | "ProvisionedThroughputExceeded" => {
            Failure::Throttled { service: SERVICE }
        }
        "InternalServerError" | "TransactionConflict" => unavailable(code),
        "AccessDenied" => Failure::Denied {
            service: SERVICE,
            detail: code.to_owned(),
        },
        _ => rejected(code),
    }
}

fn unavailable(detail: &str) -> Failure {
    Failure::Unavailable {
        service: SERVICE,
        detail: detail.to_owned(),
    }
}

fn rejected(detail: &str) -> Failure {
    Failure::Rejected {
        service: SERVICE,
        detail: detail.to_owned(),
    }
}

/// The statement and its parameters: no value is ever part of the text.
pub(crate) fn insert_statement(table: &str, item: Item) -> (String, Vec<AttributeValue>) {
    let item: BTreeMap<_, _> = item.into_iter().collect();
    let columns: Vec<_> = item.keys().map(|column| format!("'{column}': ?")).collect();
    let table = table.replace('"', "\"\"");
    let text = format!("INSERT INTO \"{table}\" VALUE {{{}}}", columns.join(", "));
    (text, item.into_values().collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::BatchStatementErrorCodeEnum;
    use cvm_shared::failure::Class;
    use cvm_shared::ids::PolicyName;
    use cvm_shared::ids::SerialNumber;
    use cvm_shared::ids::ThingName;
    use cvm_shared::record::Attributes;
    use cvm_shared::record::Binding;
    use cvm_shared::record::PolicyFrom;
    use cvm_shared::secret::DeviceToken;
    use cvm_shared::state::State;
    use cvm_shared::verifier::Verifier;

    use super::*;

    fn record(thing: &str) -> Record {
        let serial = SerialNumber::parse("SN-1").unwrap();
        let token = DeviceToken::parse("0123456789abcdef").unwrap();
        let binding = Binding {
            thing: ThingName::parse(thing).unwrap(),
            thing_made: false,
            policy: PolicyFrom::Certificate(PolicyName::parse("policy").unwrap()),
            thing_type: None,
            thing_group: None,
            attributes: Attributes::default(),
        };
        Record::registered(serial.clone(), Verifier::derive(&serial, &token), binding)
    }

    fn duplicate() -> BatchStatementError {
        BatchStatementError::builder()
            .code(BatchStatementErrorCodeEnum::DuplicateItem)
            .build()
    }

    #[test]
    fn values_are_parameters_and_the_table_is_quoted() {
        let (text, values) = insert_statement("cvm-devices", to_item(&record("thing-1")));
        assert_eq!(
            text,
            "INSERT INTO \"cvm-devices\" VALUE {'accessToken': ?, 'applyState': ?, 'epoch': ?, \
             'generation': ?, 'policyName': ?, 'productid': ?, 'revision': ?, 'thingName': ?}"
        );
        assert_eq!(values.len(), 8);
        assert_eq!(values[5], AttributeValue::S("SN-1".to_owned()));
    }

    #[test]
    fn a_device_that_has_moved_on_is_the_same_and_another_binding_is_a_conflict() {
        let mut moved_on = record("thing-1");
        moved_on.state = State::Disabled;
        moved_on.revision = 7;
        let beside = |stored| Inserted::beside(&record("thing-1"), stored);
        assert_eq!(beside(moved_on), Inserted::Same);
        assert!(matches!(beside(record("thing-2")), Inserted::Conflict(_)));
        let mut bound = record("thing-1");
        bound.proof_only = true;
        assert!(matches!(beside(bound), Inserted::Conflict(_)), "auth");
    }

    #[test]
    fn a_duplicate_is_looked_up_unless_it_comes_along() {
        let offered = record("thing-1");
        assert_eq!(verdict(&offered, Some(&duplicate())), Verdict::LookUp);
        let mut told = duplicate();
        told.item = Some(to_item(&offered));
        let same = Verdict::Known(Ok(Inserted::Same));
        assert_eq!(verdict(&offered, Some(&told)), same);
        assert_eq!(verdict(&offered, None), Verdict::Known(Ok(Inserted::New)));
    }

    #[test]
    fn codes_of_statements_are_classed() {
        for (code, class) in [
            ("ThrottlingError", Class::Wait),
            ("RequestLimitExceeded", Class::Wait),
            ("ProvisionedThroughputExceeded", Class::Wait),
            ("InternalServerError", Class::Retry),
            ("TransactionConflict", Class::Retry),
            ("AccessDenied", Class::Operator),
            ("ResourceNotFound", Class::Operator),
            ("unheard of", Class::Operator),
        ] {
            assert_eq!(by_code(code).class(), class, "{code}");
        }
    }
}
