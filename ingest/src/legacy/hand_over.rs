//! What a device of a published machine gets: its certificate with both keys, out of the bundle.
//!
//! Such a device cannot open a sealed bundle, so the door does: it has the row, and with it the key that
//! the worker sealed under.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_shared::bundle::Bundle;
use cvm_shared::ids::Malformed;
use cvm_shared::ports::Vault;
use cvm_shared::record::Issued;
use cvm_shared::secret::PrivateKeyPem;
use x509_parser::pem::Pem;

use crate::bundles::unfit;
use crate::bundles::unsealed;
use crate::door::Door;
use crate::legacy::wait::Served;
use crate::problem::Refused;

/// A certificate with its keys.
pub(super) struct Identity {
    pub(super) certificate_arn: String,
    pub(super) certificate_id: String,
    pub(super) certificate_pem: String,
    pub(super) public_key_pem: String,
    pub(super) private_key: PrivateKeyPem,
}

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    V: Vault,
{
    /// Fetches and opens the bundle. It stays where it is: whoever asks again has the same.
    pub(super) async fn hand_over(&self, served: &Served) -> Result<Identity, Refused> {
        let Served {
            row,
            request,
            issued,
        } = served;
        let staged = self.fetched(row, issued).await?;
        let bundle = unsealed(row, request, issued, staged)?;
        let identity = identity(issued, &bundle).map_err(|malformed| unfit(row, &malformed))?;
        tracing::info!(serial = %row.serial, certificate = identity.certificate_id, "handed over with its key");
        Ok(identity)
    }
}

fn identity(issued: &Issued, bundle: &[u8]) -> Result<Identity, Malformed> {
    let refuse = |rule: &str| Malformed::new("bundle", rule);
    let bundle = Bundle::decode(bundle)?;
    let public_key_pem = public_key_pem(&bundle.certificate_pem);
    Ok(Identity {
        certificate_arn: issued.certificate_arn.clone(),
        certificate_id: issued.certificate_id.to_string(),
        public_key_pem: public_key_pem.ok_or_else(|| refuse("holds no certificate"))?,
        private_key: bundle.private_key.ok_or_else(|| refuse("holds no key"))?,
        certificate_pem: bundle.certificate_pem,
    })
}

/// The public key of a certificate as AWS IoT would have told it: it tells it once, to the worker.
fn public_key_pem(certificate: &str) -> Option<String> {
    let block = Pem::iter_from_buffer(certificate.as_bytes()).next()?.ok()?;
    let certificate = block.parse_x509().ok()?;
    let text = BASE64_STANDARD.encode(certificate.public_key().raw);
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END PUBLIC KEY-----\n");
    Some(pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_key_is_the_certificates_own() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let expected = key.public_key_pem().replace("\r\n", "\n");
        assert_eq!(public_key_pem(&certificate.pem()), Some(expected));
        assert_eq!(public_key_pem("nonsense"), None);
    }
}
