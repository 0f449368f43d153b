//! The door's TLS: 1.2 or later on AWS-LC, HTTP/1.1, and a certificate that is read again when its files change.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use axum_server::tls_rustls::RustlsConfig;
use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::stop::Stop;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Certificate and key as files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate with its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of the kind.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Certificate and key do not go together.
    #[error("certificate and key: {0}")]
    Pair(#[from] rustls::Error),
}

impl TlsFiles {
    /// The configuration as the files are now.
    pub fn load(&self) -> Result<ServerConfig, TlsError> {
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| about(&self.certificate, &error))?;
        if chain.is_empty() {
            return Err(about(&self.certificate, &"there is no certificate in it"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key);
        // What a broken key file says is not repeated: it may be a key.
        let key = key.map_err(|_| about(&self.key, &"there is no private key in it"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth();
        let mut config = config.with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// When one of them was changed last.
    fn changed(&self) -> io::Result<SystemTime> {
        let of = |path: &Path| std::fs::metadata(path)?.modified();
        Ok(of(&self.certificate)?.max(of(&self.key)?))
    }

    /// Reads them again when they change. A pair that cannot be used, as one that is half written, is told of and tried
    /// again; the old one goes on.
    pub async fn follow(self, shown: RustlsConfig, mut stop: Stop) {
        let mut known = self.changed().ok();
        loop {
            tokio::select! {
                () = SystemClock.sleep(LOOK) => {}
                () = stop.given() => return,
            }
            let now = self.changed().ok();
            if now == known {
                continue;
            }
            match self.load() {
                Ok(config) => {
                    shown.reload_from_config(Arc::new(config));
                    known = now;
                    tracing::info!("the certificate was read again");
                }
                Err(error) => tracing::error!(%error, "the new certificate cannot be used"),
            }
        }
    }
}

fn about(path: &Path, message: &dyn std::fmt::Display) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        message: message.to_string(),
    }
}
