//! The operator's side: devices are imported into the table and shown from it. It never calls AWS IoT.
//!
//! Import, from outside in: [`import`] (the loop and its summary), [`source`] (a file as chunks of
//! rows), [`columns`], [`row`] and [`login`] (what a row may say), [`refusal`] (why it may not),
//! `settle` (a chunk's way into the table), `offer` (what is added, what counts as the same),
//! [`roster`] (how rows are added). Show: [`show`], with dates from [`calendar`]. The terminal: [`cli`] and
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
pub mod login;
mod offer;
pub mod refusal;
pub mod roster;
pub mod row;
mod settle;
pub mod show;
pub mod source;
pub mod terminal;
