//! `cvmctl batch` as scripts and people meet it, where no AWS is to be found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod support;

use support::cvmctl;
use support::file;

#[test]
fn help_is_as_documented() {
    for (command, expected) in [
        (&["batch"][..], include_str!("batch-help.txt")),
        (&["batch", "submit"], include_str!("batch-submit-help.txt")),
        (
            &["batch", "bundles"],
            include_str!("batch-bundles-help.txt"),
        ),
    ] {
        let answer = cvmctl(&[command, &["--help"]].concat());
        assert_eq!((answer.code, answer.err.as_str()), (0, ""));
        assert_eq!(answer.out, expected, "{command:?}");
    }
}

#[test]
fn a_bad_row_is_told_by_line_before_anything_is_asked_of_aws() {
    let path = file(
        "bad-batch.csv",
        "productid,csr\nSN-1,\nSN 2,\nSN-1,\nSN-3,hunter2\n",
    );
    let answer = cvmctl(&["batch", "submit", &path, "--output", "json", "--yes"]);
    assert_eq!(answer.code, 1, "{}", answer.err);
    assert!(
        answer.err.contains("3 of 4 rows are bad, nothing was sent"),
        "{}",
        answer.err
    );
    let lines: Vec<_> = answer.out.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "{\"line\":3,\"problem\":\"productid: may only hold the characters a-z A-Z 0-9 : _ -\",\"productid\":null}",
            "{\"line\":4,\"problem\":\"productid: the same as in line 2\",\"productid\":\"SN-1\"}",
        ]
    );
    assert_eq!(lines.len(), 3);
    assert!(!answer.out.contains("hunter2"), "{}", answer.out);
    let answer = cvmctl(&["batch", "submit", &path, "--skip-bad", "--yes"]);
    assert!(answer.err.contains("no AWS region"), "{}", answer.err);
}

#[test]
fn wrong_usage_is_two_and_says_what_is_wrong() {
    let nameless = file("batch.txt", "productid\nSN-1\n");
    let headless = file("headless-batch.csv", "SN-1\n");
    let import = file("import.csv", "productid,secret\nSN-1,hunter2\n");
    let broken = file(
        "broken.csv",
        &format!("productid\n\"{}", "x\n".repeat(1 << 20)),
    );
    for (args, reason) in [
        (&["batch", "submit", &nameless][..], "say its --format"),
        (
            &["batch", "submit", &headless],
            "the first line is no header",
        ),
        (
            &["batch", "submit", &import],
            "column \"secret\" is unknown",
        ),
        (
            &["batch", "submit", &broken],
            "cannot be read to its end: from line 2 on",
        ),
        (
            &["batch", "submit", "no-such-file.csv"],
            "no-such-file.csv: No such file",
        ),
        (
            &["batch", "submit", &headless, "--rate", "0"],
            "invalid value '0'",
        ),
        (
            &["batch", "status", "a/b"],
            "id: must be 1 to 64 of the characters",
        ),
        (&["batch", "status", "a"], "no AWS region"),
    ] {
        let answer = cvmctl(args);
        assert_eq!(answer.code, 2, "{args:?}: {}", answer.err);
        assert!(answer.err.contains(reason), "{args:?}: {}", answer.err);
        assert!(!answer.err.contains("hunter2"), "{}", answer.err);
    }
}
