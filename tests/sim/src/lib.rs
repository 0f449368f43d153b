//! Seeded runs of the real door, worker and janitor over fakes with a virtual clock.
//!
//! One seed is one small world: [`scenario`] draws what will happen in it, [`world`] puts the real
//! parts on the fakes of the testkit, [`executor`] and [`time`] run them in virtual time, [`port`]
//! lets each call meet a [`fault`], [`watch`] checks the invariants after every effect and [`verdict`]
//! when all is quiet. Actors: [`device`], [`source`] (the queue's event source, its workers, the
//! janitor's schedule), [`operator`]. [`run`] plays one seed, [`shrink`] makes a failure small,
//! [`report`] tells what happened. Single-threaded, no wall clock, all chance from [`dice`]: a seed
//! always gives the same run.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this crate only runs in tests, and a test may panic"
)]

pub mod calls;
pub mod chronicle;
pub mod cli;
pub mod device;
pub mod dice;
pub mod doors;
pub mod executor;
pub mod fault;
pub mod fleet;
pub mod indexes;
pub mod operator;
pub mod parcel;
pub mod port;
pub mod ports;
pub mod ports_issuing;
pub mod process;
pub mod report;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod source;
pub mod time;
pub mod verdict;
pub mod watch;
pub mod weather;
pub mod world;
