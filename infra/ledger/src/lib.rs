//! The ledger: reads what the device table's stream tells, writes each row's trail down and counts devices by state.
//!
//! [`change`] makes an entry of what the stream tells of one row, [`book`] writes entries and keeps the count. The
//! stream tells of every write, whoever made it: what was not signed by one of our writers is written down, too.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod book;
pub mod change;
