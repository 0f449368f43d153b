//! `cvmctl` on a database that is reached over TLS: only one that shows a certificate for its name, from the authority that
//! was named, is told anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

#[path = "support/lab.rs"]
mod lab;

use std::path::Path;

use cvm_local::database::MariaDb;
use cvm_local::workspace::Workspace;
use cvm_mysql::database::Database;
use cvm_mysql::database::DatabaseTerms;
use cvm_mysql::database::Tls;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;

/// An authority, and a server's certificate for this name, as files of these names.
fn certificates(home: &Path, tag: &str, name: &str) {
    let (key, own) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(authority, key);
    let server = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let server = server.signed_by(&own, &issuer).unwrap();
    let write = |part: &str, text: &str| {
        std::fs::write(home.join(format!("{tag}-{part}.pem")), text).unwrap();
    };
    write("ca", &root.pem());
    write("cert", &server.pem());
    write("key", &own.serialize_pem());
}

async fn server(home: &Path, tag: &str) -> MariaDb {
    let part = |part: &str| home.join(format!("{tag}-{part}.pem")).display().to_string();
    let (cert, key) = (
        format!("--ssl-cert={}", part("cert")),
        format!("--ssl-key={}", part("key")),
    );
    let workspace = Workspace::find().await.unwrap();
    let server = MariaDb::start(&workspace, &[&cert, &key]).unwrap();
    let terms = DatabaseTerms {
        url: server.url("root", "mysql"),
        tls: Tls::Off,
        connections: 1,
        patience: std::time::Duration::from_secs(9),
    };
    let root = Database::open(&terms, None).await.unwrap();
    sqlx::raw_sql("CREATE DATABASE cvm")
        .execute(root.pool())
        .await
        .unwrap();
    let terms = DatabaseTerms {
        url: server.url("root", "cvm"),
        ..terms
    };
    let own = Database::open(&terms, None).await.unwrap();
    own.migrate().await.unwrap();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_authority_s_server_is_told_anything() {
    let home = tempfile::tempdir().unwrap();
    for (tag, name) in [
        ("right", "127.0.0.1"),
        ("other", "127.0.0.1"),
        ("misnamed", "db.example"),
    ] {
        certificates(home.path(), tag, name);
    }
    let (right, misnamed) = (
        server(home.path(), "right").await,
        server(home.path(), "misnamed").await,
    );
    let ca = |tag: &str| {
        home.path()
            .join(format!("{tag}-ca.pem"))
            .display()
            .to_string()
    };
    for (server, authority, code) in [
        (&right, "right", 0),
        (&right, "other", 3),
        (&misnamed, "misnamed", 3),
        (&right, "no-such", 3),
    ] {
        let variables = [
            ("CVM_STORE".to_owned(), server.url("root", "cvm")),
            ("CVM_STORE_CA".to_owned(), ca(authority)),
        ];
        let answer = lab::run(&["devices", "list"], &variables).await;
        assert_eq!(answer.code, code, "{authority}: {answer:?}");
    }
}
