//! The body of a submission, read strictly: one object, known keys, each once, texts only.

use std::fmt;

use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::secret::DeviceToken;
use serde::Deserialize;
use serde::de::Error as _;
use serde::de::MapAccess;
use serde::de::Visitor;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::credentials::Shown;
use crate::http::Asked;
use crate::problem::Refused;

/// What a device submits.
#[derive(Debug)]
pub struct Submission {
    /// Who it says it is, where the body says so.
    serial: Option<SerialNumber>,
    /// Its token, in plain token mode without a header.
    token: Option<DeviceToken>,
    /// Its signing request; none asks for keys mode. Not looked into before it is authenticated.
    pub csr: Option<String>,
}

impl Submission {
    /// Reads the body, or names the field and the rule.
    pub fn read(asked: &Asked) -> Result<Self, Refused> {
        let fields: Fields = serde_json::from_slice(&asked.body).map_err(|error| told(&error))?;
        let serial = fields.serial_number.as_ref();
        let token = fields.device_token.as_ref();
        Ok(Self {
            serial: serial
                .map(|text| SerialNumber::parse(text.0.as_str()))
                .transpose()?,
            token: token
                .map(|text| DeviceToken::parse(text.0.as_str()))
                .transpose()?,
            csr: fields.csr.map(|text| text.0.to_string()),
        })
    }

    /// The credentials in the body.
    pub fn credentials(&self) -> Result<Credentials, Refused> {
        let missing = |field| Malformed::new(field, "is missing");
        let serial = self.serial.clone();
        let token = self.token.clone();
        Ok(Credentials {
            serial: serial.ok_or_else(|| missing("serialNumber"))?,
            shown: Shown::Token(token.ok_or_else(|| missing("deviceToken"))?),
        })
    }

    /// Refuses a body that says something else than the header does: there is one source of each.
    pub fn agrees_with(&self, who: &Credentials) -> Result<(), Refused> {
        if self.token.is_some() {
            let rule = "must not be sent beside an Authorization header";
            return Err(Malformed::new("deviceToken", rule).into());
        }
        if self.serial.as_ref().is_some_and(|own| *own != who.serial) {
            let rule = "is another one than the Authorization header's";
            return Err(Malformed::new("serialNumber", rule).into());
        }
        Ok(())
    }
}

/// Refuses a body of another type, or an encoded one: nothing is ever inflated here.
pub(crate) fn check_type(asked: &Asked) -> Result<(), Refused> {
    let media_type = asked.header("content-type")?.unwrap_or_default();
    let plain = media_type.to_ascii_lowercase().replace(' ', "");
    if !matches!(
        plain.as_str(),
        "application/json" | "application/json;charset=utf-8"
    ) {
        return Err(Refused::UnsupportedMediaType);
    }
    check_encoding(asked)
}

/// Refuses a body that is encoded.
pub(crate) fn check_encoding(asked: &Asked) -> Result<(), Refused> {
    match asked.header("content-encoding")? {
        None | Some("identity") => Ok(()),
        Some(_) => Err(Refused::UnsupportedMediaType),
    }
}

/// The parser's complaint without the text that it complains about: that may be a token.
fn told(error: &serde_json::Error) -> Refused {
    if !error.is_data() {
        return Malformed::new("body", "is not JSON").into();
    }
    let text = error.to_string();
    let rule = text
        .split_once(" at line ")
        .map_or(text.as_str(), |(rule, _)| rule);
    match KNOWN
        .iter()
        .find_map(|field| Some((*field, rule.strip_prefix(field)?)))
    {
        Some((field, rule)) => Malformed::new(field, rule.trim_start()).into(),
        None => Malformed::new("body", NOT_THE_OBJECT).into(),
    }
}

const KNOWN: [&str; 3] = ["serialNumber", "deviceToken", "csr"];
const NOT_THE_OBJECT: &str = "must be one object with the keys serialNumber, deviceToken and csr";

#[derive(Default)]
struct Fields {
    serial_number: Option<Text>,
    device_token: Option<Text>,
    csr: Option<Text>,
}

/// A JSON string, wiped when dropped; nothing else becomes one.
struct Text(Zeroizing<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<String>()? {
            let (field, slot) = match key.as_str() {
                "serialNumber" => (KNOWN[0], &mut fields.serial_number),
                "deviceToken" => (KNOWN[1], &mut fields.device_token),
                "csr" => (KNOWN[2], &mut fields.csr),
                _ => return Err(A::Error::custom(NOT_THE_OBJECT)),
            };
            let text = map
                .next_value()
                .map_err(|_| must_be(field, "must be a string"))?;
            if slot.replace(text).is_some() {
                return Err(must_be(field, "appears twice"));
            }
        }
        Ok(fields)
    }
}

