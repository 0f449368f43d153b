//! The operator's side: devices are imported into the table and shown from it. It never calls AWS IoT.
//!
//! Import, from outside in: [`import`] (the loop and its summary), [`source`] (a file as chunks of
//! rows), [`columns`] and [`row`] (what a row may say), [`refusal`] (why it may not), [`roster`]
//! (how rows are added). Show: [`show`], with dates from [`calendar`]. The terminal: [`cli`] and
//! [`terminal`]. All but the last two can be called in process.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod calendar;
pub mod cli;
pub mod columns;
pub mod import;
mod lines;
pub mod refusal;
pub mod roster;
pub mod row;
pub mod show;
pub mod source;
pub mod terminal;
