//! The fields of a signing request (PKCS#10, RFC 2986 section 4), with nothing between or after them.

use der::Decode as _;
use der::Reader as _;
use der::SliceReader;
use der::Tag;
use der::TagNumber;
use der::Tagged as _;
use der::asn1::AnyRef;
use der::asn1::BitStringRef;
use der::asn1::ObjectIdentifier;

use super::refuse;
use crate::ids::Malformed;

/// A request, taken apart and not yet judged.
pub(super) struct Request<'a> {
    /// What the signature is over, with its header.
    pub(super) signed: &'a [u8],
    pub(super) subject: AnyRef<'a>,
    pub(super) key: PublicKeyInfo<'a>,
    pub(super) attributes: AnyRef<'a>,
    pub(super) algorithm: Algorithm<'a>,
    pub(super) signature: &'a [u8],
}

/// SubjectPublicKeyInfo.
pub(super) struct PublicKeyInfo<'a> {
    /// All of it, with its header.
    pub(super) raw: &'a [u8],
    pub(super) algorithm: Algorithm<'a>,
    pub(super) key: &'a [u8],
}

/// What RFC 5280 calls an `AlgorithmIdentifier`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Algorithm<'a> {
    pub(super) oid: ObjectIdentifier,
    pub(super) parameters: Option<AnyRef<'a>>,
}

impl<'a> Request<'a> {
    pub(super) fn read(der: &'a [u8]) -> Result<Self, Malformed> {
        Self::take_apart(der).map_err(|_| refuse("is not a PKCS#10 certificate request"))
    }

    fn take_apart(der: &'a [u8]) -> der::Result<Self> {
        let mut whole = SliceReader::new(der)?;
        let (signed, algorithm, signature) = whole.sequence(|outer| {
            let signed = outer.tlv_bytes()?;
            Ok::<_, der::Error>((signed, algorithm(outer.decode()?)?, bytes(outer.decode()?)?))
        })?;
        whole.finish()?;
        let (subject, key, attributes) = AnyRef::from_der(signed)?.sequence(read_info)?;
        Ok(Self {
            signed,
            subject,
            key,
            attributes,
            algorithm,
            signature,
        })
    }
}

fn read_info<'a>(
    info: &mut SliceReader<'a>,
) -> der::Result<(AnyRef<'a>, PublicKeyInfo<'a>, AnyRef<'a>)> {
    const VERSION_1: u8 = 0;
    if info.decode::<u8>()? != VERSION_1 {
        return Err(Tag::Integer.value_error().into());
    }
    let subject = info.decode()?;
    let key = public_key(info.tlv_bytes()?)?;
    // Required even when empty, though some old encoders leave it out.
    let attributes: AnyRef<'a> = info.decode()?;
    attributes.tag().assert_eq(Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(0),
    })?;
    Ok((subject, key, attributes))
}

fn public_key(raw: &[u8]) -> der::Result<PublicKeyInfo<'_>> {
    let (algorithm, key) = AnyRef::from_der(raw)?.sequence(|info| {
        Ok::<_, der::Error>((algorithm(info.decode()?)?, bytes(info.decode()?)?))
    })?;
    Ok(PublicKeyInfo {
        raw,
        algorithm,
        key,
    })
}

fn algorithm(value: AnyRef<'_>) -> der::Result<Algorithm<'_>> {
    match items(value, Tag::Sequence)?.as_slice() {
        [oid] => Ok((oid, None)),
        [oid, parameters] => Ok((oid, Some(*parameters))),
        _ => Err(value.tag().length_error().into()),
    }
    .and_then(|(oid, parameters)| {
        Ok(Algorithm {
            oid: oid.decode_as()?,
            parameters,
        })
    })
}

/// A BIT STRING that holds whole bytes.
fn bytes(value: BitStringRef<'_>) -> der::Result<&[u8]> {
    value
        .as_bytes()
        .ok_or_else(|| Tag::BitString.value_error().into())
}

/// The values inside a SEQUENCE, a SET or an implicit tag in their place.
pub(super) fn items(value: AnyRef<'_>, tag: Tag) -> der::Result<Vec<AnyRef<'_>>> {
    value.tag().assert_eq(tag)?;
    let mut reader = SliceReader::new(value.value())?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(reader.decode()?);
    }
    Ok(found)
}
