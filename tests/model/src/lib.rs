//! Explores the issuance protocol exhaustively, with the functions that ship.
//!
//! What decides is `cvm_shared::transition::next`, `cvm_shared::care::waiting`, `cvm_worker::plan::plan`,
//! `cvm_worker::chores::chores` and `cvm_worker::settle::settle` themselves ([`rows`] asks them). What
//! is written anew here is only what surrounds them: who calls them when, and what the calls do to the
//! row, to AWS IoT, to the bucket and to the queue ([`model`]).
//!
//! The [`search`] is breadth first over all states, compared in full, so a counter-example is as short
//! as one can be. That all comes to rest is judged on the finished graph, backwards from the states at
//! rest: a state that can only go round in circles is found, which a checker that follows single paths
//! to their ends (stateright's `eventually`) does not promise. "By itself" means: without the device,
//! without an operator, without another fault; with time, workers, doors and janitor at work.
//!
//! What a [`focus`] may hold is bounded ([`budget`]); a [`mutant`] leaves one rule out and must be
//! refuted.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::cast_possible_truncation,
    reason = "this crate never ships; its numbers are small, and a model that meets its bounds has to stop"
)]

pub mod budget;
pub mod check;
mod effect;
mod ending;
pub mod focus;
pub mod happening;
pub mod hash;
mod iot;
mod janitor;
mod memory;
pub mod model;
pub mod mutant;
pub mod names;
mod outside;
pub mod queue;
pub mod rows;
pub mod search;
pub mod timer;
pub mod view;
mod worker;
pub mod world;
