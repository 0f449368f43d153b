//! What a server says that cannot start.

use std::process::Command;

use crate::lab::Lab;

fn run(vars: &[(&str, &str)], args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cvm-server"))
        .args(args)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(vars.iter().copied())
        .output()
        .unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.success(), text)
}

const LEAST: [(&str, &str); 4] = [
    ("CVM_PUBLIC_HOST", "cvm.example.com"),
    ("CVM_DATABASE_URL", "mysql://cvm@127.0.0.1:1/cvm"),
    ("CVM_DATABASE_TLS", "off"),
    ("CVM_BEHIND_PROXY", "true"),
];

#[test]
fn settings_are_checked_without_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.toml");
    let path = file.to_str().unwrap();
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        run(&[], &["--config", path, "--check-config"])
    };
    let least = "public_host = \"h\"\ndatabase_url = \"mysql://u@127.0.0.1/d\"\ndatabase_tls = \"off\"\nbehind_proxy = true\n";
    assert_eq!(check(least), (true, "the settings are right\n".to_owned()));
    for (more, told) in [
        (
            "pol_seconds = 3\n",
            "unknown: setting pol_seconds (CVM_POL_SECONDS)",
        ),
        (
            "poll_seconds = 0\n",
            "setting poll_seconds (CVM_POLL_SECONDS) must be a number from 1 to 3600",
        ),
        ("poll_seconds = \n", "server.toml: line 5: "),
        ("poll_seconds = [1]\n", "poll_seconds must be a text"),
    ] {
        let (is_right, text) = check(&format!("{least}{more}"));
        assert!(!is_right && text.contains(told), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let (is_right, text) = run(&[], &["--config", "/no/such/file", "--check-config"]);
    assert!(!is_right && text.contains("/no/such/file"), "{text}");
}

#[test]
fn the_example_has_every_setting() {
    let (is_right, text) = run(&[], &["--print-config"]);
    assert!(
        is_right && text.contains("# poll_seconds = \"2\"") && text.contains("\npublic_host = ")
    );
    let kept = include_str!("../../server.toml");
    assert_eq!(
        text, kept,
        "infra/host/server.toml: cvm-server --print-config writes it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_in_a_line() {
    let (is_right, text) = run(&LEAST, &[]);
    assert!(
        !is_right && text.contains("cvm-server: the database does not let us in"),
        "{text}"
    );
    let lab = Lab::start().await;
    let url = lab.options("x").database_url;
    let (server, _) = url.rsplit_once('/').unwrap();
    let mut vars = LEAST;
    let elsewhere = format!("{server}/mysql");
    vars[1].1 = &elsewhere;
    let (is_right, text) = run(&vars, &[]);
    assert!(
        !is_right && text.contains("run `cvm-server migrate`"),
        "{text}"
    );
    let with_password = url.replace("root@", "root:hunter2@");
    vars[1].1 = &with_password;
    let (is_right, text) = run(&vars, &[]);
    assert!(
        !is_right && text.contains("must not hold the password") && !text.contains("hunter2"),
        "{text}"
    );
    vars[1].1 = &url;
    let mut vars = vars.to_vec();
    vars.push(("CVM_DATABASE_PASSWORD_FILE", "/no/such/password"));
    let (is_right, text) = run(&vars, &[]);
    assert!(!is_right && text.contains("/no/such/password"), "{text}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    vars.pop();
    vars.extend([("CVM_LISTEN", &*address), ("CVM_IOT_RATE", "5")]);
    let (is_right, text) = run(&vars, &[]);
    assert!(
        !is_right && text.contains(&format!("{address} cannot be listened at")),
        "{text}"
    );
}
