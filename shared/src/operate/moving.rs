//! What it takes to move from one store to another without a loss: rows with all that stands in them, and whose key is
//! whose.

use std::future::Future;

use crate::csr::PublicKeyDigest;
use crate::failure::Failure;
use crate::ids::SerialNumber;
use crate::record::Record;
use crate::row::Row;
use crate::row::from_row;
use crate::row::to_row;

/// A row as it stands in a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The device, as the store has it.
    pub name: String,
    /// What the row says; why it cannot be read.
    pub record: Result<Record, Failure>,
    /// The columns that would be lost, for this version does not know them, or not what they hold.
    pub unknown: Vec<String>,
}

impl Stored {
    /// The row of this device. Columns that a store derives from the others (`derived`) are nobody's loss.
    pub fn of(name: String, row: &Row, derived: &[&str]) -> Self {
        let record = from_row(row);
        let kept = record.as_ref().map(to_row).unwrap_or_default();
        let is_lost = |name: &&String| {
            record.is_ok() && !derived.contains(&name.as_str()) && kept.get(*name) != row.get(*name)
        };
        let unknown = row.keys().filter(is_lost).cloned().collect();
        Self {
            name,
            record,
            unknown,
        }
    }
}

/// A strongly consistent read through the device table.
pub trait Stock: Send {
    /// The next page, perhaps an empty one; `None` after the last.
    fn page(&mut self) -> impl Future<Output = Result<Option<Vec<Stored>>, Failure>> + Send;
}

/// A public key, and the device that it is bound to.
pub type Bound = (PublicKeyDigest, SerialNumber);

/// The public keys that were bound to devices.
pub trait Keys: Send + Sync {
    /// The next keys; `after` is the last page's `next`.
    fn bound(
        &self,
        after: Option<String>,
    ) -> impl Future<Output = Result<(Vec<Bound>, Option<String>), Failure>> + Send;

    /// Whose this key is, as of now.
    fn holder(
        &self,
        key: PublicKeyDigest,
    ) -> impl Future<Output = Result<Option<SerialNumber>, Failure>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PolicyName;
    use crate::ids::ThingName;
    use crate::record::Attributes;
    use crate::record::Binding;
    use crate::record::PolicyFrom;
    use crate::row::Value;
    use crate::secret::DeviceToken;
    use crate::verifier::Verifier;

    fn row() -> Row {
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
        let verifier = Verifier::derive(&serial, &token);
        to_row(&Record::registered(serial, verifier, binding))
    }

    #[test]
    fn what_would_be_lost_is_told() {
        let mut row = row();
        row.insert("waitsFor".to_owned(), Value::Text("work-1".to_owned()));
        let stored = |row: &Row| Stored::of("SN-1".to_owned(), row, &["waitsFor"]);
        assert_eq!(stored(&row).unknown, Vec::<String>::new());
        row.insert("colour".to_owned(), Value::Text("red".to_owned()));
        row.insert("certArn".to_owned(), Value::Text("stale".to_owned()));
        assert_eq!(stored(&row).unknown, ["certArn", "colour"]);
        row.remove("epoch");
        let broken = stored(&row);
        assert!(broken.record.is_err() && broken.unknown.is_empty());
    }
}
