//! The host form's adapters on a real MariaDB, which this program starts and takes along when it ends.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod aliases;
mod calls;
mod contracts;
mod crowd;
mod faults;
mod grants;
mod strictness;
mod tls;
mod trigger;
