//! Fakes of the outside that behave like it, faults to inject into any call, and the contract that
//! fakes and real adapters both face. Never ships.
//!
//! [`world`] puts the fakes together, [`site`] the real door, worker and janitor on them; [`registry`], [`guard`], [`queue`], [`issuer`], [`vault`] and [`time`] are
//! them; [`faults`] (by [`faulty`]) makes their calls fail, vanish or repeat; [`contract`], [`contract_issuer`], [`contract_janitor`], [`contract_queue`] and
//! [`contract_operator`] are what each port must do;
//! [`proofs`] proves requests; [`sample`] has devices with boring values.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this crate only runs in tests, and a test may panic"
)]

pub mod contract;
pub mod contract_issuer;
pub mod contract_janitor;
pub mod contract_operator;
pub mod contract_queue;
pub mod faults;
pub mod faulty;
pub mod guard;
pub mod issuer;
pub mod proofs;
pub mod queue;
pub mod registry;
pub mod sample;
pub mod site;
pub mod time;
pub mod vault;
pub mod world;
