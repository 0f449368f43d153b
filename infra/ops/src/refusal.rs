//! Why a row was not imported: a line, a column, a rule; never what stood there.

use cvm_shared::ids::Malformed;
use cvm_shared::record::Record;

use crate::columns::ATTRIBUTES;
use crate::columns::POLICY_NAME;
use crate::columns::SECRET;
use crate::columns::THING_GROUP;
use crate::columns::THING_NAME;
use crate::columns::THING_TYPE;

/// The shortest secret that is imported, in characters.
pub const SECRET_MIN: usize = 16;

/// A row that was not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The line that it begins on, counted from 1 with the header.
    pub line: u64,
    /// Why.
    pub reason: Reason,
}

/// Why a row was not imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It has more or fewer fields than the header has columns.
    #[error("has {found} fields where the header has {expected}")]
    Fields {
        /// The row's fields.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// A column breaks its rule.
    #[error("{column}: {rule}")]
    Malformed {
        /// The column.
        column: &'static str,
        /// The rule.
        rule: String,
    },
    /// The secret can be guessed: whoever can read the table could try them all.
    #[error("secret: too weak, must have at least {SECRET_MIN} characters")]
    Weak,
    /// An earlier row of the file is about the same device.
    #[error("productid: the same as in line {first}")]
    Duplicate {
        /// The line of that row.
        first: u64,
    },
    /// The table has this device with other values; they stay.
    #[error("productid: already in the table with another {}", .differs.join(", "))]
    Conflict {
        /// The columns that differ.
        differs: Vec<&'static str>,
    },
    /// The table has something under this serial number that is no device of ours.
    #[error("productid: already in the table, in a row that cannot be read ({field})")]
    Unreadable {
        /// The attribute at fault.
        field: &'static str,
    },
}

impl Reason {
    /// A refusal of a column by one of the shared parsers, under the column's name in the file.
    pub fn malformed(column: &'static str, refusal: Malformed) -> Self {
        Self::Malformed {
            column,
            rule: refusal.rule,
        }
    }

    /// The refusal of a row because `stored` has its serial number.
    pub fn conflict(offered: &Record, stored: &Record) -> Self {
        let (new, old) = (&offered.binding, &stored.binding);
        let pairs = [
            (SECRET, offered.verifier == stored.verifier),
            (THING_NAME, new.thing == old.thing),
            (POLICY_NAME, new.policy == old.policy),
            (THING_TYPE, new.thing_type == old.thing_type),
            (THING_GROUP, new.thing_group == old.thing_group),
            (ATTRIBUTES, new.attributes == old.attributes),
        ];
        let differing = pairs.into_iter().filter(|(_, same)| !same);
        Self::Conflict {
            differs: differing.map(|(column, _)| column).collect(),
        }
    }

    /// Whether the row itself is sound and the table stands against it.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Unreadable { .. } => true,
            Self::Fields { .. } | Self::Malformed { .. } | Self::Weak | Self::Duplicate { .. } => {
                false
            }
        }
    }
}
