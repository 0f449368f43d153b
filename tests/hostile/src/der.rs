//! Writes DER, good and bad: values are only glued together, nothing is checked.

use der::asn1::ObjectIdentifier;

/// One value: tag, length in as few bytes as it takes, content.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut value = vec![tag];
    value.extend(length(content.len()));
    value.extend_from_slice(content);
    value
}

/// A length in as few bytes as it takes.
fn length(length: usize) -> Vec<u8> {
    if length < 128 {
        return vec![u8::try_from(length).unwrap()];
    }
    let bytes = length.to_be_bytes();
    let bytes: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    let count = u8::try_from(bytes.len()).unwrap();
    [&[0x80 | count], bytes.as_slice()].concat()
}

/// A SEQUENCE.
pub fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// A SET.
pub fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x31, &parts.concat())
}

/// An OBJECT IDENTIFIER.
pub fn oid(dotted: &str) -> Vec<u8> {
    tlv(6, ObjectIdentifier::new(dotted).unwrap().as_bytes())
}

/// A `UTF8String`.
pub fn utf8(text: &str) -> Vec<u8> {
    tlv(12, text.as_bytes())
}

/// A BIT STRING of whole bytes.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes].concat())
}

/// NULL.
pub fn null() -> Vec<u8> {
    vec![5, 0]
}

/// An INTEGER that is not negative, of these big-endian bytes.
pub fn int(bytes: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
    if bytes.first().is_none_or(|first| *first > 127) {
        bytes.insert(0, 0);
    }
    tlv(2, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_integers_are_as_short_as_can_be() {
        assert_eq!(tlv(4, &[7; 3]), [4, 3, 7, 7, 7]);
        assert_eq!(tlv(4, &[7; 200])[..3], [4, 0x81, 200]);
        assert_eq!(tlv(4, &[7; 300])[..4], [4, 0x82, 1, 44]);
        assert_eq!(int(&[0, 0, 1]), [2, 1, 1]);
        assert_eq!(int(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(int(&[]), [2, 1, 0]);
    }
}
