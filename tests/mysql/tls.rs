//! The way to the database: encrypted, to a server that shows the right certificate, or not at all.

use std::path::Path;
use std::path::PathBuf;

use cvm_local::database::MariaDb;
use cvm_maria::lab;
use cvm_mysql::database::Database;
use cvm_mysql::database::DatabaseError;
use cvm_mysql::database::Tls;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use tempfile::TempDir;

/// A server with a certificate for its address, which the first of two authorities made.
struct Site {
    server: MariaDb,
    dir: TempDir,
}

fn written(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn authority(dir: &Path, name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    written(dir, name, &issuer.pem());
    issuer
}

impl Site {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ours = authority(dir.path(), "ours.pem");
        authority(dir.path(), "other.pem");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &ours).unwrap();
        let cert = written(dir.path(), "cert.pem", &made.pem());
        let key = written(dir.path(), "key.pem", &key.serialize_pem());
        let cert = format!("--ssl-cert={}", cert.display());
        let key = format!("--ssl-key={}", key.display());
        let server = lab::started(&[&cert, &key]).await;
        Self { server, dir }
    }

    async fn open(&self, host: &str, authority: Option<&str>) -> Result<Database, DatabaseError> {
        let url = self.server.url("root", "mysql").replace("127.0.0.1", host);
        let mut terms = lab::terms_at(url);
        terms.tls = Tls::Verified(authority.map(|name| self.dir.path().join(name)));
        Database::open(&terms, None).await
    }
}

fn is_tls<T>(opened: &Result<T, DatabaseError>) -> bool {
    matches!(
        opened,
        Err(DatabaseError::Refused(
            sqlx::Error::Tls(_) | sqlx::Error::Io(_)
        ))
    )
}

#[tokio::test]
async fn only_the_right_certificate_of_the_right_authority_is_let_pass() {
    let site = Site::start().await;
    let database = site.open("127.0.0.1", Some("ours.pem")).await.unwrap();
    let cipher = "SELECT `VARIABLE_VALUE` FROM information_schema.SESSION_STATUS \
         WHERE `VARIABLE_NAME` = 'Ssl_cipher'";
    let cipher = sqlx::query_scalar::<_, String>(cipher).fetch_one(database.pool());
    assert_ne!(cipher.await.unwrap(), "", "it is not encrypted");
    assert!(is_tls(&site.open("127.0.0.1", Some("other.pem")).await));
    assert!(is_tls(&site.open("127.0.0.1", None).await), "a public one");
    assert!(
        is_tls(&site.open("localhost", Some("ours.pem")).await),
        "another name"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_refused() {
    let mut terms = lab::terms("mysql").await;
    terms.tls = Tls::Verified(None);
    assert!(is_tls(&Database::open(&terms, None).await));
}
