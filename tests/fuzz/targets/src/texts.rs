//! Small things that several targets do with bytes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// What must never be in an answer, a refusal or a log: stands for somebody's secret in seeds.
pub const CANARY: &str = "hunter2";

/// The parts between these separators.
pub fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = find(rest, separator) {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    parts
}

/// What is before the separator and what is after it; all of it is before one that is not there.
pub fn halves<'a>(bytes: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    match find(bytes, separator) {
        Some(at) => (&bytes[..at], &bytes[at + separator.len()..]),
        None => (bytes, &[]),
    }
}

/// Where this is in it.
pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|some| some == wanted)
}

/// The same with these names replaced by what they stand for.
pub fn filled(bytes: &[u8], names: &[(&str, &str)]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'@') {
        filled.extend(&rest[..at]);
        rest = &rest[at..];
        let named = names
            .iter()
            .find(|(name, _)| rest.starts_with(name.as_bytes()));
        let (length, text) = named.map_or((1, "@"), |(name, text)| (name.len(), *text));
        filled.extend(text.as_bytes());
        rest = &rest[length..];
    }
    filled.extend(rest);
    filled
}

/// The text with its percent-encodings and JSON escapes of ASCII characters read as what they mean.
pub fn loosened(text: &[u8]) -> Vec<u8> {
    let mut loose = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (byte, length) = escaped(rest).unwrap_or((*first, 1));
        loose.push(byte);
        rest = rest.get(length..).unwrap_or(after);
    }
    loose
}

/// The character that is written here in another way, and how long that is.
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
    let (digits, length) = match text {
        [b'%', digits @ ..] => (digits.get(..2)?, 3),
        [b'\\', b'u', digits @ ..] => (digits.get(..4)?, 6),
        _ => return None,
    };
    let digits = std::str::from_utf8(digits).ok()?;
    let byte = u16::from_str_radix(digits, 16).ok()?;
    Some((u8::try_from(byte).ok()?, length))
}

/// A PEM block of a signing request, as it goes into a JSON string.
pub fn in_json(pem: &str) -> String {
    pem.replace('\n', "\\n")
}

/// DER as a signing request in PEM.
pub fn armoured(der: &[u8]) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE REQUEST-----\n");
    for line in BASE64_STANDARD.encode(der).as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE REQUEST-----\n"
}

/// The DER in a PEM text that we wrote.
pub fn unarmoured(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    BASE64_STANDARD.decode(lines.collect::<String>()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_apart_and_filled() {
        assert_eq!(split(b"a%%b%%", b"%%"), [&b"a"[..], b"b", b""]);
        assert_eq!(halves(b"a: b: c", b": "), (&b"a"[..], &b"b: c"[..]));
        let names = [("@id2", "two"), ("@id", "one")];
        assert_eq!(filled(b"@id @id2 @x", &names), b"one two @x");
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(loosened(b"%61b\\u0063%zz%"), b"abc%zz%");
    }

    #[test]
    fn armour_comes_off_again() {
        let der: Vec<u8> = (0..200).collect();
        assert_eq!(unarmoured(&armoured(&der)), der);
    }
}
