//! cvmctl run beside a database, and beside an AWS in memory: with the variables that it is given, and no others.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::PathBuf;
use std::process::Stdio;

use cvm_maria::lab as mysql;
use cvm_mysql::database::Database;
use cvm_standin::Account;
use cvm_standin::StandIn;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::Executor as _;
use tokio::process::Child;
use tokio::process::Command;

/// The operator's account at the database.
pub(crate) const OPERATOR: &str = "mysql:ops@%";
const PASSWORD: &str = "not-to-be-printed-7f3a";

/// What the shipped rights give an operator, for this database and account: cvmctl must do with them.
fn granted(name: &str) -> Vec<String> {
    let grants = include_str!("../../../host/grants.sql").lines();
    let its = grants.filter(|line| line.starts_with("GRANT") && line.contains("'cvm_operator'"));
    let given = its.map(|line| {
        line.replace(" cvm.", &format!(" {name}."))
            .replace("'cvm_operator'", "'ops'")
    });
    given
        .map(|line| line.trim_end_matches(';').to_owned())
        .collect()
}

/// A host's database with an operator's account.
pub(crate) struct Host {
    pub(crate) database: Database,
    pub(crate) url: String,
    /// The database's name at its server.
    pub(crate) name: String,
    home: tempfile::TempDir,
}

impl Host {
    /// A fresh one, with its tables.
    pub(crate) async fn start() -> Self {
        let host = Self::empty().await;
        host.database.migrate().await.unwrap();
        let mut root = mysql::root("mysql").await;
        root.execute(AssertSqlSafe(format!(
            "REVOKE ALL ON {}.* FROM 'ops'@'%'",
            host.name
        )))
        .await
        .unwrap();
        for text in granted(&host.name) {
            root.execute(AssertSqlSafe(text)).await.unwrap();
        }
        host
    }

    /// One without tables.
    pub(crate) async fn empty() -> Self {
        let name = mysql::fresh().await;
        let mut root = mysql::root("mysql").await;
        for text in [
            format!("CREATE USER IF NOT EXISTS 'ops'@'%' IDENTIFIED BY '{PASSWORD}'"),
            format!("GRANT SELECT ON {name}.* TO 'ops'@'%'"),
        ] {
            root.execute(AssertSqlSafe(text)).await.unwrap();
        }
        let terms = mysql::terms(&name).await;
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("password"), format!("{PASSWORD}\n")).unwrap();
        Self {
            database: Database::open(&terms, None).await.unwrap(),
            url: mysql::server().await.url("ops", &name),
            name,
            home,
        }
    }

    /// The variables that name it.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let password = self.home.path().join("password").display().to_string();
        vec![
            ("CVM_STORE".to_owned(), self.url.clone()),
            ("CVM_STORE_PASSWORD_FILE".to_owned(), password),
        ]
    }

    /// A file of this name with this text; its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A path in a folder of its own.
    pub(crate) fn path(&self, name: &str) -> String {
        let path: PathBuf = self.home.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    /// What somebody does to the database by hand.
    pub(crate) async fn by_hand(&self, text: &str) {
        let mut root = mysql::root(&self.name).await;
        root.execute(AssertSqlSafe(text.to_owned())).await.unwrap();
    }

    /// Runs cvmctl on it.
    pub(crate) async fn ctl(&self, args: &[&str]) -> Answer {
        run(args, &self.variables()).await
    }

    /// The same with answers for programs.
    pub(crate) async fn json(&self, args: &[&str]) -> Answer {
        self.ctl(&[args, &["--output", "json"]].concat()).await
    }
}

/// The variables that name a stack in memory.
pub(crate) fn stack(standin: &StandIn) -> Vec<(String, String)> {
    let account = standin.account();
    let pairs = [
        ("AWS_ENDPOINT_URL", standin.endpoint().to_owned()),
        ("AWS_REGION", Account::REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", Account::ACCESS_KEY_ID.to_owned()),
        (
            "AWS_SECRET_ACCESS_KEY",
            Account::SECRET_ACCESS_KEY.to_owned(),
        ),
        ("CVM_TABLE", Account::TABLE.to_owned()),
        ("CVM_AUDIT_TABLE", Account::AUDIT_TABLE.to_owned()),
        ("CVM_GUARD_TABLE", Account::GUARD_TABLE.to_owned()),
        ("CVM_QUEUE_URL", account.queue_url()),
        ("CVM_BUCKET", Account::BUCKET.to_owned()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// How it ended, and what it said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    /// It must have ended so.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(!self.err.contains(PASSWORD) && !self.out.contains(PASSWORD));
        self
    }

    /// The objects that it printed, one a line.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The object with this value.
    #[track_caller]
    pub(crate) fn object(&self, name: &str, value: &str) -> Value {
        let found = self
            .objects()
            .into_iter()
            .find(|object| object[name] == value);
        found.unwrap_or_else(|| panic!("no {value} in {self:?}"))
    }
}

fn command(args: &[&str], variables: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvmctl"));
    command
        .args(args)
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Begins to run cvmctl.
pub(crate) fn begin(args: &[&str], variables: &[(String, String)]) -> Child {
    command(args, variables).spawn().unwrap()
}

/// How it ends.
pub(crate) async fn end(child: Child) -> Answer {
    let output = child.wait_with_output().await.unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs cvmctl.
pub(crate) async fn run(args: &[&str], variables: &[(String, String)]) -> Answer {
    end(begin(args, variables)).await
}
