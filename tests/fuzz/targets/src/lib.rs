//! What is fuzzed, and what must hold whatever comes in.
//!
//! A target is a function of bytes that panics if a rule is broken. [`http`] plays scripts of requests
//! at the real door on fakes ([`script`], [`stage`], [`rules`], [`legacy`]), [`csr`] parses signing requests,
//! [`message`] gives the worker what a queue might hold, [`proof`] reads credentials, nonces, proofs,
//! sealed and open bundles, [`import`] takes an operator's file. [`told`] counts what came of it.

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
pub mod legacy;
pub mod message;
pub mod proof;
pub mod rules;
pub mod script;
pub mod stage;
pub mod texts;
pub mod told;
pub mod words;

use crate::told::Told;

/// Something to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Runs one input; panics if a rule is broken.
    pub run: fn(&[u8], &mut Told),
    /// Words that mean something to it.
    pub words: &'static [&'static str],
    /// The longest input that is made for it, in bytes.
    pub longest: usize,
}

/// All targets.
pub const ALL: [Target; 5] = [
    Target {
        name: "http",
        run: http::run,
        words: words::HTTP,
        longest: 4096,
    },
    Target {
        name: "csr",
        run: csr::run,
        words: words::CSR,
        longest: 4200,
    },
    Target {
        name: "message",
        run: message::run,
        words: words::MESSAGE,
        longest: 4096,
    },
    Target {
        name: "proof",
        run: proof::run,
        words: words::PROOF,
        longest: 2048,
    },
    Target {
        name: "import",
        run: import::run,
        words: words::IMPORT,
        longest: 4096,
    },
];
