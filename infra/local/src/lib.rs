//! The local AWS: the pinned emulator, the production template on it, the real functions in it.
//!
//! In the order of a run: [`workspace`] (where things are), [`venv`] (the emulator's Python),
//! [`functions`] (built and zipped as for AWS), [`ports`] and [`emulator`], [`stack`] (the template
//! deployed, by its [`outputs`]), [`takeover`] (its tables kept by another stack), [`database`] and [`host`] (MariaDB and a server of the host form), [`sdk`] (clients that never look at the user's AWS settings), [`fleet`] (devices to
//! import), [`watch`] (what the emulator says came of it, by [`iot`] among others). [`site`] is all of it in one call; the
//! `demo` binary and the test suites stand on it.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod child;
pub mod database;
pub mod emulator;
pub mod error;
pub mod fleet;
pub mod functions;
pub mod host;
pub mod iot;
pub mod outputs;
pub mod ports;
pub mod sdk;
pub mod site;
pub mod stack;
pub mod takeover;
pub mod venv;
pub mod watch;
pub mod workspace;

pub use error::Error;
