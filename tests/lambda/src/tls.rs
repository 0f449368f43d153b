//! A port of the stand-in that speaks TLS, with an authority of its own.

use std::path::Path;
use std::path::PathBuf;

use cvm_local::host::Authority;
use cvm_standin::StandIn;

use crate::error::Error;

/// What functions need to know to call over TLS.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) endpoint: String,
    /// The file with the authority to trust.
    pub(crate) ca: PathBuf,
    pub(crate) ca_pem: String,
}

impl Tls {
    /// Opens the port; files go to `dir`.
    pub(crate) async fn before(stand_in: &StandIn, dir: &Path) -> Result<Self, Error> {
        let authority = Authority::fresh(dir)?;
        let ca = dir.join("ca.pem");
        std::fs::write(&ca, &authority.ca_pem).map_err(|error| Error::disk(&ca, error))?;
        let listening = stand_in.listen_over_tls(&authority.certificate, &authority.key);
        let endpoint = listening.await;
        let endpoint = endpoint.map_err(Error::host("the stand-in has no port with TLS"))?;
        Ok(Self {
            endpoint,
            ca,
            ca_pem: authority.ca_pem,
        })
    }
}
