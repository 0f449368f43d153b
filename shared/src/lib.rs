//! What all sides of the Certificate Vending Machine agree on.
//!
//! This crate knows no AWS, no async runtime, no clock and no environment. Read it in this order:
//! [`ids`] and [`csr`] (what may be said), [`verifier`] and [`secret`] (what may not be said),
//! [`request`] and [`message`] (what is asked), [`record`] and [`state`] (what is known, and the
//! one function that changes it, on an [`event`]), [`failure`] and [`outcome`] (how things end), [`ports`] (what the
//! outside must do), [`api`] and [`bundle`] (what a device sees).

pub mod api;
pub mod bundle;
pub mod csr;
pub mod event;
pub mod failure;
pub mod ids;
pub mod lease;
pub mod message;
pub mod outcome;
pub mod ports;
pub mod record;
pub mod request;
pub mod secret;
pub mod state;
pub mod time;
pub mod trust;
pub mod verifier;
pub mod write;
