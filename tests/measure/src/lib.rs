//! What a certificate costs, measured on the real functions and an AWS in memory. Never ships.
//!
//! [`rig`] is a door and a worker without anything around them: each event is given to them by hand, so that nothing is
//! counted but what is meant. [`device`] makes the requests. On it stand the measurements, each in a file of its name:
//! [`calls`], [`cpu`], [`cold`], [`latency`] and [`instructions`]. [`burst`], [`scale`] and [`import`] run the commands that
//! exist for whole fleets, [`choices`] builds the functions otherwise, and [`against`] asks a door that is somewhere else.
//! [`sheet`] shows figures, [`target`] holds them against what was promised. Only what does not depend on the machine is judged: counts, rounds, shares.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")
)]

pub mod against;
pub mod bounds;
pub mod burst;
pub mod calls;
pub mod choices;
pub mod cold;
pub mod cpu;
pub mod device;
pub mod figures;
pub mod import;
pub mod instructions;
pub mod latency;
pub mod parts;
pub mod peer;
pub mod rig;
pub mod scale;
pub mod sheet;
pub mod stopwatch;
pub mod target;
