//! The armour around a request: read strictly, and written anew.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::CSR_MAX;
use super::refuse;
use crate::ids::Malformed;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
const LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

/// The DER bytes of the only PEM block in the text. Lines before and after it are not looked at,
/// but none may begin another block, whole or not.
pub(super) fn sole_request(text: &str) -> Result<Vec<u8>, Malformed> {
    if text.matches(BEGIN).count() != 1 {
        return Err(refuse("must be one PEM block"));
    }
    let mut lines = text.lines().map(str::trim_end);
    let label = lines
        .find_map(|line| line.strip_prefix(BEGIN)?.strip_suffix(DASHES))
        .ok_or_else(|| refuse("must be one PEM block"))?;
    if !LABELS.contains(&label) {
        return Err(refuse("must be a PEM block of type CERTIFICATE REQUEST"));
    }
    decode(lines, &format!("-----END {label}-----"))
}

fn decode<'a>(mut lines: impl Iterator<Item = &'a str>, end: &str) -> Result<Vec<u8>, Malformed> {
    let mut body = String::new();
    loop {
        match lines.next() {
            Some(line) if line == end => break,
            Some(line) => body.push_str(line),
            None => return Err(refuse("must be a PEM block that ends as it began")),
        }
    }
    // This engine takes the standard alphabet, full padding and no stray bits: one text for each value.
    BASE64_STANDARD
        .decode(body)
        .map_err(|_| refuse("must be a PEM block of base64"))
}

/// The request as PEM in lines of 64. One that came in longer lines may be too long in these.
pub(super) fn rewritten(der: &[u8]) -> Result<String, Malformed> {
    let pem = to_pem(der);
    if pem.len() > CSR_MAX {
        return Err(refuse(format!(
            "must have at most {CSR_MAX} characters in lines of 64"
        )));
    }
    Ok(pem)
}

pub(super) fn to_pem(der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE REQUEST-----\n");
    for line in body.as_bytes().chunks(64) {
        // Base64 is ASCII, so every chunk is text.
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE REQUEST-----\n");
    pem
}

#[cfg(test)]
#[path = "pem_tests.rs"]
mod tests;
