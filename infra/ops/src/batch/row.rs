//! A row of a batch, as its file said it and as it is kept: one JSON object a line.

use cvm_shared::csr::Csr;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::request::KeySource;
use serde::Deserialize;
use serde::Serialize;

/// A row. Bad ones are kept, too: as many rows come out of a batch as went in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// One that can be asked for.
    Sound(Wanted),
    /// One that cannot.
    Bad(Bad),
}

/// A device that is to have a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The line of its row.
    pub line: u64,
    /// The device.
    pub serial: SerialNumber,
    /// Whose key it wants certified.
    pub key: KeySource,
}

impl Wanted {
    /// The digest of its own key, if it has one.
    pub fn public_key(&self) -> Option<PublicKeyDigest> {
        match &self.key {
            KeySource::Device(csr) => Some(csr.public_key()),
            KeySource::Service => None,
        }
    }
}

/// A row that nothing can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// Its line.
    pub line: u64,
    /// The device, if the row says so much.
    pub serial: Option<SerialNumber>,
    /// What is wrong with it, never what stands there.
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    line: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    productid: Option<SerialNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    csr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bad: Option<String>,
}

impl Row {
    /// The line that it stood on.
    pub fn line(&self) -> u64 {
        match self {
            Self::Sound(wanted) => wanted.line,
            Self::Bad(bad) => bad.line,
        }
    }

    /// The row as one line of text, without its end.
    pub fn encode(&self) -> String {
        let wire = match self {
            Self::Sound(wanted) => Wire {
                line: wanted.line,
                productid: Some(wanted.serial.clone()),
                csr: match &wanted.key {
                    KeySource::Device(csr) => Some(csr.pem().to_owned()),
                    KeySource::Service => None,
                },
                bad: None,
            },
            Self::Bad(bad) => Wire {
                line: bad.line,
                productid: bad.serial.clone(),
                csr: None,
                bad: Some(bad.reason.clone()),
            },
        };
        serde_json::json!(wire).to_string()
    }

    /// Reads [`Row::encode`] back. Signing requests were checked when the row was written.
    pub fn decode(text: &str) -> Result<Self, Malformed> {
        let refuse = || Malformed::new("manifest", "has a line that is no row");
        let wire: Wire = serde_json::from_str(text).map_err(|_| refuse())?;
        if let Some(reason) = wire.bad {
            return Ok(Self::Bad(Bad {
                line: wire.line,
                serial: wire.productid,
                reason,
            }));
        }
        Ok(Self::Sound(Wanted {
            line: wire.line,
            serial: wire.productid.ok_or_else(refuse)?,
            key: match wire.csr {
                Some(pem) => KeySource::Device(Csr::parse_stored(&pem)?),
                None => KeySource::Service,
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back() {
        let serial = SerialNumber::parse("SN-1").unwrap();
        let rows = [
            Row::Sound(Wanted {
                line: 2,
                serial: serial.clone(),
                key: KeySource::Service,
            }),
            Row::Bad(Bad {
                line: 3,
                serial: Some(serial),
                reason: "csr: \"must\"".to_owned(),
            }),
        ];
        for row in rows {
            assert_eq!(Row::decode(&row.encode()), Ok(row));
        }
        assert!(Row::decode("{\"line\":1}").is_err());
    }

    /// Manifests outlive versions of this tool.
    #[test]
    fn its_text_is_pinned() {
        let text = r#"{"line":2,"productid":"SN-1"}"#;
        let row = Row::decode(text).unwrap();
        assert_eq!((row.line(), row.encode()), (2, text.to_owned()));
    }
}
