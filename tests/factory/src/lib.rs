//! A factory's work through the real `cvmctl`, on the stand-in for AWS: a large [`import`] and a large [`batch`], each cut
//! off by Ctrl-C and gone on with. [`child`] runs the tool and weighs it, [`site`] is what it works on. Never ships.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")
)]

pub mod batch;
pub mod child;
pub mod import;
pub mod site;
