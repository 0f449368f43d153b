//! What a request says besides name and key. Only a wish for extensions means anything.

use der::Tag;
use der::Tagged as _;
use der::asn1::AnyRef;
use der::asn1::ObjectIdentifier;

use super::extensions;
use super::layout::items;
use super::refuse;
use super::strict;
use crate::ids::Malformed;

/// `extensionRequest` (PKCS#9).
const EXTENSIONS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");

/// `unstructuredName` and `challengePassword` (PKCS#9), which openssl asks for and nobody here reads,
/// with the types that they may have.
const IGNORED: [(ObjectIdentifier, &[Tag]); 2] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.2"),
        &[Tag::Utf8String, Tag::PrintableString, Tag::Ia5String],
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.7"),
        &[Tag::Utf8String, Tag::PrintableString],
    ),
];

/// Each attribute is known, and all extensions are harmless.
pub(super) fn check(attributes: AnyRef<'_>) -> Result<(), Malformed> {
    strict::check_order(attributes)?;
    let all = read(attributes).map_err(|_| refuse("has attributes that are not attributes"))?;
    let mut seen = Vec::new();
    for (kind, values) in &all {
        if seen.contains(kind) {
            return Err(refuse("may have each attribute once only"));
        }
        seen.push(*kind);
        match values.as_slice() {
            [wished] if *kind == EXTENSIONS => extensions::check(*wished)?,
            [text] => check_ignored(*kind, text.tag())?,
            _ => return Err(refuse("must have one value in each attribute")),
        }
    }
    Ok(())
}

/// Ignored by us; but whoever reads the request next may stumble over a type that it does not expect.
fn check_ignored(kind: ObjectIdentifier, found: Tag) -> Result<(), Malformed> {
    match IGNORED.iter().find(|(known, _)| *known == kind) {
        Some((_, types)) if types.contains(&found) => Ok(()),
        Some(_) => Err(refuse("may only have text in its attributes")),
        None => Err(refuse(
            "may only have the attributes extensionRequest, challengePassword and unstructuredName",
        )),
    }
}

fn read(attributes: AnyRef<'_>) -> der::Result<Vec<(ObjectIdentifier, Vec<AnyRef<'_>>)>> {
    let pairs = items(attributes, attributes.tag())?.into_iter();
    pairs
        .map(|pair| match items(pair, Tag::Sequence)?.as_slice() {
            [kind, values] => Ok((kind.decode_as()?, items(*values, Tag::Set)?)),
            _ => Err(Tag::Sequence.length_error().into()),
        })
        .collect()
}

#[cfg(test)]
#[path = "attributes_tests.rs"]
mod tests;
