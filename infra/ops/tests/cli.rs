//! The command line as scripts and people meet it: texts, exit codes, and no secret in either.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod support;

use support::cvmctl;
use support::cvmctl_with;
use support::file;

const HEADER: &str = "productid,secret,thingName,policyName";

#[test]
fn help_is_as_documented() {
    for (command, text) in [
        (&["devices", "import"][..], include_str!("import-help.txt")),
        (&["devices", "show"], include_str!("show-help.txt")),
        (&["dlq"], include_str!("dlq-help.txt")),
        (&["dlq", "list"], include_str!("dlq-list-help.txt")),
        (&["dlq", "show"], include_str!("dlq-show-help.txt")),
        (&["dlq", "replay"], include_str!("dlq-replay-help.txt")),
        (&["dlq", "drop"], include_str!("dlq-drop-help.txt")),
        (&["sweep"], include_str!("sweep-help.txt")),
        (&["status"], include_str!("status-help.txt")),
        (&["audit"], include_str!("audit-help.txt")),
        (&["audit", "verify"], include_str!("audit-verify-help.txt")),
        (&["move"], include_str!("move-help.txt")),
        (&["move", "copy"], include_str!("move-copy-help.txt")),
        (&["move", "verify"], include_str!("move-verify-help.txt")),
        (&["cost"], include_str!("cost-help.txt")),
        (&["report"], include_str!("report-help.txt")),
        (&["devices"], include_str!("devices-help.txt")),
        (&[], include_str!("help.txt")),
    ] {
        let answer = cvmctl(&[command, &["--help"]].concat());
        assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{command:?}");
        assert_eq!(answer.out, text, "{command:?}");
    }
}

