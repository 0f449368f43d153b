//! The shapes in which a secret may turn up where it must not.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cvm_shared::ids::hex;

/// One shape of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// What kind of shape.
    pub kind: String,
    /// The bytes to look for, each as the character of that number: so any bytes are a text.
    pub needle: String,
}

/// All shapes of these bytes: as they are, in hex, in base64 wherever in a longer text they begin, escaped
/// for JSON (once and within a JSON text again) and for URLs, and as the numbers that `{:?}` prints.
pub fn forms(secret: &[u8]) -> Vec<Form> {
    let mut forms = vec![form("raw", secret)];
    let digits = hex(secret);
    forms.push(form("HEX", digits.to_uppercase().as_bytes()));
    forms.push(form("hex", digits.as_bytes()));
    for shift in 0..3 {
        let kind = |name: &str| format!("{name} at {shift} of 3");
        let standard = aligned(secret, shift, |bytes| BASE64_STANDARD_NO_PAD.encode(bytes));
        let url = aligned(secret, shift, |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
        forms.push(form(kind("base64"), standard.as_bytes()));
        forms.push(form(kind("base64url"), url.as_bytes()));
    }
    forms.push(form("decimal", decimal(secret).as_bytes()));
    if let Ok(text) = std::str::from_utf8(secret) {
        let once = escaped(text);
        forms.push(form("JSON", once.as_bytes()));
        forms.push(form("JSON in JSON", escaped(&once).as_bytes()));
        forms.push(form("URL", percent(secret).as_bytes()));
    }
    forms.sort_by(|one, other| one.needle.cmp(&other.needle));
    forms.dedup_by(|one, other| one.needle == other.needle);
    forms
}

/// The lines of a PEM text that stand for it: its head and tail are nobody's secret.
pub fn pem_lines(pem: &str) -> Vec<String> {
    let lines = pem.lines().map(str::trim);
    let body = lines.filter(|line| line.len() >= 40 && !line.starts_with("---"));
    body.map(ToOwned::to_owned).collect()
}

/// Each byte as the character of that number.
pub fn characters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn form(kind: impl Into<String>, needle: &[u8]) -> Form {
    Form {
        kind: kind.into(),
        needle: characters(needle),
    }
}

/// What all base64 texts have in common that hold the secret so many bytes after a multiple of three.
fn aligned(secret: &[u8], shift: usize, encode: impl Fn(&[u8]) -> String) -> String {
    let text = encode(&[vec![0; shift], secret.to_vec()].concat());
    // Characters that also say something of the bytes before and behind are left out.
    let first = (shift * 8).div_ceil(6);
    let last = (shift + secret.len()) * 8 / 6;
    text[first..last].to_owned()
}

fn decimal(secret: &[u8]) -> String {
    let numbers: Vec<String> = secret.iter().map(u8::to_string).collect();
    numbers.join(", ")
}

fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn percent(secret: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => {
            char::from(*byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    secret.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn found(place: &str, secret: &str) -> bool {
        let all = forms(secret.as_bytes());
        all.iter().any(|form| place.contains(&form.needle))
    }

    #[test]
    fn a_secret_is_found_in_every_dress() {
        let secret = "hush/+\"\n-0123456789";
        for before in ["", "x", "xy", "xyz"] {
            let place = format!("{before}{secret}and more");
            for dressed in [
                place.clone(),
                BASE64_STANDARD.encode(&place),
                BASE64_URL_SAFE_NO_PAD.encode(&place),
                hex(place.as_bytes()),
                format!("{:?}", place.as_bytes()),
                serde_json::json!({ "a": place }).to_string(),
                serde_json::json!(serde_json::json!([place]).to_string()).to_string(),
            ] {
                assert!(found(&dressed, secret), "{dressed}");
            }
        }
        assert!(!found("hush, but not that one, 0123456789", secret));
    }

    #[test]
    fn a_pem_text_is_its_body() {
        let line = "A".repeat(64);
        let pem = format!("-----BEGIN X-----\n{line}\nAAA=\n-----END X-----\n");
        assert_eq!(pem_lines(&pem), [line]);
    }
}
