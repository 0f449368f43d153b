//! Bad inputs, canaries and clocks: what a hostile client, a reader of logs and a stopwatch get. Never ships.
//!
//! Three suites. [`table`] is the catalogue of bad inputs (`B1` to `B67` and a few more) as rows, each an
//! [`event`] with the answer it must get; [`stage`] runs the real function binaries for it, [`judge`] compares
//! answer and [`footprint`]. For the canaries, [`wiretap`] keeps what the functions say to AWS and [`forms`]
//! are the shapes in which a secret may turn up in some [`evidence`]. [`timing`] is the command `cargo timing`.
//!
//! [`naughty`] has texts that break things; [`der`] and [`draft`] write signing requests of any kind;
//! [`cast`] has the devices.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "this crate only runs in tests, and a test may panic"
)]

pub mod cast;
pub mod der;
pub mod draft;
pub mod event;
pub mod evidence;
pub mod footprint;
pub mod forms;
pub mod judge;
pub mod naughty;
pub mod row;
pub mod stage;
#[expect(
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::format_collect,
    reason = "a table is as long as its rows, and its bad texts are written out as they are sent"
)]
pub mod table;
pub mod timing;
pub mod wiretap;
