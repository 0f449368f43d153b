//! The host form's binary, started as an operator starts it, against a real MariaDB and an AWS in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod ends;
mod lab;
mod lives;
mod starts;
mod steps;
mod web;
