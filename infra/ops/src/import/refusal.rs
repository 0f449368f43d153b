//! Why a row was not imported: a line, a column, a rule; never what stood there.

use cvm_shared::ids::Malformed;

/// How many bits a secret must have, at least by its looks, to be stored unstretched (NIST SP 800-63B
/// revision 3, section 5.1.2.2: with fewer than 112 it is to be salted and put through a slow hash).
pub const SECRET_BITS_MIN: u32 = 112;

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
    /// It is none of the objects that a file of JSON holds.
    #[error("is no JSON object of texts under the names of the columns, each at most once")]
    NoObject,
    /// A column breaks its rule.
    #[error("{column}: {rule}")]
    Malformed {
        /// The column.
        column: &'static str,
        /// The rule.
        rule: String,
    },
    /// The secret can be guessed: whoever can read the table could try them all.
    #[error("secret: too weak, must have {SECRET_BITS_MIN} bits and has at most {bits}")]
    Weak {
        /// What it has at most.
        bits: u32,
    },
    /// The device is to prove a secret that has to be stretched: it does not know the salt.
    #[error(
        "auth: proof needs a secret of {SECRET_BITS_MIN} bits, this one has at most {bits} \
         and cannot be proven once it is stretched"
    )]
    Unprovable {
        /// What it has at most.
        bits: u32,
    },
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

    /// Whether the row itself is sound and the table stands against it.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Unreadable { .. } => true,
            Self::Fields { .. }
            | Self::NoObject
            | Self::Malformed { .. }
            | Self::Weak { .. }
            | Self::Unprovable { .. }
            | Self::Duplicate { .. } => false,
        }
    }
}
