//! What all sides of the Certificate Vending Machine agree on.
//!
//! This crate knows no AWS, no async runtime, no clock and no environment. Read it in this order:
//! [`ids`] and [`csr`] (what may be said), [`secret`], [`verifier`],
//! [`proof`], [`nonce`] and [`seal`] (what may not be said, how it is shown all the same, and what is kept shut),
//! [`request`] and [`message`] (what is asked), [`record`], [`state`] and [`reprovision`] (what is known),
//! [`transition`] (the one function that changes it, on an [`event`]), [`trail`] and [`entry`] (who did so), [`care`] (which rows wait for somebody),
//! [`failure`] and [`outcome`] (how things end), [`ports`] (what the outside must do), [`operate`] (what an operator
//! needs beyond them), [`api`] and [`bundle`] (what a
//! device sees).

mod aftercare;
pub mod api;
pub mod bundle;
pub mod care;
pub mod csr;
pub mod entry;
pub mod event;
pub mod failure;
pub mod ids;
pub mod lease;
pub mod message;
pub mod nonce;
pub mod operate;
pub mod outcome;
pub mod ports;
pub mod proof;
pub mod record;
pub mod reprovision;
pub mod request;
pub mod row;
pub mod seal;
pub mod secret;
pub mod state;
pub mod time;
pub mod trail;
pub mod transition;
pub mod trust;
pub mod verifier;
pub mod write;
