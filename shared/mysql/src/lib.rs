//! The adapters of the host form, on MySQL 8 or MariaDB 10.6 and later. No AWS in here.
//!
//! [`database`] connects, [`classify`] is the only map from the database's errors to
//! [`cvm_shared::failure::Failure`]. The ports are [`registry`] and [`backlog`] (the device table), [`guard`], and, for a
//! host that has neither SQS nor S3, [`queue`] and [`vault`]. [`trails`] are written along. What operators have: [`rows`] and
//! [`orders`] (many at once), [`listing`] (from one end to the other), [`batches`].
//!
//! Statements are plain SQL that both databases take. A condition is decided by the rows that a statement changed, never by
//! what a SELECT said before it.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod backlog;
pub mod batches;
pub mod classify;
pub mod database;
pub mod guard;
pub mod links;
pub mod listing;
pub mod lock;
pub mod orders;
pub mod queue;
pub mod registry;
pub mod row;
pub mod rows;
pub mod trails;
pub mod vault;
