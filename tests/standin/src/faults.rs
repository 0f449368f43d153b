//! What can go wrong on purpose, and the dice that decide when.

use std::sync::Mutex;

use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use futures_util::future::ready;
use futures_util::stream::once;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::lock;
use crate::wire::Refusal;

/// How often calls go wrong at random. All are fractions from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultOptions {
    /// AWS IoT calls that are throttled though they keep to the quota. Each takes its token from
    /// the bucket, as the call of a neighbour in the same account would.
    pub throttle: f64,
    /// Calls of any service that take effect and whose answer never arrives: half of them meet a
    /// cut connection, half of them a 500.
    pub lose_response: f64,
    /// Calls of any service that fail with a 500 or 503 before any effect.
    pub fail: f64,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Spared,
    /// 500 before any effect.
    Broken,
    /// 503 before any effect.
    Unavailable,
    /// The effect happens and the connection is cut.
    Cut,
    /// The effect happens and a 500 is answered.
    Mute,
}

/// Seeded dice: the same calls in the same order meet the same fates.
#[derive(Debug)]
pub(crate) struct Dice {
    random: Mutex<StdRng>,
    options: Mutex<FaultOptions>,
}

impl Dice {
    pub(crate) fn new(options: FaultOptions, seed: u64) -> Self {
        Self {
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            options: Mutex::new(options),
        }
    }

    pub(crate) fn set(&self, options: FaultOptions) {
        *lock(&self.options) = options;
    }

    fn options(&self) -> FaultOptions {
        *lock(&self.options)
    }

    fn hits(&self, chance: f64) -> bool {
        chance > 0.0 && lock(&self.random).random::<f64>() < chance
    }

    /// Whether a neighbour's call takes the place of this one.
    pub(crate) fn throttles(&self) -> bool {
        self.hits(self.options().throttle)
    }

    pub(crate) fn fate(&self) -> Fate {
        let options = self.options();
        if self.hits(options.fail) {
            return self.either(Fate::Broken, Fate::Unavailable);
        }
        if self.hits(options.lose_response) {
            return self.either(Fate::Cut, Fate::Mute);
        }
        Fate::Spared
    }

    fn either(&self, one: Fate, other: Fate) -> Fate {
        if self.hits(0.5) { one } else { other }
    }
}

/// A server's error that no caller is to blame for.
pub(crate) fn trouble(status: u16) -> Refusal {
    let code = match status {
        503 => "ServiceUnavailable",
        _ => "InternalFailure",
    };
    Refusal::new(status, code, "injected")
}

/// An answer that breaks off before its first byte: the connection is closed under the caller.
pub(crate) fn cut() -> Response {
    let broken: Result<Bytes, std::io::Error> = Err(std::io::ErrorKind::ConnectionReset.into());
    let mut answer = Response::new(Body::from_stream(once(ready(broken))));
    let length = HeaderValue::from_static("1");
    answer.headers_mut().insert(CONTENT_LENGTH, length);
    answer
}
