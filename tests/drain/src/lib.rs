//! A backlog of devices, drained by the real worker in virtual time.
//!
//! The [`plan`] says how many devices wait, how many workers there are and what the account may do. [`run`] puts the
//! worker that ships, with the pacer that ships, on ports that are cheap enough for a million devices: the [`table`]
//! holds the rows that are worked on and forgets the others, the [`vault`] keeps nothing, the [`issuer`] stands before
//! the quotas of an [`account`], the [`queue`] hands out as SQS does, and each call takes its time ([`latency`]). The
//! [`source`] invokes workers as Lambda would. [`gauge`] and [`waits`] measure, [`figures`] and [`promise`] tell what it
//! came to, [`polls`] what the waiting devices ask meanwhile. What is too much for that is reckoned ([`fluid`]), and
//! [`sweep`] and [`beyond`] look for the knee. One thread, no wall clock, all chance from one seed: a plan always gives
//! the same figures.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

pub mod account;
pub mod beyond;
pub mod cli;
pub mod effort;
pub mod figures;
pub mod fluid;
pub mod gauge;
pub mod issuer;
pub mod latency;
pub mod plan;
pub mod polls;
pub mod promise;
pub mod queue;
pub mod report;
pub mod run;
pub mod source;
pub mod stock;

pub mod sweep;
pub mod table;
pub mod ticks;
pub mod vault;
pub mod waits;

/// There is one thread: a lock is only what shared ports ask for.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
