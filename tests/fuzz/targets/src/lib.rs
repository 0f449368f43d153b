//! What is fuzzed, and what must hold whatever comes in.
//!
//! A target is a function of bytes that panics if a rule is broken. [`http`] plays scripts of requests
//! at the real door on fakes ([`script`], [`stage`], [`rules`], [`legacy`]), [`csr`] parses signing requests,
//! [`message`] gives the worker what a queue might hold, [`proof`] reads credentials, nonces, proofs,
//! sealed and open bundles, [`import`] takes an operator's file. [`told`] counts what came of it, [`ledger`]
//! writes that down.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is how a target says that a rule is broken"
)]

pub mod csr;
pub mod http;
pub mod import;
pub mod ledger;
pub mod legacy;
pub mod message;
pub mod proof;
pub mod rules;
pub mod script;
pub mod stage;
pub mod texts;
pub mod told;

use crate::told::Told;

/// Something to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Runs one input; panics if a rule is broken.
    pub run: fn(&[u8], &mut Told),
}

/// All targets.
pub const ALL: [Target; 5] = [
    Target {
        name: "http",
        run: http::run,
    },
    Target {
        name: "csr",
        run: csr::run,
    },
    Target {
        name: "message",
        run: message::run,
    },
    Target {
        name: "proof",
        run: proof::run,
    },
    Target {
        name: "import",
        run: import::run,
    },
];
