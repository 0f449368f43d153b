//! `cargo timing`: whether a stopwatch tells strangers from devices.

pub mod cli;
