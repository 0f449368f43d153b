//! The only hand that issues.
//!
//! One delivery of one message runs through: [`batch`] (decode, fence off panics, answer the batch),
//! [`run`] (carries out, through the ports, the steps that [`plan`] names), [`ending`] (how a run
//! ends), [`settle`] (what becomes of the message). [`iot`] is the one file that names the AWS IoT
//! client; [`verify`] checks what it brings back; [`pacer`] holds the rate.

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
pub mod config;
pub mod ending;
pub mod iot;
pub mod pacer;
pub mod plan;
pub mod run;
pub mod settle;
pub mod verify;
