//! Writes the page of a batch that never was: its devices' lives come in as JSON, the page goes out. For the browser's
//! test (`tests/report/browser`), which works out by itself what the page must show.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's tool may panic"
)]

use std::io::Read as _;
use std::io::Write as _;

use cvm_ops::report::facts::Facts;
use cvm_ops::report::facts::Life;
use cvm_ops::report::page::page;
use cvm_shared::time::UnixMillis;
use serde_json::Value;

fn life(told: &Value) -> Life {
    let text = |name: &str| told[name].as_str().map(str::to_owned);
    let moment = |name: &str| told[name].as_u64().map(UnixMillis);
    Life {
        serial: text("serial").expect("a serial number"),
        state: text("state").expect("a state"),
        error: text("error"),
        asked_at: moment("askedAt"),
        ready_at: moment("readyAt"),
    }
}

fn main() {
    let mut told = String::new();
    std::io::stdin().read_to_string(&mut told).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let lives: Vec<Life> = told["lives"].as_array().unwrap().iter().map(life).collect();
    let batch = told["batch"].as_str().unwrap();
    let made_at = UnixMillis(told["madeAt"].as_u64().unwrap());
    let facts = Facts::of(batch, made_at, told["quota"].as_f64().unwrap(), &lives);
    std::io::stdout()
        .write_all(page(&facts).as_bytes())
        .unwrap();
}
