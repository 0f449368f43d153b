//! Who a request says it is for: at most one common name, and free text that nobody relies on.
//!
//! The certificate carries the subject of the request, and AWS IoT policies can refer to more of it than the
//! common name (`iot:Certificate.Subject.SerialNumber`, `.Title`, ..). So only the kinds that no
//! policy of ours could take for a name are let through.

use der::Tag;
use der::Tagged as _;
use der::asn1::AnyRef;
use der::asn1::ObjectIdentifier;

use super::layout::items;
use super::refuse;
use crate::ids::Malformed;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Country, locality, state or province, organisation, organisational unit.
const FREE_TEXT: [ObjectIdentifier; 5] = [
    ObjectIdentifier::new_unwrap("2.5.4.6"),
    ObjectIdentifier::new_unwrap("2.5.4.7"),
    ObjectIdentifier::new_unwrap("2.5.4.8"),
    ObjectIdentifier::new_unwrap("2.5.4.10"),
    ObjectIdentifier::new_unwrap("2.5.4.11"),
];

/// As many as one of each kind and a few more units.
const PARTS_MAX: usize = 10;

/// As long as a serial number may be, though X.520 would have names end at 64.
const PART_BYTES_MAX: usize = 128;

/// The policy for subjects, but for whom a common name may name.
pub(super) fn check(subject: AnyRef<'_>) -> Result<(), Malformed> {
    let parts = parts(subject)?;
    if parts.len() > PARTS_MAX {
        return Err(refuse(format!(
            "must have a subject of at most {PARTS_MAX} parts"
        )));
    }
    if parts.iter().filter(|part| part.0 == COMMON_NAME).count() > 1 {
        return Err(refuse("must have at most one common name"));
    }
    parts
        .into_iter()
        .try_for_each(|(kind, value)| check_part(kind, value))
}

fn check_part(kind: ObjectIdentifier, value: AnyRef<'_>) -> Result<(), Malformed> {
    if kind != COMMON_NAME && !FREE_TEXT.contains(&kind) {
        return Err(refuse(
            "may only have CN, C, L, ST, O and OU in its subject",
        ));
    }
    if ![Tag::Utf8String, Tag::PrintableString].contains(&value.tag()) {
        return Err(refuse(
            "must have a subject of UTF8String or PrintableString",
        ));
    }
    if value.value().is_empty() || value.value().len() > PART_BYTES_MAX {
        return Err(refuse(format!(
            "must have 1 to {PART_BYTES_MAX} bytes in each part of its subject"
        )));
    }
    // `strict` has seen that it is UTF-8.
    if String::from_utf8_lossy(value.value()).contains(char::is_control) {
        return Err(refuse("may not have control characters in its subject"));
    }
    Ok(())
}

/// All common names, as they are.
pub(super) fn common_names(subject: AnyRef<'_>) -> Result<Vec<String>, Malformed> {
    let names = parts(subject)?.into_iter();
    Ok(names
        .filter(|(kind, _)| *kind == COMMON_NAME)
        .map(|(_, value)| String::from_utf8_lossy(value.value()).into_owned())
        .collect())
}

/// The subject's parts in order, whichever of them are joined in one set.
fn parts(subject: AnyRef<'_>) -> Result<Vec<(ObjectIdentifier, AnyRef<'_>)>, Malformed> {
    read_parts(subject).map_err(|_| refuse("has a subject that is not a name"))
}

fn read_parts(subject: AnyRef<'_>) -> der::Result<Vec<(ObjectIdentifier, AnyRef<'_>)>> {
    let mut found = Vec::new();
    for set in items(subject, Tag::Sequence)? {
        let joined = items(set, Tag::Set)?;
        if joined.is_empty() {
            return Err(Tag::Set.length_error().into());
        }
        for pair in joined {
            match items(pair, Tag::Sequence)?.as_slice() {
                [kind, value] => found.push((kind.decode_as()?, *value)),
                _ => return Err(Tag::Sequence.length_error().into()),
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;
