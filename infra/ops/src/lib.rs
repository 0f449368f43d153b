//! The operator's side: devices are imported into the table and shown from it. It never calls AWS IoT.
//!
//! [`cli`] is the command line, [`context`] and [`site`] what every command is given ([`aws`] and `host`, the two forms of the
//! machine; `store` says which store each part is in), [`printer`] and [`terminal`]
//! how it answers, [`trouble`] why it could not. Then a folder for each command: [`devices`], [`import`] (its import,
//! which can be called in process), [`dlq`], [`batch`], [`audit`], [`status`], [`report`], [`cost`], [`moving`], and
//! [`sweep`].

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod audit;
pub mod aws;
pub mod batch;
pub mod calendar;
pub mod cli;
pub mod completions;
pub mod context;
pub mod cost;
pub mod devices;
pub mod dlq;
mod host;
pub mod import;
pub mod moving;
mod patience;
pub mod printer;
pub mod report;
pub mod site;
pub mod span;
pub mod status;
mod store;
pub mod sweep;
pub mod terminal;
pub mod trouble;
