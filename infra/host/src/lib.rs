//! The host form: door, worker and janitor in one process, on EC2 or any machine, with MySQL in place of DynamoDB.
//!
//! The logic is that of `cvm_ingest` and `cvm_worker`; here is only what Lambda, API Gateway and the event source do
//! elsewhere. [`settings`] and [`config`] (what a server is told), [`parts`] (which queue, which vault), [`entrance`], [`tls`]
//! and [`web`] (the door), [`crew`] (the work), [`rounds`] (the janitor), [`admin`] and [`prometheus`] (health and metrics), [`token`]
//! (RDS IAM), [`serve`] (all of it, from start to shutdown).

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod admin;
pub mod config;
pub mod crew;
pub mod entrance;
pub mod parts;
pub mod prometheus;
pub mod rounds;
pub mod serve;
pub mod settings;
pub mod stop;
pub mod tls;
pub mod token;
pub mod web;
