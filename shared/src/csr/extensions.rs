//! Which extensions a device may ask for: those that make it no more than an end entity.

use der::Decode as _;
use der::Tag;
use der::asn1::AnyRef;
use der::asn1::BitStringRef;
use der::asn1::ObjectIdentifier;
use der::asn1::OctetStringRef;

use super::layout::items;
use super::refuse;
use super::strict;
use crate::ids::Malformed;

const SUBJECT_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const CT_POISON: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.3");

const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// digitalSignature, contentCommitment, keyEncipherment, dataEncipherment, keyAgreement.
const USAGES: usize = 5;

/// A SHA-1 takes 20 bytes, a SHA-512 takes 64.
const KEY_ID_BYTES_MAX: usize = 64;

/// Every extension is known, harmless and there once.
pub(super) fn check(wished: AnyRef<'_>) -> Result<(), Malformed> {
    let all = read(wished).map_err(|_| refuse("asks for extensions that are not extensions"))?;
    let mut seen = Vec::new();
    for (kind, content) in all {
        if seen.contains(&kind) {
            return Err(refuse("may ask for each extension once only"));
        }
        seen.push(kind);
        check_one(kind, content)?;
    }
    Ok(())
}

fn check_one(kind: ObjectIdentifier, content: &[u8]) -> Result<(), Malformed> {
    let (harmless, rule): (fn(AnyRef<'_>) -> der::Result<bool>, _) = match kind {
        BASIC_CONSTRAINTS => (no_authority, "may not ask to be an authority"),
        KEY_USAGE => (
            end_entity_usage,
            "may not ask for other key usages than an end entity's",
        ),
        EXTENDED_KEY_USAGE => (
            tls_purposes,
            "may not ask for other extended key usages than clientAuth and serverAuth",
        ),
        SUBJECT_KEY_ID => (short_id, "may not ask for a long subject key identifier"),
        SUBJECT_ALT_NAME => return Err(refuse("may not ask for alternative names")),
        CT_POISON => return Err(refuse("may not ask for a precertificate")),
        _ => {
            return Err(refuse(
                "may not ask for an extension that is not known here",
            ));
        }
    };
    strict::walk(content)?;
    match AnyRef::from_der(content).and_then(harmless) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(refuse(rule)),
    }
}

/// Absence is how DER says CA:FALSE, and a path length makes sense for authorities only.
fn no_authority(value: AnyRef<'_>) -> der::Result<bool> {
    Ok(items(value, Tag::Sequence)?.is_empty())
}

fn end_entity_usage(value: AnyRef<'_>) -> der::Result<bool> {
    let usages: BitStringRef<'_> = value.decode_as()?;
    Ok(usages.bits().skip(USAGES).all(|wished| !wished))
}

fn tls_purposes(value: AnyRef<'_>) -> der::Result<bool> {
    for purpose in items(value, Tag::Sequence)? {
        let purpose: ObjectIdentifier = purpose.decode_as()?;
        if ![SERVER_AUTH, CLIENT_AUTH].contains(&purpose) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn short_id(value: AnyRef<'_>) -> der::Result<bool> {
    let id: &OctetStringRef = value.decode_as()?;
    Ok(id.as_bytes().len() <= KEY_ID_BYTES_MAX)
}

fn read(wished: AnyRef<'_>) -> der::Result<Vec<(ObjectIdentifier, &[u8])>> {
    let all = items(wished, Tag::Sequence)?.into_iter();
    all.map(read_one).collect()
}

fn read_one(extension: AnyRef<'_>) -> der::Result<(ObjectIdentifier, &[u8])> {
    let (kind, content) = match items(extension, Tag::Sequence)?.as_slice() {
        [kind, content] => (*kind, *content),
        // FALSE is the default, which DER leaves out. Critical or not, we know the kind or refuse it.
        [kind, critical, content] if critical.decode_as::<bool>()? => (*kind, *content),
        _ => return Err(Tag::Sequence.length_error().into()),
    };
    let content: &OctetStringRef = content.decode_as()?;
    Ok((kind.decode_as()?, content.as_bytes()))
}
