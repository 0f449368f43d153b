//! Checks the signature and the expiry of presigned URLs (AWS Signature Version 4).

use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;

use crate::wire::Incoming;
use crate::wire::Refusal;
use crate::wire::decode;
use crate::wire::hex;
use crate::wire::split_pair;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Lets a presigned URL pass, if it was signed with `secret` for just this request and has not
/// expired; also any request with a signed header, whose signature is not looked at.
pub(crate) fn admit(request: &Incoming, secret: &str, unix_seconds: u64) -> Result<(), Refusal> {
    let denied = |message: &str| Refusal::new(403, "AccessDenied", message);
    let Some(signature) = request.parameter("X-Amz-Signature") else {
        let header = request.header("authorization").unwrap_or_default();
        let signed = header.starts_with(ALGORITHM);
        return if signed {
            Ok(())
        } else {
            Err(denied("Access Denied"))
        };
    };
    let incomplete = || {
        let message = "Query-string authentication parameters are incomplete";
        Refusal::new(400, "AuthorizationQueryParametersError", message)
    };
    let presigned = Presigned::of(request).ok_or_else(incomplete)?;
    if presigned.signature(request, secret) != signature {
        let message = "The request signature we calculated does not match";
        return Err(Refusal::new(403, "SignatureDoesNotMatch", message));
    }
    let signed_at = unix(&presigned.date).ok_or_else(incomplete)?;
    if unix_seconds >= signed_at + presigned.expires {
        return Err(denied("Request has expired"));
    }
    Ok(())
}

/// The signing parameters of a presigned URL.
struct Presigned {
    /// `20260101T000000Z`.
    date: String,
    /// `20260101/us-east-1/s3/aws4_request`.
    scope: String,
    /// Lower case, in order.
    signed_headers: String,
    /// Seconds.
    expires: u64,
}

impl Presigned {
    fn of(request: &Incoming) -> Option<Self> {
        let credential = request.parameter("X-Amz-Credential")?;
        (request.parameter("X-Amz-Algorithm")? == ALGORITHM).then_some(())?;
        Some(Self {
            date: request.parameter("X-Amz-Date")?,
            scope: credential.split_once('/')?.1.to_owned(),
            signed_headers: request.parameter("X-Amz-SignedHeaders")?,
            expires: request.parameter("X-Amz-Expires")?.parse().ok()?,
        })
    }

    fn signature(&self, request: &Incoming, secret: &str) -> String {
        let digest = hex(&Sha256::digest(self.canonical(request)));
        let text = format!("{ALGORITHM}\n{}\n{}\n{digest}", self.date, self.scope);
        let start = format!("AWS4{secret}").into_bytes();
        let key = self
            .scope
            .split('/')
            .fold(start, |key, part| mac(&key, part));
        hex(&mac(&key, &text))
    }

    /// The request in the one spelling that is signed. S3 does not encode the path a second time.
    fn canonical(&self, request: &Incoming) -> String {
        let pairs = request.query.split('&').map(split_pair);
        let mut pairs: Vec<_> = pairs
            .filter(|(name, _)| decode(name) != "X-Amz-Signature")
            .collect();
        pairs.sort_unstable();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let header = |name: &str| {
            let value = request.header(name).unwrap_or_default().trim();
            format!("{name}:{value}\n")
        };
        let headers: String = self.signed_headers.split(';').map(header).collect();
        format!(
            "{}\n{}\n{}\n{headers}\n{}\nUNSIGNED-PAYLOAD",
            request.method,
            request.path,
            pairs.join("&"),
            self.signed_headers,
        )
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// `20260101T000000Z` as seconds since 1970.
fn unix(date: &str) -> Option<u64> {
    let part = |from: usize, to: usize| date.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    // Years begin in March, so that the leap day is a year's last (Howard Hinnant, days_from_civil).
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let days = days.checked_sub(719_469)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::http::HeaderMap;
    use axum::http::Method;

    use super::*;

    #[test]
    fn dates_are_seconds_since_1970() {
        assert_eq!(unix("19700101T000000Z"), Some(0));
        assert_eq!(unix("20000301T000001Z"), Some(951_868_801));
        assert_eq!(unix("20130524T000000Z"), Some(1_369_353_600));
        assert_eq!(unix("nonsense"), None);
    }

    /// The example of the S3 reference, "Authenticating Requests: Using Query Parameters".
    fn example() -> (Incoming, &'static str) {
        let mut headers = HeaderMap::new();
        headers.insert("host", "examplebucket.s3.amazonaws.com".parse().unwrap());
        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
            &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
            &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        let request = Incoming {
            method: Method::GET,
            path: "/test.txt".to_owned(),
            query: query.to_owned(),
            headers,
            body: Bytes::new(),
        };
        (request, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    }

    #[test]
    fn the_example_of_the_reference_passes_until_it_expires() {
        let (request, secret) = example();
        let start = 1_369_353_600;
        assert_eq!(admit(&request, secret, start), Ok(()));
        assert_eq!(admit(&request, secret, start + 86_399), Ok(()));
        let expired = admit(&request, secret, start + 86_400).unwrap_err();
        assert_eq!(
            (expired.status.as_u16(), expired.code),
            (403, "AccessDenied")
        );
    }

    #[test]
    fn another_path_secret_or_expiry_does_not_pass() {
        let start = 1_369_353_600;
        let refused =
            |request: &Incoming, secret: &str| admit(request, secret, start).unwrap_err().code;
        let (mut request, secret) = example();
        assert_eq!(refused(&request, "another"), "SignatureDoesNotMatch");
        request.path = "/other.txt".to_owned();
        assert_eq!(refused(&request, secret), "SignatureDoesNotMatch");
        let (mut request, secret) = example();
        request.query = request.query.replace("86400", "96400");
        assert_eq!(refused(&request, secret), "SignatureDoesNotMatch");
        request.query = String::new();
        assert_eq!(refused(&request, secret), "AccessDenied");
    }
}
