//! Who a device says it is, and what it shows for it: the `Authorization` header of both modes.
//!
//! Where API Gateway itself wants an AWS signature (`ApiAuth=AWS_IAM`), that one has the header, and ours has its own.
//!
//! `CVM1-TOKEN serial="...",token="..."` or `CVM1 serial="...",ts="...",nonce="...",proof="..."`.
//! A header that is missing is no login; one that is broken is told what is wrong with its form.

use cvm_shared::api::PROOF_SCHEME;
use cvm_shared::api::TOKEN_SCHEME;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::ShownProof;
use cvm_shared::proof::Stamp;
use cvm_shared::secret::DeviceToken;

use crate::http::Asked;
use crate::problem::Refused;

/// Who a device says it is, and what it shows for it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its serial number.
    pub serial: SerialNumber,
    /// What it shows.
    pub shown: Shown,
}

/// What a device shows for who it says it is.
#[derive(Clone, Debug)]
pub enum Shown {
    /// Its secret.
    Token(DeviceToken),
    /// That it knows its secret.
    Proof {
        /// When it asks.
        stamp: Stamp,
        /// What makes the proof good for once.
        nonce: RequestNonce,
        /// The proof.
        proof: ShownProof,
    },
}

/// The header beside an AWS signature.
const BESIDE_SIGNATURE: &str = "cvm1-authorization";
/// How all of AWS's signatures begin (AWS4-HMAC-SHA256, AWS4-ECDSA-P256-SHA256).
const SIGNATURE: &str = "AWS4-";

impl Credentials {
    /// Reads the request's header; `None` if it has none.
    pub(crate) fn of(asked: &Asked) -> Result<Option<Self>, Refused> {
        let usual = asked.header("authorization")?;
        let header = match usual.filter(|value| !value.starts_with(SIGNATURE)) {
            None => asked.header(BESIDE_SIGNATURE)?,
            ours => ours,
        };
        header.map(Self::parse).transpose()
    }

    /// Reads a header's value.
    pub fn parse(header: &str) -> Result<Self, Refused> {
        let unknown = || malformed("must be of the scheme CVM1 or CVM1-TOKEN");
        let (scheme, rest) = header.split_once(' ').ok_or_else(unknown)?;
        if scheme.eq_ignore_ascii_case(PROOF_SCHEME) {
            Self::of_proof(rest)
        } else if scheme.eq_ignore_ascii_case(TOKEN_SCHEME) {
            Self::of_token(rest)
        } else {
            Err(unknown())
        }
    }

    fn of_token(rest: &str) -> Result<Self, Refused> {
        let [serial, token] = parameters(rest, ["serial", "token"])?;
        Ok(Self {
            serial: SerialNumber::parse(serial)?,
            shown: Shown::Token(DeviceToken::parse(token)?),
        })
    }

    fn of_proof(rest: &str) -> Result<Self, Refused> {
        let [serial, stamp, nonce, proof] = parameters(rest, ["serial", "ts", "nonce", "proof"])?;
        Ok(Self {
            serial: SerialNumber::parse(serial)?,
            shown: Shown::Proof {
                // Of the same kind as one that is too old: what helps is a server's nonce.
                stamp: Stamp::parse(stamp).map_err(Refused::BadNonce)?,
                nonce: RequestNonce::parse(nonce).map_err(Refused::BadNonce)?,
                proof: ShownProof::parse(proof),
            },
        })
    }
}

/// The values of exactly these parameters, each once, in any order.
fn parameters<'a, const N: usize>(
    rest: &'a str,
    names: [&'static str; N],
) -> Result<[&'a str; N], Refused> {
    let mut values = [None; N];
    for parameter in rest.split(',') {
        let (name, value) = quoted(parameter)?;
        let place = names.iter().position(|known| *known == name);
        let place = place.ok_or_else(|| malformed("has an unknown parameter"))?;
        if values[place].replace(value).is_some() {
            return Err(malformed("has a parameter twice"));
        }
    }
    let mut found = [""; N];
    for (slot, value) in found.iter_mut().zip(values) {
        *slot = value
            .ok_or_else(|| malformed(&format!("must have the parameters {}", names.join(", "))))?;
    }
    Ok(found)
}

