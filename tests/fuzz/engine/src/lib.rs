//! A small coverage-guided fuzzer, in one process and one thread.
//!
//! [`coverage`] reads the counters that the compiler puts on every edge of the code under test,
//! [`mutate`] makes new inputs of known ones with the randomness of [`dice`], [`pool`] keeps those that
//! reached something new, [`hunt`] is the loop, [`panics`] and [`watchdog`] see what goes wrong,
//! [`shrink`] makes it shorter, [`summary`] says what came of it.
//!
//! Why our own: libFuzzer's crate carries a licence that is not among ours, and this one needs neither
//! a nightly compiler nor clang.

pub mod coverage;
pub mod dice;
pub mod files;
pub mod hunt;
pub mod mutate;
pub mod panics;
pub mod pool;
pub mod shrink;
pub mod summary;
pub mod watchdog;
