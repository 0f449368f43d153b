//! Who asks, in the query, in a form or in JSON: two parameters, each once, from one place.
//!
//! Others beside them are ignored, as both machines did. The texts are wiped, and no complaint repeats
//! any of them.

mod json;

use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::secret::DeviceToken;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::credentials::Shown;
use crate::http::Asked;
use crate::problem::Refused;
use crate::submission::check_encoding;

/// The names of serial number and token, as a machine spells them.
pub(super) type Names = [&'static str; 2];

/// The parameters found, in the order of their names.
#[derive(Default)]
struct Found([Slot; 2]);

/// What was found under a name. Not printable: it holds a token.
#[derive(Default)]
enum Slot {
    #[default]
    Missing,
    Text(Zeroizing<String>),
    /// What is no text.
    Other,
    Twice,
}

impl Slot {
    fn put(&mut self, found: Self) {
        *self = match self {
            Self::Missing => found,
            Self::Text(_) | Self::Other | Self::Twice => Self::Twice,
        };
    }

    fn text(self, name: &'static str) -> Result<Zeroizing<String>, Malformed> {
        let rule = match self {
            Self::Text(text) => return Ok(text),
            Self::Missing => "is missing",
            Self::Other => "must be a string or a whole number",
            Self::Twice => "appears twice",
        };
        Err(Malformed::new(name, rule))
    }
}

/// Reads who asks, or names what is wrong.
pub(super) fn read(asked: &Asked, names: Names) -> Result<Credentials, Refused> {
    let Found([serial, token]) = found(asked, names)?;
    let (serial, token) = (serial.text(names[0])?, token.text(names[1])?);
    // The refusals speak of the parameters by the names that they have in the newer API.
    let as_sent = |name| move |refusal: Malformed| Malformed::new(name, refusal.rule);
    Ok(Credentials {
        serial: SerialNumber::parse(serial.as_str()).map_err(as_sent(names[0]))?,
        shown: Shown::Token(DeviceToken::parse(token.as_str()).map_err(as_sent(names[1]))?),
    })
}

/// One place to read from: two could say two things, and somebody in between could read the other one.
fn found(asked: &Asked, names: Names) -> Result<Found, Refused> {
    let query = asked.query.expose().as_bytes();
    match (query.is_empty(), asked.body.is_empty()) {
        (false, false) => Err(Malformed::new("query", "must not be sent beside a body").into()),
        (false, true) => Ok(form("query", query, names)?),
        (true, false) => body(asked, names),
        (true, true) => Ok(Found::default()),
    }
}

/// A body is JSON if it begins like an object or is announced as such, and a form otherwise: firmware
/// that sends JSON under a form's type is out there, for the published machine did not look.
fn body(asked: &Asked, names: Names) -> Result<Found, Refused> {
    const JSON: &str = "application/json";
    let announced = asked.header("content-type")?.unwrap_or_default();
    let media_type = announced.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    let known = ["", JSON, "application/x-www-form-urlencoded", "text/plain"];
    if !known.contains(&media_type.as_str()) {
        return Err(Refused::UnsupportedMediaType);
    }
    check_encoding(asked)?;
    if media_type == JSON || asked.body.trim_ascii_start().starts_with(b"{") {
        return Ok(json::read(&asked.body, names)?);
    }
    Ok(form("body", &asked.body, names)?)
}

fn form(place: &'static str, bytes: &[u8], names: Names) -> Result<Found, Malformed> {
    if !is_well_encoded(bytes) {
        return Err(Malformed::new(place, "has a broken percent-encoding"));
    }
    let mut found = Found::default();
    for (name, value) in form_urlencoded::parse(bytes) {
        let value = Zeroizing::new(value.into_owned());
        if let Some(at) = names.iter().position(|known| *known == name) {
            found.0[at].put(Slot::Text(value));
        }
    }
    Ok(found)
}

/// Whether each `%` begins a byte. The parser would let one that does not stand for itself, and others
/// would not: a text that two readers read differently is not read at all.
fn is_well_encoded(bytes: &[u8]) -> bool {
    let mut parts = bytes.split(|byte| *byte == b'%');
    parts.next();
    parts.all(|part| part.len() >= 2 && part[..2].iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests;
