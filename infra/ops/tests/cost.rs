//! `cvmctl cost` as it is called, and infra/COST.md, whose tables are its answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::cvmctl;
use support::file;

const PAGE: &str = "../COST.md";

/// The page with the answer of each command that it shows, and how many there are.
fn answered(page: &str) -> (String, usize) {
    let (mut fresh, mut count, mut is_old_answer) = (String::new(), 0, false);
    for line in page.lines() {
        is_old_answer &= !line.starts_with("```");
        if is_old_answer {
            continue;
        }
        fresh += line;
        fresh += "\n";
        if let Some(command) = line.strip_prefix("$ cvmctl ") {
            let args: Vec<&str> = command.split(' ').collect();
            let answer = cvmctl(&args);
            assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{command}");
            fresh += &answer.out;
            (count, is_old_answer) = (count + 1, true);
        }
    }
    (fresh, count)
}

#[test]
fn the_page_shows_what_the_command_answers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).unwrap();
    let (fresh, count) = answered(&page);
    assert!(count >= 5, "{count} commands were found");
    if fresh != page {
        let fresh = file("COST.md", &fresh);
        panic!("infra/COST.md is stale; as it should be: {fresh}");
    }
}

#[test]
fn the_first_page_s_figures_are_the_command_s() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (once, idle) = (total(&[], "once"), total(&[], "idle/month"));
    let told = format!(
        "about ${once:.0} for a million devices, ${idle:.2} a month for a stack that idles"
    );
    assert!(readme.contains(&told), "{told}");
}

/// The dollars of a total.
fn total(args: &[&str], bill: &str) -> f64 {
    let answer = cvmctl(&[&["cost", "--output", "json"], args].concat());
    assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{args:?}");
    let mut lines = answer
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let total = lines.find(|line: &Value| line["bill"] == bill && line["part"] == "total");
    total.unwrap()["usd"].as_str().unwrap().parse().unwrap()
}

#[test]
fn what_costs_less_is_shown_to() {
    let usual = total(&[], "once");
    for args in [
        &["--auth", "token"][..],
        &["--mode", "keys"],
        &["--polls", "1"],
        &["--rate", "100"],
        &["--devices", "500000"],
        &["--parameter", "LogLevel=ERROR"],
        &["--parameter", "LogRetentionDays=1"],
        &["--parameter", "PollAfterSeconds=10"],
        &["--parameter", "IotCallsPerSecond=100"],
    ] {
        assert!(total(args, "once") < usual, "{args:?}");
    }
    assert!(total(&["--parameter", "Architecture=x86_64"], "once") > usual);
    let hourly = total(&["--parameter", "SweepMinutes=60"], "idle/month");
    assert!(hourly < total(&[], "idle/month"));
}

#[test]
fn another_price_list_takes_the_place_of_the_built_in_one() {
    let answer = cvmctl(&["cost", "--list", "prices", "--output", "csv"]);
    let names = answer.out.lines().skip(1);
    let names = names.map(|line| line.split(',').next().unwrap());
    let lines: Vec<String> = names.map(|name| format!("{name},0,1")).collect();
    let list = lines.join(
        "
",
    );
    let free = file("free.csv", &format!("name,usd,per\n{list}"));
    assert!(total(&["--prices", &free], "once").abs() < f64::EPSILON);
    let short = file("short.csv", "name,usd,per\nsqs-request,0.4,1000000\n");
    let answer = cvmctl(&["cost", "--prices", &short]);
    assert_eq!(answer.code, 2);
    assert!(
        answer.err.contains("short.csv: http-request is missing"),
        "{}",
        answer.err
    );
}

#[test]
fn what_the_template_does_not_know_is_refused() {
    for (args, cause) in [
        (
            &["--parameter", "SweepMinute=5"][..],
            "the template has no parameter SweepMinute",
        ),
        (&["--parameter", "SweepMinutes"], "must be NAME=VALUE"),
        (
            &["--parameter", "SweepMinutes=0"],
            "SweepMinutes is below 1",
        ),
        (&["--prices", "no-such-file"], "no-such-file: No such file"),
        (&["--devices", "0"], "1..=1000000000"),
        (&["--stack", "s"], "no AWS region"),
    ] {
        let answer = cvmctl(&[&["cost"], args].concat());
        assert_eq!(answer.code, 2, "{args:?}");
        assert!(answer.err.contains(cause), "{args:?}: {}", answer.err);
    }
}
