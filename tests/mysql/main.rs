//! The host form's adapters on a real MariaDB, which this program starts and takes along when it ends.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod contracts;
