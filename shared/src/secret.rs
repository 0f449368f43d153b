//! Secrets: types that cannot be printed, compared or serialised, and are wiped when dropped.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::ids::Malformed;

/// The longest device token, in characters.
pub const TOKEN_MAX: usize = 512;

/// The secret that a device was given at the factory, as it is sent in plain token mode.
#[derive(Clone, Debug)]
pub struct DeviceToken(SecretString);

impl DeviceToken {
    /// Takes 1 to 512 visible ASCII characters without quote, comma and backslash; a refusal never repeats them.
    pub fn parse(text: impl Into<SecretString>) -> Result<Self, Malformed> {
        let text = text.into();
        let length = text.expose_secret().len();
        if length == 0 || length > TOKEN_MAX {
            let rule = format!("must have 1 to {TOKEN_MAX} characters");
            return Err(Malformed::new("deviceToken", rule));
        }
        // Quotes, commas and backslashes would break out of the Authorization header's parameters.
        let fits = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b'\\');
        if !text.expose_secret().bytes().all(fits) {
            let rule = "may only hold visible ASCII characters other than \" , \\";
            return Err(Malformed::new("deviceToken", rule));
        }
        Ok(Self(text))
    }

    /// The secret's bytes: a 43-character base64url text stands for its 32 bytes, as the request
    /// proof scheme has it; any other token (the seed's) stands for its own characters.
    pub fn secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        let text = self.0.expose_secret();
        let decoded = (text.len() == 43)
            .then(|| BASE64_URL_SAFE_NO_PAD.decode(text).ok())
            .flatten();
        Zeroizing::new(decoded.unwrap_or_else(|| text.as_bytes().to_vec()))
    }

    /// The token in clear, for the one place that sends it: the device's request.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl<'de> Deserialize<'de> for DeviceToken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(text).map_err(serde::de::Error::custom)
    }
}

/// A private key in PEM form, on its way from its maker to the staged bundle.
#[derive(Clone)]
pub struct PrivateKeyPem(Zeroizing<String>);

impl PrivateKeyPem {
    /// Takes the key over; the caller keeps no copy.
    pub fn new(pem: String) -> Self {
        Self(Zeroizing::new(pem))
    }

    /// The key in clear, for the bundle and the key match.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PrivateKeyPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKeyPem([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let token = DeviceToken::parse("hunter2-hunter2").unwrap();
        let key = PrivateKeyPem::new("hunter2".to_owned());
        let printed = format!("{token:?} {key:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn a_refused_token_is_not_repeated() {
        for bad in [
            String::new(),
            "hunter2\n".to_owned(),
            "hunter2,".to_owned(),
            "hunter2\"".to_owned(),
            "hunter2\\".to_owned(),
            "h".repeat(513),
        ] {
            let refusal = DeviceToken::parse(bad).unwrap_err().to_string();
            assert!(refusal.starts_with("deviceToken: "), "{refusal}");
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }

    #[test]
    fn only_canonical_base64url_of_32_bytes_is_decoded() {
        let bytes = |text: &str| DeviceToken::parse(text).unwrap().secret_bytes().to_vec();
        let vector = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        assert_eq!(bytes(vector), (0..32).collect::<Vec<u8>>());
        // Not canonical: the last character carries bits beyond the 32nd byte.
        let crooked = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9";
        assert_eq!(bytes(crooked), crooked.as_bytes());
        assert_eq!(bytes("seed-token"), b"seed-token");
    }
}
