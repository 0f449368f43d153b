//! A MariaDB for the suites, and the MySQL adapters on it in place of the testkit's fakes.
//!
//! [`lab`] starts one server for a program and makes databases. [`ground`] is what a suite stands on: the fakes, or the
//! adapters; [`proxy`] stands in front of it and strikes commands. The adapters are [`table`], [`guard`], [`queue`] and [`shelf`], each behind the face that the testkit's own has; their
//! calls block ([`blocking`]), so that a suite's clock stands still meanwhile and a seed gives one history.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this crate only runs in tests, and a test may panic"
)]

pub mod blocking;
pub mod ground;
pub mod guard;
pub mod lab;
pub mod proxy;
pub mod queue;
pub mod shelf;
pub mod table;
