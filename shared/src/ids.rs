//! Identifiers: newtypes that exist only if their text was parsed.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// Why a text is not the identifier it was meant to be. Names the field and the rule, never the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct Malformed {
    /// The field as the user knows it.
    pub field: &'static str,
    /// The rule that the text broke.
    pub rule: String,
}

impl Malformed {
    /// A refusal of `field` for breaking `rule`.
    pub fn new(field: &'static str, rule: impl Into<String>) -> Self {
        Self {
            field,
            rule: rule.into(),
        }
    }
}

/// What an identifier may look like.
struct Shape {
    field: &'static str,
    lengths: std::ops::RangeInclusive<usize>,
    allowed: fn(u8) -> bool,
    alphabet: &'static str,
}

impl Shape {
    fn check(&self, text: &str) -> Result<(), Malformed> {
        if !self.lengths.contains(&text.len()) {
            let (least, most) = (self.lengths.start(), self.lengths.end());
            let rule = if least == most {
                format!("must have {least} characters")
            } else {
                format!("must have {least} to {most} characters")
            };
            return Err(Malformed::new(self.field, rule));
        }
        if !text.bytes().all(self.allowed) {
            let rule = format!("may only hold the characters {}", self.alphabet);
            return Err(Malformed::new(self.field, rule));
        }
        Ok(())
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $field:literal, $lengths:expr, $alphabet:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses the text, or says which rule it breaks.
            pub fn parse(text: impl Into<String>) -> Result<Self, Malformed> {
                let text = text.into();
                let shape = Shape {
                    field: $field,
                    lengths: $lengths,
                    allowed: $allowed,
                    alphabet: $alphabet,
                };
                shape.check(&text)?;
                Ok(Self(text))
            }

            /// The text as it was given; case is kept and matters.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(text: String) -> Result<Self, Malformed> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

fn thing_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-')
}

fn policy_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-')
}

fn attribute_name_byte(b: u8) -> bool {
    thing_byte(b) || matches!(b, b'.' | b',' | b'@' | b'/' | b'#')
}

fn attribute_value_byte(b: u8) -> bool {
    attribute_name_byte(b) || matches!(b, b'=' | b'[' | b']')
}

fn lower_hex(b: u8) -> bool {
    b.is_ascii_digit() || (b'a'..=b'f').contains(&b)
}

text_id!(
    /// A device's serial number, the table's `productid`.
    ///
    /// The characters that AWS IoT accepts for a Thing name, so that a serial can always be one
    /// (AWS IoT API reference, `ThingName`). Compared byte by byte.
    SerialNumber, "serialNumber", 1..=128, "a-z A-Z 0-9 : _ -", thing_byte
);
text_id!(
    /// The name of the device's Thing (AWS IoT API reference, `ThingName`).
    ThingName, "thingName", 1..=128, "a-z A-Z 0-9 : _ -", thing_byte
);
text_id!(
    /// The type given to a Thing that the worker creates.
    ThingTypeName, "thingType", 1..=128, "a-z A-Z 0-9 : _ -", thing_byte
);
text_id!(
    /// The group that a Thing is put into.
    ThingGroupName, "thingGroup", 1..=128, "a-z A-Z 0-9 : _ -", thing_byte
);
text_id!(
    /// The AWS IoT policy attached to the certificate (AWS IoT API reference, `PolicyName`).
    PolicyName, "policyName", 1..=128, "a-z A-Z 0-9 _ + = , . @ -", policy_byte
);
text_id!(
    /// The name of a Thing attribute.
    AttributeName, "attributes", 1..=128, "a-z A-Z 0-9 _ . , @ / : # -", attribute_name_byte
);
text_id!(
    /// The value of a Thing attribute.
    AttributeValue, "attributes", 0..=800, "a-z A-Z 0-9 _ . , @ / : # = [ ] -", attribute_value_byte
);
text_id!(
    /// AWS IoT's id of a certificate, the table's `certID`: the SHA-256 of its DER form, in hex.
    CertificateId, "certificateId", 64..=64, "0-9 a-f", lower_hex
);
text_id!(
    /// Names one accepted request. Derived from what is asked (see [`crate::request`]), so the same
    /// device asking the same thing again has the same id. It is a name, not a credential.
    RequestId, "requestId", 32..=32, "0-9 a-f", lower_hex
);
text_id!(
    /// One worker's one attempt at one message: 128 random bits that fence its writes.
    Owner, "owner", 32..=32, "0-9 a-f", lower_hex
);
text_id!(
    /// Where a bundle lies in the vault: `b/{request}/{attempt}/{certificate}`.
    BundleKey, "bundleKey", 1..=256, "a-z A-Z 0-9 / _ -", |b| thing_byte(b) || b == b'/'
);

text_id!(
    /// The hash over a row's changes up to one of them: SHA-256, in hex.
    TrailHead, "trailHead", 64..=64, "0-9 a-f", lower_hex
);

impl TrailHead {
    /// The digest as a head.
    pub(crate) fn from_digest(digest: &[u8; 32]) -> Self {
        Self(hex(digest))
    }
}

impl Owner {
    /// An owner from 16 random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(hex(&bytes))
    }
}

impl BundleKey {
    /// The key of the bundle that `owner` stages for `request` with this certificate. Nobody else
    /// writes there, and no other certificate ever lies there: a late shredding of one that was given
    /// up cannot hit its successor.
    pub fn of(request: &RequestId, owner: &Owner, certificate: &CertificateId) -> Self {
        let short = &certificate.as_str()[..32];
        Self(format!("b/{request}/{owner}/{short}"))
    }
}

impl RequestId {
    pub(crate) fn from_digest(digest: &[u8; 32]) -> Self {
        Self(hex(&digest[..16]))
    }
}

/// The bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |half: u8| DIGITS[usize::from(half & 15)];
    let mut text = String::with_capacity(2 * bytes.len());
    // A table, not the formatter: digests are written by the dozen for each request.
    text.extend(
        bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(*byte)]),
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_what_aws_iot_accepts_for_a_thing() {
        for good in ["a", "SN-0001:A_b", "00:1A:2b:3C:4d:5E", &"x".repeat(128)] {
            assert_eq!(SerialNumber::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_refused_serial_names_its_field_and_its_rule_but_not_its_text() {
        for bad in ["a b", "a/b", "é", "a\0", "${x}", "a\n", "*", "' OR 1=1 --"] {
            let refusal = SerialNumber::parse(bad).unwrap_err().to_string();
            assert!(
                refusal.starts_with("serialNumber: may only hold"),
                "{refusal}"
            );
            assert!(!refusal.contains(bad), "{refusal}");
        }
        for bad in ["", &"x".repeat(129)] {
            let refusal = SerialNumber::parse(bad).unwrap_err().to_string();
            assert_eq!(refusal, "serialNumber: must have 1 to 128 characters");
        }
    }

    #[test]
    fn serde_goes_through_the_parser() {
        assert!(serde_json::from_str::<SerialNumber>("\"a b\"").is_err());
        assert!(serde_json::from_str::<CertificateId>("\"00\"").is_err());
    }

    #[test]
    fn policies_may_hold_what_iot_policies_hold() {
        assert!(PolicyName::parse("Fleet_policy+v=1,.@-").is_ok());
        assert!(PolicyName::parse("a:b").is_err());
    }
}