/// `name="value"`, with optional blanks around it. A value holds no quote and no comma: none of ours
/// may.
fn quoted(parameter: &str) -> Result<(&str, &str), Refused> {
    let refuse = || malformed("must be of the form name=\"value\", name=\"value\"");
    let (name, value) = parameter
        .trim_matches(' ')
        .split_once('=')
        .ok_or_else(refuse)?;
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    let value = value
        .filter(|value| !value.contains('"'))
        .ok_or_else(refuse)?;
    Ok((name, value))
}

fn malformed(rule: &str) -> Refused {
    Malformed::new("authorization", rule).into()
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::apigw::ApiGatewayV2httpRequest;

    use super::*;

    fn refused(header: &str) -> Refused {
        Credentials::parse(header).unwrap_err()
    }

    const NONCE: &str = "AAECAwQFBgcICQoLDA0ODw";

    #[test]
    fn tokens_are_read_in_both_orders() {
        for header in [
            "CVM1-TOKEN serial=\"a:b\",token=\"t=1\"",
            "cvm1-token token=\"t=1\" , serial=\"a:b\"",
        ] {
            let read = Credentials::parse(header).unwrap();
            assert_eq!(read.serial.as_str(), "a:b");
            assert!(matches!(read.shown, Shown::Token(token) if token.expose() == "t=1"));
        }
    }

    #[test]
    fn a_signature_leaves_the_usual_header_to_aws() {
        let token = |serial: &str| format!("CVM1-TOKEN serial=\"{serial}\",token=\"t\"");
        let signature = "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b".to_owned();
        for (usual, beside, read) in [
            (
                Some(signature.clone()),
                Some(token("beside")),
                Some("beside"),
            ),
            (Some(signature), None, None),
            (None, Some(token("beside")), Some("beside")),
            (Some(token("usual")), Some(token("beside")), Some("usual")),
            (None, None, None),
        ] {
            let mut event = ApiGatewayV2httpRequest::default();
            for (name, value) in [("authorization", usual), (BESIDE_SIGNATURE, beside)] {
                if let Some(value) = value {
                    event.headers.insert(name, value.parse().unwrap());
                }
            }
            let asked = Asked::from_event(event).unwrap();
            let shown = Credentials::of(&asked).unwrap();
            assert_eq!(shown.as_ref().map(|shown| shown.serial.as_str()), read);
        }
    }

    #[test]
    fn proofs_are_read() {
        let header = format!("CVM1 serial=\"a\",ts=\"-\",nonce=\"{NONCE}\",proof=\"x\"");
        let read = Credentials::parse(&header).unwrap();
        let Shown::Proof { stamp, nonce, .. } = read.shown else {
            panic!("{read:?}");
        };
        assert_eq!((stamp, nonce.as_str()), (Stamp::NoClock, NONCE));
    }

    #[test]
    fn a_bad_moment_or_nonce_is_told_apart() {
        for (stamp, nonce) in [("01", NONCE), ("-1", NONCE), ("1e9", NONCE), ("1", "short")] {
            let header = format!("CVM1 serial=\"a\",ts=\"{stamp}\",nonce=\"{nonce}\",proof=\"x\"");
            assert!(matches!(refused(&header), Refused::BadNonce(_)), "{header}");
        }
    }

    #[test]
    fn broken_headers_are_told() {
        for header in [
            "",
            "CVM1",
            "Basic abc",
            "Bearer abc",
            "CVM1-TOKEN serial=\"a\"",
            "CVM1-TOKEN serial=a,token=\"t\"",
            "CVM1-TOKEN serial=\"a\",token=\"t\",token=\"u\"",
            "CVM1-TOKEN serial=\"a\",token=\"t\",x=\"u\"",
            "CVM1-TOKEN serial=\"a/b\",token=\"t\"",
            "CVM1-TOKEN serial=\"a\",token=\"\"",
            "CVM1 serial=\"a\",ts=\"1\",nonce=\"AAECAwQFBgcICQoLDA0ODw\"",
            "CVM1 serial=\"a\",token=\"t\"",
        ] {
            assert!(
                matches!(refused(header), Refused::BadRequest(_)),
                "{header}"
            );
        }
    }
}
