//! The only hand that issues.
//!
//! One delivery of one message runs through: [`batch`] (decode, fence off panics, answer the batch),
//! [`run`] (who may work and for how long), [`plan`] (the next step) and `steps` (carries it out through the
//! ports), [`ending`] (how a run ends), [`settle`] (what becomes of the message). [`iot`] alone names the AWS IoT client;
//! [`verify`] checks what it brings back; [`pacer`] holds the [`rates`].
//!
//! The janitor goes round by [`sweep`]: rows by the [`chores`] that they need, orphaned certificates, on its [`table`].
//! An operator can send it too, on an [`errand`].

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod batch;
pub mod chores;
pub mod config;
pub mod ending;
pub mod errand;
pub mod iot;
mod orphans;
pub mod pacer;
pub mod plan;
pub mod rates;
pub mod run;
pub mod settle;
mod steps;
pub mod sweep;
pub mod table;
pub mod tally;
pub mod verify;
