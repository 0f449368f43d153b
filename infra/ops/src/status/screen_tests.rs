//! The screen says what there is, in colours and numbers that programs can read.

use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::trails::Counts;
use cvm_shared::operate::work::Levels;

use super::*;

fn look() -> Look {
    let counts = |pairs: &[(&str, i64)]| -> Counts {
        pairs.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect()
    };
    let minute = 28_000_000;
    Look {
        at: UnixMillis(minute * 60_000 + 30_000),
        queue: Levels {
            ready: 700,
            in_flight: 40,
            delayed: 1,
        },
        dead_letters: 2,
        states: counts(&[("Vended", 1200), ("Requested", 700), ("Failed", 3)]),
        oldest: Some((
            SerialNumber::parse("SN-7").unwrap(),
            UnixMillis((minute - 20) * 60_000),
        )),
        minutes: vec![
            (minute - 7, counts(&[("finish", 999)])),
            (minute - 2, counts(&[("finish", 600), ("fail", 1)])),
            (minute, counts(&[("finish", 50)])),
        ],
        sweep: Some((
            UnixMillis((minute - 4) * 60_000),
            json!({ "rows": 3, "orphans": 0, "failed": 0 }),
        )),
        recent: Ok(Recent {
            throttles: 41,
            failures: 2,
        }),
        alarms: Ok(vec!["cvm-dead\u{1b}[31m".to_owned()]),
    }
}

fn value(name: &str) -> Value {
    let facts = facts(&look(), 10.0);
    let fact = facts.into_iter().find(|fact| fact.name == name);
    fact.unwrap().value
}

#[test]
fn only_whole_minutes_make_the_rate() {
    assert_eq!(value("vendedPerSecond"), json!(2.0));
    assert_eq!(value("failedRecently"), json!(1));
}

#[test]
fn the_time_to_go_is_by_the_quota_or_the_faster_rate() {
    assert_eq!(value("secondsToGo"), json!(70));
    assert_eq!(value("oldestSeconds"), json!(20 * 60 + 30));
}

#[test]
fn throttles_are_no_failures_and_metrics_that_cannot_be_read_are_told() {
    let found = facts(&look(), 10.0);
    let of = |name: &str| found.iter().find(|fact| fact.name == name).unwrap();
    assert_eq!(of("iotThrottles").value, json!(41));
    assert_eq!(of("iotThrottles").colour, None);
    assert_eq!(of("issueFailures").colour, Some(Color::Red));
    let blind = Look {
        recent: Err("not readable: no route".to_owned()),
        ..look()
    };
    let blind = facts(&blind, 10.0);
    for name in ["iotThrottles", "issueFailures"] {
        let fact = blind.iter().find(|fact| fact.name == name).unwrap();
        assert_eq!(fact.value, Value::Null);
        assert_eq!(fact.note, "not readable: no route");
    }
}

#[test]
fn what_a_sweep_did_not_do_is_not_told() {
    assert_eq!(value("sweepResult"), json!({ "rows": 3 }));
}

#[test]
fn the_screen_moves_no_cursor_and_names_every_state() {
    let screen = table(&facts(&look(), 10.0), false);
    assert!(!screen.contains('\u{1b}'), "{screen}");
    for state in STATES {
        assert!(screen.contains(state), "{screen}");
    }
    assert!(screen.contains("20 min 30 s, device SN-7"), "{screen}");
    assert!(screen.lines().count() <= 24, "it fits on one screen");
}
