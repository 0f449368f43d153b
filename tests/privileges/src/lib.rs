//! Whether each role of `infra/template.yaml` may do what its code does, and nothing else. Never ships.
//!
//! [`recording`] is the list of calls that were made under each role, written down by the end-to-end, operators' and
//! crash runs and kept in `recorded.ndjson`. [`mod@reference`] says which actions AWS asks for a call, [`template`] what the
//! policies say in a partition, [`policy`] decides one by the other, and [`audit`] holds all of it together: a call that
//! is not allowed is a finding, and so is a right that no call needs and no line of [`reasons`] explains.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "only tests use it, and a test may panic"
)]

pub mod audit;
pub mod policy;
pub mod reasons;
pub mod recording;
pub mod reference;
pub mod template;
