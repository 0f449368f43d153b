//! A fleet that asks all at once, against API Gateway's quotas and the pace that ships.
//!
//! [`run`] takes one event after another from the [`calendar`]: a [`device`] submits or polls, the
//! [`gateway`] lets it through or not, one of the [`doors`] has the real gauge tell it how long to wait
//! on what it knows of the [`backlog`]. [`plan`] says what is simulated, [`meter`] counts,
//! [`figures`] and [`cost`] tell what it came to, [`report`] shows it. One thread, no wall clock, all
//! chance from one seed: a plan always gives the same figures.

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
pub mod calendar;
pub mod cli;
pub mod cost;
pub mod device;
pub mod doors;
pub mod figures;
pub mod gateway;
pub mod meter;
pub mod plan;
pub mod report;
pub mod run;
