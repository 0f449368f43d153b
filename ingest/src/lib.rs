//! The open door: authenticates devices, accepts what they ask for, shows how it stands.
//!
//! It cannot issue. One request runs through: [`http`] (what came, what goes back), [`routes`]
//! (which call it is), [`credentials`] and [`login`] (who asks), then [`submit`], [`show`], [`confirm`] or [`roots`].
//! `legacy` has the calls of two published machines, which wait for what they ask for.
//! [`countersign`] proves the answer. Every refusal is a member of the closed list in [`problem`].
//! [`tally`] has what logs and metrics say of a call.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod bundles;
pub mod config;
pub mod confirm;
pub mod countersign;
pub mod credentials;
pub mod door;
pub mod http;
mod legacy;
pub mod login;
pub mod nonces;
pub mod pace;
pub mod problem;
pub mod roots;
pub mod routes;
pub mod show;
mod slow;
pub mod submission;
pub mod submit;
pub mod tally;
