//! `cargo timing`: whether a stopwatch can tell who is known here.
//!
//! The real door, in this process and on fakes that never wait, refuses logins of several [`class`]es in an order
//! drawn anew for each round ([`sample`]). Each class is compared with the first, a wrong secret for a known device,
//! as dudect does: Welch's t on several crops of the samples, for the long tail of an operating system hides
//! what the short times show ([`stats`]). With so many samples a few nanoseconds are significant, and no network
//! carries them, so a difference counts only if it is both ([`verdict`]):
//!
//! - |t| is 4.5 or more on most crops, and
//! - the quartiles have moved by 100 ns and by 0.5 % of the median.
//!
//! [`planted`] leaks are measured in the same way first: a test that does not find those finds nothing.
//!
//! The table here ([`table`]) takes as long for no row as for one. A real table does not: an answer with an item in
//! it is longer, and is taken apart longer, by some microseconds. That is not the door's to even out, and it lies
//! far below what a call to DynamoDB varies by; it is named here so that nobody takes this test for more than it is.

pub mod class;
pub mod cli;
pub mod planted;
pub mod report;
pub mod sample;
pub mod stats;
pub mod table;
pub mod verdict;
