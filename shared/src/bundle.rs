//! The bundle: what a device fetches once and installs.

use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::ids::CertificateId;
use crate::ids::Malformed;
use crate::ids::SerialNumber;
use crate::ids::ThingName;
use crate::ids::hex;
use crate::secret::PrivateKeyPem;

/// The version that this code writes and reads.
const VERSION: u32 = 1;

/// A certificate and what its device needs to use it. In keys mode it holds the private key, and is
/// then the only place outside the device that does.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The device that it is for.
    pub serial: SerialNumber,
    /// The Thing that the certificate is attached to: the MQTT client id to connect with.
    pub thing: ThingName,
    /// The certificate.
    pub certificate_id: CertificateId,
    /// The certificate in PEM form.
    pub certificate_pem: String,
    /// The private key, in keys mode only.
    pub private_key: Option<PrivateKeyPem>,
    /// The AWS IoT data endpoint (host name).
    pub endpoint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    v: u32,
    serial_number: SerialNumber,
    thing_name: ThingName,
    certificate_id: CertificateId,
    certificate_pem: String,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    private_key_pem: Option<std::borrow::Cow<'a, str>>,
    endpoint: String,
}

impl Bundle {
    /// The bytes to stage; wiped when dropped.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let wire = Wire {
            v: VERSION,
            serial_number: self.serial.clone(),
            thing_name: self.thing.clone(),
            certificate_id: self.certificate_id.clone(),
            certificate_pem: self.certificate_pem.clone(),
            private_key_pem: self.private_key.as_ref().map(|key| key.expose().into()),
            endpoint: self.endpoint.clone(),
        };
        // Room for all of it at once, so that no copy of the key is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
        #[expect(
            clippy::expect_used,
            reason = "strings and numbers always serialise to memory"
        )]
        serde_json::to_writer(&mut *bytes, &wire).expect("a bundle serialises");
        bytes
    }

    /// Reads a fetched bundle.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let refuse = |rule: &str| Malformed::new("bundle", rule);
        let wire: Wire<'_> =
            serde_json::from_slice(bytes).map_err(|_| refuse("lacks a field or has a bad one"))?;
        if wire.v != VERSION {
            return Err(refuse("is not of version 1"));
        }
        Ok(Self {
            serial: wire.serial_number,
            thing: wire.thing_name,
            certificate_id: wire.certificate_id,
            certificate_pem: wire.certificate_pem,
            private_key: wire
                .private_key_pem
                .map(|key| PrivateKeyPem::new(key.into_owned())),
            endpoint: wire.endpoint,
        })
    }
}

/// SHA-256 of a bundle's bytes in lower-case hex.
pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(key: Option<&str>) -> Bundle {
        Bundle {
            serial: SerialNumber::parse("SN-1").unwrap(),
            thing: ThingName::parse("thing-1").unwrap(),
            certificate_id: CertificateId::parse("a".repeat(64)).unwrap(),
            certificate_pem: "PEM\n".to_owned(),
            private_key: key.map(|pem| PrivateKeyPem::new(pem.to_owned())),
            endpoint: "host".to_owned(),
        }
    }

    #[test]
    fn a_bundle_reads_back_with_its_key() {
        let bytes = bundle(Some("KEY\n")).encode();
        let read = Bundle::decode(&bytes).unwrap();
        assert_eq!(read.private_key.unwrap().expose(), "KEY\n");
        assert_eq!(read.certificate_pem, "PEM\n");
    }

    #[test]
    fn in_csr_mode_there_is_no_key_at_all() {
        let bytes = bundle(None).encode();
        assert!(!String::from_utf8_lossy(&bytes).contains("privateKey"));
        assert!(Bundle::decode(&bytes).unwrap().private_key.is_none());
    }

    #[test]
    fn another_version_is_refused() {
        let bytes = bundle(None).encode();
        let later = String::from_utf8_lossy(&bytes).replace("\"v\":1", "\"v\":2");
        assert!(Bundle::decode(later.as_bytes()).is_err());
    }
}
