//! The device's side of the Certificate Vending Machine: the other end of the wire.
//!
//! Read it in this order: [`action`] and [`exchange`] (what comes next, without any IO),
//! [`auth`], [`endpoint`] and `transport` (HTTP, and how a device shows who it is),
//! [`identity`] (the key that is made here), [`verify`] (what is believed of a bundle), [`install`]
//! (what is on the disk, and how a run that was cut short goes on), [`mod@vend`] (all of it in one
//! call), [`mqtt`] (the proof that the certificate works), [`error`] (how runs end),
//! [`mod@conformance`] (the contract as rules for any server).

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

pub mod action;
pub mod auth;
pub mod conformance;
pub mod endpoint;
pub mod error;
pub mod exchange;
pub mod identity;
pub mod install;
pub mod mqtt;
mod plan;
mod resolve;
mod run;
mod transport;
pub mod vend;
pub mod verify;

pub use auth::Auth;
pub use error::Error;
pub use mqtt::ConnectConfig;
pub use mqtt::Connected;
pub use mqtt::connect;
pub use vend::VendConfig;
pub use vend::Vended;
pub use vend::vend;
