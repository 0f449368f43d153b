//! Runs the real function binaries as Lambda would, and strikes them. Never ships.
//!
//! From the inside out: [`function`] is a function whose processes ask the Lambda Runtime API of this
//! program for their events; [`poller`] feeds it from a queue, [`front`] from HTTP ([`event`] and
//! [`gateway`] are what they say to each other); [`proxy`] stands between a function and AWS.
//! [`backend`] is the AWS behind them, [`lane`] all of it put together, [`life`] what a device
//! makes of it, [`matrix`] many lives with a strike in each. [`mod@burst`] is many devices at
//! once: a [`fleet`], a [`killer`] and a [`gauge`] of what the workers make of the quota. [`hosts`] is the same burst on servers
//! of the host form, [`procs`] what processes cost. [`shell`] is around the
//! commands `crash` and `burst`.

mod environment;
mod process;
mod runtime;
mod serve;
mod tls;

pub mod backend;
pub mod burst;
pub mod error;
pub mod event;
pub mod fleet;
pub mod front;
pub mod function;
pub mod gateway;
pub mod gauge;
pub mod hosts;
pub mod killer;
pub mod lane;
pub mod life;
pub mod matrix;
pub mod poller;
pub mod procs;
pub mod proxy;
pub mod shell;
pub mod sweep;

pub use error::Error;