#[test]
fn a_sound_file_passes_the_dry_run_without_aws() {
    let rows = "SN-1,hunter2-Xq9v%T4mWz7kRb,,p\nSN-2,hunter2-Pm3c%L8sHf2jYd,,p\n";
    let path = file("sound.csv", &format!("{HEADER}\n{rows}"));
    let answer = cvmctl(&["devices", "import", &path, "--dry-run"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    let words: Vec<_> = answer.out.split_whitespace().collect();
    assert_eq!(words, ["sound", "2", "bad", "0"]);
}

#[test]
fn bad_rows_are_listed_by_line_and_keep_their_secrets() {
    let rows = "SN-1,hunter2,,p\nSN 2,hunter2-Xq9v%T4mWz7kRb,,p\nSN-3,hunter2-Xq9v%T4mWz7kRb,,\n";
    let path = file("bad.csv", &format!("{HEADER}\n{rows}"));
    let answer = cvmctl(&["devices", "import", &path, "--dry-run", "--output", "json"]);
    assert_eq!((answer.code, answer.err.as_str()), (1, ""));
    assert_eq!(
        answer.out,
        "{\"line\":2,\"reason\":\"secret: too weak, must have 112 bits and has at most 36\"}\n\
         {\"line\":3,\"reason\":\"productid: may only hold the characters a-z A-Z 0-9 : _ -\"}\n\
         {\"line\":4,\"reason\":\"policyName: is empty, and no default policy was given\"}\n\
         {\"dryRun\":true,\"end\":\"complete\",\"summary\":{\"alreadyThere\":0,\"bad\":3,\
         \"conflicting\":0,\"imported\":0,\"unsettled\":0}}\n"
    );
    let args = [
        "devices",
        "import",
        &path,
        "--dry-run",
        "--default-policy",
        "q",
    ];
    let answer = cvmctl(&args);
    let words: Vec<_> = answer.out.lines().rev().take(2).collect();
    assert!(
        words[0].ends_with('2') && words[1].ends_with('1'),
        "{words:?}"
    );
}

#[test]
fn weak_secrets_and_proofs_are_asked_for_by_options() {
    let path = file("weak.csv", &format!("{HEADER},auth\nSN-1,hunter2,,p,\n"));
    let import = |options: &[&str]| {
        let args = ["devices", "import", &path, "--dry-run", "--output", "json"];
        cvmctl(&[&args[..], options].concat())
    };
    let weak = import(&[]);
    assert_eq!(weak.code, 1);
    assert!(weak.out.contains("secret: too weak"), "{}", weak.out);
    assert_eq!(import(&["--stretch-weak-secrets"]).code, 0);
    let proof = import(&["--stretch-weak-secrets", "--default-auth", "proof"]);
    assert_eq!(proof.code, 1);
    assert!(proof.out.contains("auth: proof needs"), "{}", proof.out);
    assert_eq!(import(&["--default-auth", "token"]).code, 2);
}

#[test]
fn things_that_are_made_and_policies_of_groups_are_told_by_columns_and_by_options() {
    let secret = "hunter2-Xq9v%T4mWz7kRb";
    let header = format!("{HEADER},thingGroup,policyFrom,thingMade");
    let rows = format!(
        "SN-1,{secret},,,,,\nSN-2,{secret},,,,group,yes\nSN-3,{secret},,p,g,group,\nSN-4,{secret},,,,group,no\n"
    );
    let path = file("lean.csv", &format!("{header}\n{rows}"));
    let import = |options: &[&str]| {
        let args = ["devices", "import", &path, "--dry-run", "--output", "json"];
        cvmctl(&[&args[..], options].concat())
    };
    let said = import(&["--things-made", "--policy-from-group"]);
    assert_eq!(said.code, 1);
    let told: Vec<&str> = said.out.lines().collect();
    assert!(
        told[0].starts_with("{\"line\":4,\"reason\":\"policyFrom: is group,"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("{\"line\":5,\"reason\":\"thingGroup: is empty:"),
        "{told:?}"
    );
    assert!(told[2].contains("\"imported\":2"), "{told:?}");
    assert!(
        import(&[]).out.contains("\"imported\":1"),
        "only the row that says so"
    );
    let both = import(&["--policy-from-group", "--default-policy", "p"]);
    assert_eq!(both.code, 2);
}

/// Else the secrets of devices would be written whose rows are all refused.
#[test]
fn made_devices_have_a_group_or_things_that_are_made() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("factory.csv");
    let out = out.to_str().unwrap();
    let args = [
        "devices",
        "import",
        "--generate",
        "2",
        "--prefix",
        "SN-",
        "--out",
        out,
    ];
    let answer = cvmctl(&[&args[..], &["--policy-from-group", "--table", "t"]].concat());
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("--things-made"), "{}", answer.err);
    assert!(!std::path::Path::new(out).exists());
    assert_eq!(cvmctl(&args).code, 2, "no policy at all");
}

#[test]
fn wrong_usage_is_two_and_says_what_is_wrong() {
    let unknown = file("unknown.csv", &format!("{HEADER},serial\n"));
    let headless = file("headless.csv", "SN-1,hunter2-hunter2-hunter2,,p\n");
    let sound = file("usage.csv", HEADER);
    for (args, reason) in [
        (
            &["devices", "import", &unknown, "--dry-run"][..],
            "unknown column \"serial\"",
        ),
        (
            &["devices", "import", &headless, "--dry-run"],
            "the first line is no header",
        ),
        (
            &["devices", "import", "no-such-file", "--dry-run"],
            "no-such-file: No such file",
        ),
        (&["devices", "import", &sound], "no AWS region"),
        (
            &["devices", "import", &sound, "--table", ""],
            "a value is required",
        ),
        (
            &[
                "devices",
                "import",
                &sound,
                "--dry-run",
                "--default-policy",
                "a b",
            ],
            "policyName: may only hold",
        ),
        (
            &["devices", "import", &sound, "--table", "t"],
            "no AWS region",
        ),
        (
            &["devices", "show", "SN 1", "--table", "t"],
            "serialNumber: may only hold",
        ),
    ] {
        let answer = cvmctl(args);
        assert_eq!(answer.code, 2, "{args:?}: {}", answer.err);
        assert!(answer.err.contains(reason), "{args:?}: {}", answer.err);
        assert!(!answer.err.contains("hunter2"), "{}", answer.err);
    }
}

#[test]
fn letters_are_changed_only_if_it_is_said_which_and_why() {
    for (args, reason) in [
        (&["dlq", "replay"][..], "say which letters"),
        (&["dlq", "drop", "--reason", "r"], "say which letters"),
        (&["dlq", "drop", "--all"], "say why, for the trail"),
        (&["dlq", "replay", "--all", "--code", "c"], "cannot be used"),
        (
            &["dlq", "replay", "--native", "--code", "c"],
            "cannot be used",
        ),
        (&["dlq", "replay", "--all", "--rate", "0"], "from 1 to 500"),
        (
            &["dlq", "list", "--older-than", "5"],
            "a number with its unit",
        ),
        (&["dlq", "list"], "no AWS region"),
        (&["sweep", "--report", "--wait"], "cannot be used"),
    ] {
        let answer = cvmctl(args);
        assert_eq!(answer.code, 2, "{args:?}: {}", answer.err);
        assert!(answer.err.contains(reason), "{args:?}: {}", answer.err);
    }
}

/// A site that is never reached: what is missing is said before any call.
#[test]
fn a_part_that_is_not_named_is_asked_for() {
    let site = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    for (args, reason) in [
        (&["devices", "show", "SN-1"][..], "no --stack or --table"),
        (&["dlq", "list"], "CVM_DEAD_LETTER_QUEUE_URL is not set"),
        (&["sweep", "--yes"], "CVM_JANITOR_FUNCTION is not set"),
    ] {
        let answer = cvmctl_with(args, &site);
        assert_eq!(answer.code, 2, "{args:?}: {}", answer.err);
        assert!(answer.err.contains(reason), "{args:?}: {}", answer.err);
    }
    let named = [&site[..], &[("CVM_JANITOR_FUNCTION", "janitor")]].concat();
    let answer = cvmctl_with(&["sweep"], &named);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(
        answer.err.contains("Nobody is there to answer"),
        "{}",
        answer.err
    );
}

#[test]
fn refused_rows_are_lines_of_a_csv_file_too() {
    let rows = "SN-1,hunter2,,p\nSN-2,hunter2-Xq9v%T4mWz7kRb,,p\n";
    let path = file("bad-for-csv.csv", &format!("{HEADER}\n{rows}"));
    let answer = cvmctl(&["devices", "import", &path, "--dry-run", "--output", "csv"]);
    assert_eq!((answer.code, answer.err.as_str()), (1, ""));
    assert_eq!(
        answer.out,
        "2,\"secret: too weak, must have 112 bits and has at most 36\"\n\
         summary,\"alreadyThere 0, bad 1, conflicting 0, imported 1, unsettled 0\"\n"
    );
}
