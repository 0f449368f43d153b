//! A record as a DynamoDB item and back: its row, and the two columns of the index of rows that wait.

use cvm_shared::care::Group;
use cvm_shared::care::waiting;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::record::Record;
pub use cvm_shared::row::KEY;
use cvm_shared::row::Writer;
use cvm_shared::row::from_row;
use cvm_shared::row::to_row;
use sha2::Digest as _;
use sha2::Sha256;

use crate::columns::Item;
use crate::columns::read;
use crate::columns::written;

/// The partition key of the index of waiting rows. Rows that wait for nobody do not have it, so the
/// index holds only those that do.
pub const WAITS_FOR: &str = "waitsFor";

/// The sort key of that index.
pub const WAITS_SINCE: &str = "waitsSince";

/// Among how many partition keys a group is spread: DynamoDB writes 1,000 items a second into one
/// (DynamoDB developer guide, "Partitions and data distribution"), and a factory's burst is larger.
pub const SHARDS: u8 = 16;

/// The partition key of one shard of a group.
pub fn shard_key(group: Group, shard: u8) -> String {
    format!("{}-{shard:x}", group.as_str())
}

fn shard(serial: &SerialNumber) -> u8 {
    Sha256::digest(serial.as_str())[0] % SHARDS
}

/// The item that stands for this record.
pub fn to_item(record: &Record) -> Item {
    let mut row = Writer(to_row(record));
    if let Some(waits) = waiting(record) {
        row.text(WAITS_FOR, &shard_key(waits.group, shard(&record.serial)));
        row.number(WAITS_SINCE, waits.since.0);
    }
    written(row.0)
}

/// Reads an item of the table.
pub fn from_item(item: &Item) -> Result<Record, Failure> {
    from_row(&read(item))
}

#[cfg(test)]
mod tests {
    use cvm_shared::ids::PolicyName;
    use cvm_shared::ids::ThingName;
    use cvm_shared::record::Attributes;
    use cvm_shared::record::Binding;
    use cvm_shared::record::PolicyFrom;
    use cvm_shared::request::Generation;
    use cvm_shared::request::KeySource;
    use cvm_shared::request::Request;
    use cvm_shared::secret::DeviceToken;
    use cvm_shared::state::State;
    use cvm_shared::time::UnixMillis;
    use cvm_shared::verifier::Verifier;

    use super::*;

    fn record() -> Record {
        let serial = SerialNumber::parse("SN-1").unwrap();
        let token = DeviceToken::parse("token").unwrap();
        let binding = Binding {
            thing: ThingName::parse("thing-1").unwrap(),
            thing_made: false,
            policy: PolicyFrom::Certificate(PolicyName::parse("policy").unwrap()),
            thing_type: None,
            thing_group: None,
            attributes: Attributes::default(),
        };
        Record::registered(serial.clone(), Verifier::derive(&serial, &token), binding)
    }

    #[test]
    fn only_rows_that_wait_are_in_the_index() {
        let item = to_item(&record());
        assert!(!item.contains_key(WAITS_FOR) && !item.contains_key(WAITS_SINCE));
        let mut waits = record();
        waits.requested_at = Some(UnixMillis(5));
        waits.state = State::Requested {
            request: Request::new(&waits.serial, Generation::FIRST, KeySource::Service),
            issued: None,
        };
        let item = to_item(&waits);
        let key = item[WAITS_FOR].as_s().unwrap();
        assert!(key.starts_with(Group::Work.as_str()), "{key}");
        assert_eq!(item[WAITS_SINCE].as_n().unwrap(), "5");
        assert_eq!(from_item(&item).unwrap(), waits);
    }
}
