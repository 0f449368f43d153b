//! The header of an import file: which column holds what, in whatever order.

use csv::ByteRecord;

/// The serial number's column.
pub const PRODUCT_ID: &str = "productid";
/// The secret's column.
pub const SECRET: &str = "secret";
/// The Thing's column.
pub const THING_NAME: &str = "thingName";
/// The policy's column.
pub const POLICY_NAME: &str = "policyName";
/// The column of the Thing's type; may be left out.
pub const THING_TYPE: &str = "thingType";
/// The column of the Thing's group; may be left out.
pub const THING_GROUP: &str = "thingGroup";
/// The column of the Thing's attributes; may be left out.
pub const ATTRIBUTES: &str = "attributes";
/// The column that says how the device logs in; may be left out.
pub const AUTH: &str = "auth";
/// The column that says that the policy comes from the Thing's group; may be left out.
pub const POLICY_FROM: &str = "policyFrom";
/// The column that says that the Thing is there already; may be left out.
pub const THING_MADE: &str = "thingMade";

const REQUIRED: [&str; 4] = [PRODUCT_ID, SECRET, THING_NAME, POLICY_NAME];
const OPTIONAL: [&str; 6] = [
    THING_TYPE,
    THING_GROUP,
    ATTRIBUTES,
    AUTH,
    POLICY_FROM,
    THING_MADE,
];

/// All names, in the order in which they are told.
pub(crate) const KNOWN: [&str; 10] = [
    PRODUCT_ID,
    SECRET,
    THING_NAME,
    POLICY_NAME,
    THING_TYPE,
    THING_GROUP,
    ATTRIBUTES,
    AUTH,
    POLICY_FROM,
    THING_MADE,
];

/// Why a file cannot be imported at all. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// There is no first line.
    #[error("the file is empty; its first line must name the columns {}", REQUIRED.join(", "))]
    Empty,
    /// The first line names no column that we know. It is not repeated: in a file without a header
    /// it holds the first device's secret.
    #[error(
        "the first line is no header: it must name the columns {}, separated by commas",
        REQUIRED.join(", ")
    )]
    NoHeader,
    /// Columns that must be there are not.
    #[error("missing column {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// Columns that nobody reads: a misspelt one must not be taken for an empty one.
    #[error("unknown column {}; may be {}, {}", .0.join(", "), REQUIRED.join(", "), OPTIONAL.join(", "))]
    Unknown(Vec<String>),
    /// A column is there twice.
    #[error("column {0} is there twice")]
    Twice(&'static str),
    /// The file could not be read.
    #[error("cannot read the file: {0}")]
    Unreadable(String),
}

/// Where each column is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    pub(crate) count: usize,
    pub(crate) serial: usize,
    pub(crate) secret: usize,
    pub(crate) thing: usize,
    pub(crate) policy: usize,
    pub(crate) thing_type: Option<usize>,
    pub(crate) thing_group: Option<usize>,
    pub(crate) attributes: Option<usize>,
    pub(crate) auth: Option<usize>,
    pub(crate) policy_from: Option<usize>,
    pub(crate) thing_made: Option<usize>,
}

impl Columns {
    /// Every column there is, in the order of [`KNOWN`].
    pub(crate) const ALL: Self = Self {
        count: KNOWN.len(),
        serial: 0,
        secret: 1,
        thing: 2,
        policy: 3,
        thing_type: Some(4),
        thing_group: Some(5),
        attributes: Some(6),
        auth: Some(7),
        policy_from: Some(8),
        thing_made: Some(9),
    };

    /// Reads the header.
    pub fn parse(header: &ByteRecord) -> Result<Self, HeaderError> {
        check_names(header)?;
        let optional = |name: &'static str| place(header, name);
        let required = |name: &'static str| {
            let found = place(header, name)?;
            found.ok_or_else(|| HeaderError::Missing(missing(header)))
        };
        Ok(Self {
            count: header.len(),
            serial: required(PRODUCT_ID)?,
            secret: required(SECRET)?,
            thing: required(THING_NAME)?,
            policy: required(POLICY_NAME)?,
            thing_type: optional(THING_TYPE)?,
            thing_group: optional(THING_GROUP)?,
            attributes: optional(ATTRIBUTES)?,
            auth: optional(AUTH)?,
            policy_from: optional(POLICY_FROM)?,
            thing_made: optional(THING_MADE)?,
        })
    }
}

fn check_names(header: &ByteRecord) -> Result<(), HeaderError> {
    if header.is_empty() {
        return Err(HeaderError::Empty);
    }
    let required = |cell: &&[u8]| REQUIRED.iter().any(|name| name.as_bytes() == *cell);
    if !header.iter().any(|cell| required(&cell)) {
        return Err(HeaderError::NoHeader);
    }
    let known = |cell: &&[u8]| {
        let mut names = REQUIRED.iter().chain(&OPTIONAL);
        names.any(|name| name.as_bytes() == *cell)
    };
    let unknown = header.iter().filter(|cell| !known(cell)).map(shown);
    let unknown: Vec<_> = unknown.collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(HeaderError::Unknown(unknown))
    }
}

/// A name from the file, fit for a terminal.
fn shown(cell: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(cell).chars().take(40).collect();
    format!("\"{}\"", text.escape_debug())
}

fn missing(header: &ByteRecord) -> Vec<&'static str> {
    let absent = |name: &&'static str| !header.iter().any(|cell| cell == name.as_bytes());
    REQUIRED.into_iter().filter(absent).collect()
}

fn place(header: &ByteRecord, name: &'static str) -> Result<Option<usize>, HeaderError> {
    let mut places = header
        .iter()
        .enumerate()
        .filter(|(_, cell)| *cell == name.as_bytes())
        .map(|(place, _)| place);
    let first = places.next();
    match places.next() {
        Some(_) => Err(HeaderError::Twice(name)),
        None => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(cells: &[&str]) -> String {
        let header = ByteRecord::from(cells);
        Columns::parse(&header).unwrap_err().to_string()
    }

    #[test]
    fn the_order_is_free() {
        let header = ByteRecord::from(&["policyName", "secret", "thingName", "productid"][..]);
        let columns = Columns::parse(&header).unwrap();
        assert_eq!((columns.serial, columns.secret, columns.policy), (3, 1, 0));
        assert_eq!(columns.thing_type, None);
    }

    #[test]
    fn all_columns_are_where_a_header_of_all_would_have_them() {
        let header = ByteRecord::from(&KNOWN[..]);
        assert_eq!(Columns::parse(&header), Ok(Columns::ALL));
    }

    #[test]
    fn missing_unknown_and_double_columns_are_named() {
        assert_eq!(
            refusal(&["productid", "policyName"]),
            "missing column secret, thingName"
        );
        let unknown = refusal(&[
            "productid",
            "secret",
            "thingName",
            "policyName",
            "ThingType",
        ]);
        assert!(unknown.starts_with("unknown column \"ThingType\"; may be productid,"));
        assert_eq!(
            refusal(&["productid", "secret", "secret", "thingName", "policyName"]),
            "column secret is there twice"
        );
    }

    #[test]
    fn a_file_without_a_header_does_not_show_its_first_secret() {
        for first in [&["SN-1", "hunter2-hunter2-hunter2", "", "p"][..], &[""]] {
            let refusal = refusal(first);
            assert!(
                refusal.starts_with("the first line is no header"),
                "{refusal}"
            );
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
        assert!(refusal(&[]).starts_with("the file is empty"));
    }
}
