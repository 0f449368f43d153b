//! Names that look like another one's: none of them reaches that one's row (security table B25).

use cvm_maria::lab;
use cvm_mysql::registry::MySqlRegistry;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Registry as _;
use cvm_testkit::sample;

/// Case, full width, a look-alike, accents, an end of line, NUL: as a collation of people's languages would fold them.
const ALIASES: [&str; 10] = [
    "sn-1",
    "Sn-1",
    "SN-1\t",
    "SN-1\n",
    "SN-1\0",
    " SN-1",
    "\u{ff33}\u{ff2e}-\u{ff11}",
    "\u{405}N-1",
    "S\u{301}N-1",
    "SN\u{ad}-1",
];

#[tokio::test]
async fn no_alias_finds_the_row() {
    let database = lab::database().await;
    let registry = MySqlRegistry::new(database.clone());
    registry.add(&sample::device("SN-1")).await.unwrap();
    for alias in ALIASES {
        let text = "SELECT COUNT(*) FROM cvm_devices WHERE `productid` = ?";
        let query = sqlx::query_scalar::<_, i64>(text).bind(alias);
        let count = query.fetch_one(database.pool()).await;
        // A text that is no ASCII may be refused instead.
        assert_eq!(count.unwrap_or(0), 0, "{alias:?}");
        if let Ok(serial) = SerialNumber::parse(alias) {
            assert_eq!(registry.load(&serial).await, Ok(None), "{alias:?}");
        }
    }
}

/// To the column, spaces at the end are none (SQL's PAD SPACE, in all of MySQL's collations for ASCII). No such name gets
/// there: the type of names refuses it.
#[tokio::test]
async fn a_space_at_the_end_is_no_name_of_ours() {
    for alias in ["SN-1 ", "SN-1  "] {
        assert!(SerialNumber::parse(alias).is_err(), "{alias:?}");
    }
}

#[tokio::test]
async fn names_that_differ_in_case_are_two_devices() {
    let registry = MySqlRegistry::new(lab::database().await);
    let (upper, lower) = (sample::device("SN-1"), sample::device("sn-1"));
    assert!(registry.add(&upper).await.unwrap());
    assert!(registry.add(&lower).await.unwrap());
    assert_eq!(registry.load(&upper.serial).await, Ok(Some(upper)));
    assert_eq!(registry.load(&lower.serial).await, Ok(Some(lower)));
}