fn must_be<E: serde::de::Error>(field: &str, rule: &str) -> E {
    E::custom(format_args!("{field} {rule}"))
}

#[cfg(test)]
mod tests {
    use ::http::HeaderMap;
    use ::http::HeaderValue;
    use ::http::Method;

    use super::*;

    fn read_as(media_type: &'static str, body: &str) -> Result<Submission, Refused> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(media_type));
        let asked = Asked {
            method: Method::POST,
            audience: String::new(),
            source: String::new(),
            path: "/".to_owned(),
            query: crate::http::Query::default(),
            headers,
            body: Zeroizing::new(body.as_bytes().to_vec()),
        };
        check_type(&asked)?;
        let read = Submission::read(&asked)?;
        read.credentials().map(|_| read)
    }

    fn complaint(body: &str) -> String {
        match read_as("application/json", body) {
            Err(Refused::BadRequest(malformed)) => malformed.to_string(),
            other => panic!("{other:?}"),
        }
    }

    const GOOD: &str = r#"{"serialNumber":"SN-1","deviceToken":"tok","csr":"x"}"#;

    #[test]
    fn a_submission_is_read() {
        let read = read_as("application/json", GOOD).unwrap();
        assert_eq!(read.credentials().unwrap().serial.as_str(), "SN-1");
        assert_eq!(read.csr.as_deref(), Some("x"));
        assert!(read_as("Application/JSON; charset=UTF-8", GOOD).is_ok());
    }

    #[test]
    fn other_types_are_refused_unread() {
        for media_type in [
            "text/plain",
            "",
            "application/json; charset=utf-16",
            "application/jsonx",
        ] {
            assert_eq!(
                read_as(media_type, GOOD).unwrap_err(),
                Refused::UnsupportedMediaType
            );
        }
    }

    #[test]
    fn a_body_must_not_say_what_the_header_says() {
        let who = |serial: &str| Credentials {
            serial: SerialNumber::parse(serial).unwrap(),
            shown: Shown::Token(DeviceToken::parse("tok").unwrap()),
        };
        let read = read_as("application/json", GOOD).unwrap();
        assert!(matches!(
            read.agrees_with(&who("SN-1")),
            Err(Refused::BadRequest(malformed)) if malformed.field == "deviceToken"
        ));
        let read = Submission {
            token: None,
            ..read
        };
        assert_eq!(read.agrees_with(&who("SN-1")), Ok(()));
        assert!(read.agrees_with(&who("sn-1")).is_err());
    }

    #[test]
    fn bad_bodies_are_told_what_is_wrong_and_never_repeated() {
        let deep = "[".repeat(100_000);
        for (body, expected) in [
            ("", "body: is not JSON"),
            ("{", "body: is not JSON"),
            (&deep, "body: must be one object"),
            ("null", "body: must be one object"),
            (r#"["SN-1","hunter2"]"#, "body: must be one object"),
            (
                r#"{"serialNumber":"SN-1","deviceToken":"hunter2"}}"#,
                "body: is not JSON",
            ),
            (
                r#"{"serialNumber":"SN-1","deviceToken":"hunter2","hunter2":1}"#,
                "body: must be one",
            ),
            (r#"{"serialNumber":"SN-1"}"#, "deviceToken: is missing"),
            (
                r#"{"serialNumber":"SN-1","deviceToken":["hunter2"]}"#,
                "deviceToken: must be a str",
            ),
            (
                r#"{"serialNumber":1,"deviceToken":"hunter2"}"#,
                "serialNumber: must be a string",
            ),
            (r#"{"csr":"a","\u0063sr":"b"}"#, "csr: appears twice"),
            (
                r#"{"serialNumber":"a\u0000b","deviceToken":"hunter2"}"#,
                "serialNumber: may only",
            ),
            (
                r#"{"serialNumber":"SN-1","deviceToken":"hunter2\n"}"#,
                "deviceToken: may only",
            ),
        ] {
            let complaint = complaint(body);
            assert!(
                complaint.starts_with(expected),
                "{complaint} for {body:.60}"
            );
            assert!(!complaint.contains("hunter2"), "{complaint}");
        }
    }
}
