//! DER and nothing else: every value inside a request is looked at before anything makes sense of it.
//!
//! The crate `der` refuses indefinite, padded and too large lengths and unknown tags, but only in what
//! it is asked to read. This walk asks it for everything, without recursion, so that no input can use
//! up the stack, and adds what `der` leaves to its callers: padded numbers, stray bits, order in sets.

use der::Reader as _;
use der::SliceReader;
use der::Tag;
use der::Tagged as _;
use der::asn1::AnyRef;
use der::asn1::BitStringRef;
use der::asn1::Ia5StringRef;
use der::asn1::Null;
use der::asn1::ObjectIdentifier;
use der::asn1::PrintableStringRef;
use der::asn1::Utf8StringRef;

use super::refuse;
use crate::ids::Malformed;

/// How deep values may be nested. A request with extensions needs eight.
const DEPTH_MAX: usize = 16;

/// One DER value, canonical at every level, and nothing behind it.
pub(super) fn check(der: &[u8]) -> Result<(), Malformed> {
    let mut whole = open(der)?;
    let _: AnyRef<'_> = whole.decode().map_err(|_| not_strict())?;
    if !whole.is_finished() {
        return Err(refuse("has bytes after the request"));
    }
    walk(der)
}

/// Values one after another, each canonical at every level.
pub(super) fn walk(der: &[u8]) -> Result<(), Malformed> {
    let mut opened = vec![open(der)?];
    while let Some(reader) = opened.last_mut() {
        if reader.is_finished() {
            opened.pop();
            continue;
        }
        let value: AnyRef<'_> = reader.decode().map_err(|_| not_strict())?;
        if value.tag() == Tag::Set {
            check_order(value)?;
        }
        if !value.tag().is_constructed() {
            check_primitive(value).map_err(|_| not_strict())?;
        } else if opened.len() <= DEPTH_MAX {
            opened.push(open(value.value())?);
        } else {
            return Err(refuse(format!("is nested deeper than {DEPTH_MAX}")));
        }
    }
    Ok(())
}

/// The members of a set come in the order of their bytes, each once. (Also for a set whose own tag
/// hides behind an implicit one.)
pub(super) fn check_order(set: AnyRef<'_>) -> Result<(), Malformed> {
    let mut reader = open(set.value())?;
    let mut members = Vec::new();
    while !reader.is_finished() {
        members.push(reader.tlv_bytes().map_err(|_| not_strict())?);
    }
    if members.is_sorted_by(|before, after| before < after) {
        return Ok(());
    }
    Err(refuse(
        "has a set whose members are out of order or repeated",
    ))
}

type Check = fn(AnyRef<'_>) -> der::Result<()>;

/// The types whose bytes can break a rule of DER. The others (OCTET STRING, old strings, implicit
/// tags) take any bytes as they are, and no rule here lets them matter.
fn check_primitive(value: AnyRef<'_>) -> der::Result<()> {
    const CANONICAL: [(Tag, Check); 8] = [
        (Tag::Boolean, |v| v.decode_as::<bool>().map(drop)),
        (Tag::Integer, check_integer),
        (Tag::BitString, check_bits),
        (Tag::Null, |v| v.decode_as::<Null>().map(drop)),
        (Tag::ObjectIdentifier, check_identifier),
        (Tag::Utf8String, |v| {
            v.decode_as::<Utf8StringRef<'_>>().map(drop)
        }),
        (Tag::PrintableString, |v| {
            v.decode_as::<PrintableStringRef<'_>>().map(drop)
        }),
        (Tag::Ia5String, |v| {
            v.decode_as::<Ia5StringRef<'_>>().map(drop)
        }),
    ];
    match CANONICAL.iter().find(|(tag, _)| *tag == value.tag()) {
        Some((_, check)) => check(value),
        None => refuse_rare(value.tag()),
    }
}

/// Types with rules of their own that no request needs.
fn refuse_rare(tag: Tag) -> der::Result<()> {
    let rare = [
        Tag::Enumerated,
        Tag::GeneralizedTime,
        Tag::Real,
        Tag::RelativeOid,
        Tag::UtcTime,
    ];
    if rare.contains(&tag) {
        return Err(tag.value_error().into());
    }
    Ok(())
}

/// In as few bytes as it takes. `der` looks at that only when it reads into a type of fixed size.
fn check_integer(value: AnyRef<'_>) -> der::Result<()> {
    match value.value() {
        [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => {
            Err(Tag::Integer.non_canonical_error().into())
        }
        [_, ..] => Ok(()),
    }
}

/// No number in it begins with a byte of no digits, which `der` lets through.
fn check_identifier(value: AnyRef<'_>) -> der::Result<()> {
    const MORE: u8 = 0x80;
    value.decode_as::<ObjectIdentifier>()?;
    let bytes = value.value();
    let mut pairs = std::iter::once(&0).chain(bytes).zip(bytes);
    if pairs.any(|(last, first)| *last < MORE && *first == MORE) {
        return Err(Tag::ObjectIdentifier.non_canonical_error().into());
    }
    Ok(())
}

/// `der` reads the number of unused bits but does not look at them.
fn check_bits(value: AnyRef<'_>) -> der::Result<()> {
    let bits: BitStringRef<'_> = value.decode_as()?;
    let unused = (1 << bits.unused_bits()) - 1;
    match bits.raw_bytes().last() {
        Some(last) if last & unused != 0 => Err(Tag::BitString.value_error().into()),
        Some(_) | None => Ok(()),
    }
}

fn open(bytes: &[u8]) -> Result<SliceReader<'_>, Malformed> {
    SliceReader::new(bytes).map_err(|_| not_strict())
}

fn not_strict() -> Malformed {
    refuse("is not strict DER")
}

#[cfg(test)]
#[path = "strict_tests.rs"]
mod tests;
