//! The AWS adapters that several sides share. AWS IoT is not among them: that one is the worker's.
//!
//! [`config`] turns the environment into types, [`clients`] builds the service clients once,
//! [`classify`] is the only map from AWS errors to [`cvm_shared::failure::Failure`]; the rest are
//! [`queue`] and [`intake`] (SQS), [`vault`] (S3),
//! [`system`] (clock and randomness); [`meters`] and [`telemetry`] (what is told to CloudWatch); and what operators have: [`roster`] (adds devices), [`listing`] (lists them), [`rows`] and
//! [`orders`] (many at once), [`batches`] (what is kept of a factory's batches), [`stock`] and
//! [`keys`] (all that there is, for a move to another store).

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
pub mod clients;
pub mod columns;
pub mod config;
pub mod guard;
pub mod intake;
pub mod item;
pub mod keys;
pub mod listing;
pub mod meters;
pub mod orders;
pub mod queue;
pub mod registry;
pub mod roster;
pub mod rows;
pub mod stock;
pub mod system;
pub mod telemetry;
pub mod trails;
pub mod vault;
