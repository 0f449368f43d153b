//! The words of the two machines: what their firmware sends and reads, name by name.
//!
//! Taken from their published sources: awslabs/aws-iot-certificate-vending-machine (`lambda/index.js`) and
//! cncoder/Certificate-Vending-Machine (`server/app.js`). Where the statuses differ, and why, says
//! `ingest/LEGACY.md`.

use ::http::HeaderValue;
use ::http::StatusCode;
use ::http::header::CONTENT_TYPE;
use cvm_shared::trust::TrustBundle;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::PrettyFormatter;

use crate::http::Answer;
use crate::legacy::hand_over::Identity;
use crate::legacy::parameters::Names;

/// A published vending machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Machine {
    /// awslabs': `GET` and `POST /getcert`.
    GetCert,
    /// Its ancestor, cncoder's: `POST /`, with a code beside the certificate.
    ConCheck,
}

/// Verified and served.
const VERIFIED: &str = "20020";
/// The device has applied before, and may not have another one now.
const APPLIED: &str = "40010";
/// Refused. The machine also had a code for a wrong token of a known device, which we never tell.
const DENIED: &str = "40030";
/// Something behind it is down, or takes longer than the door waits.
const SERVICE_ERROR: &str = "50010";

const EXPRESS_JSON: &str = "application/json; charset=utf-8";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Certdata<'a> {
    certificate_arn: &'a str,
    certificate_id: &'a str,
    certificate_pem: &'a str,
    key_pair: Keys<'a>,
    #[serde(rename = "RootCA", skip_serializing_if = "Option::is_none")]
    root_ca: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Keys<'a> {
    public_key: &'a str,
    private_key: &'a str,
}

#[derive(Serialize)]
struct Checked<'a> {
    #[serde(rename = "rootCA")]
    root_ca: &'a str,
    #[serde(rename = "conCheck")]
    con_check: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    certdata: Option<Certdata<'a>>,
}

impl Machine {
    /// How it spells serial number and token; `seriaNum` is their own.
    pub(super) fn names(self) -> Names {
        match self {
            Self::GetCert => ["serialNumber", "deviceToken"],
            Self::ConCheck => ["seriaNum", "accessToken"],
        }
    }

    /// The methods of its call.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::GetCert => "GET, POST",
            Self::ConCheck => "POST",
        }
    }

    /// The answer that hands the certificate over.
    pub(super) fn answer(self, identity: &Identity, trust: &TrustBundle) -> Answer {
        let root_ca = root_ca(trust);
        match self {
            Self::GetCert => {
                let certificate = certificate(identity, Some(&root_ca));
                Answer::text(StatusCode::OK, "application/json", tabbed(&certificate))
            }
            Self::ConCheck => {
                let checked = Checked {
                    root_ca: &root_ca,
                    con_check: VERIFIED,
                    certdata: Some(certificate(identity, None)),
                };
                Answer::json(StatusCode::OK, EXPRESS_JSON, &checked)
            }
        }
    }

    /// The same refusal in the machine's words, where it has some: status and headers stay.
    pub(super) fn refusal(self, mut refusal: Answer, trust: &TrustBundle) -> Answer {
        let code = match self {
            Self::GetCert => None,
            Self::ConCheck => con_check(refusal.status),
        };
        if let Some(con_check) = code {
            let checked = Checked {
                root_ca: &root_ca(trust),
                con_check,
                certdata: None,
            };
            refusal.body = Answer::json(refusal.status, EXPRESS_JSON, &checked).body;
            let media_type = HeaderValue::from_static(EXPRESS_JSON);
            refusal.headers.insert(CONTENT_TYPE, media_type);
        }
        refusal
    }
}

/// The machine's code for a refusal; it had none for a request that cannot be read.
fn con_check(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::UNAUTHORIZED => Some(DENIED),
        StatusCode::CONFLICT | StatusCode::GONE => Some(APPLIED),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some(SERVICE_ERROR),
        _ => None,
    }
}

fn certificate<'a>(identity: &'a Identity, root_ca: Option<&'a str>) -> Certdata<'a> {
    Certdata {
        certificate_arn: &identity.certificate_arn,
        certificate_id: &identity.certificate_id,
        certificate_pem: &identity.certificate_pem,
        key_pair: Keys {
            public_key: &identity.public_key_pem,
            private_key: identity.private_key.expose(),
        },
        root_ca,
    }
}

/// JSON indented by tabs, as that machine has it: firmware may look for `"certificatePem": "`.
fn tabbed(certificate: &Certdata<'_>) -> String {
    // Room for all of it at once, so that no copy of the key is left behind by growing.
    let mut bytes = Vec::with_capacity(16 * 1024);
    let formatter = PrettyFormatter::with_indent(b"\t");
    #[expect(clippy::expect_used, reason = "texts always serialise to memory")]
    certificate
        .serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
        .expect("a certificate serialises");
    #[expect(clippy::expect_used, reason = "JSON is UTF-8")]
    String::from_utf8(bytes).expect("JSON is text")
}

/// The root that awslabs' machine sent, Amazon Root CA 1, and after it what the partition or the operator
/// has besides: all four of Amazon's might not fit into what a small device has room for.
fn root_ca(trust: &TrustBundle) -> String {
    const END: &str = "-----END CERTIFICATE-----\n";
    let amazon = TrustBundle::with_extra("").ok();
    let besides = amazon.and_then(|amazon| trust.pem().strip_prefix(amazon.pem()));
    let mut roots = trust
        .pem()
        .split_inclusive(END)
        .next()
        .unwrap_or_default()
        .to_owned();
    roots.push_str(besides.unwrap_or_default());
    roots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Refused;

    fn certified() -> Identity {
        Identity {
            certificate_arn: "arn:aws:iot:x:1:cert/aa".to_owned(),
            certificate_id: "aa".to_owned(),
            certificate_pem: "CERT\n".to_owned(),
            public_key_pem: "PUBLIC\n".to_owned(),
            private_key: cvm_shared::secret::PrivateKeyPem::new("PRIVATE\n".to_owned()),
        }
    }

    fn extra() -> (TrustBundle, String) {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params
            .self_signed(&key)
            .unwrap()
            .pem()
            .replace("\r\n", "\n");
        (TrustBundle::with_extra(&pem).unwrap(), pem)
    }

    #[test]
    fn the_root_is_the_one_that_was_sent_and_the_operators_own() {
        let plain = root_ca(&TrustBundle::with_extra("").unwrap());
        assert_eq!(plain.matches("BEGIN").count(), 1);
        assert!(plain.starts_with("-----BEGIN CERTIFICATE-----\nMIIDQTCCAimgAwIBAgITBmyfz5m/"));
        let (trust, pem) = extra();
        assert_eq!(root_ca(&trust), plain + &pem);
    }

    #[test]
    fn the_answers_are_the_published_ones() {
        let trust = TrustBundle::with_extra("").unwrap();
        let root = serde_json::to_string(&root_ca(&trust)).unwrap();
        let answer = Machine::GetCert.answer(&certified(), &trust);
        let expected = [
            "{",
            "\t\"certificateArn\": \"arn:aws:iot:x:1:cert/aa\",",
            "\t\"certificateId\": \"aa\",",
            "\t\"certificatePem\": \"CERT\\n\",",
            "\t\"keyPair\": {",
            "\t\t\"PublicKey\": \"PUBLIC\\n\",",
            "\t\t\"PrivateKey\": \"PRIVATE\\n\"",
            "\t},",
            &format!("\t\"RootCA\": {root}"),
            "}",
        ];
        assert_eq!(answer.body, expected.join("\n"));
        assert_eq!(answer.headers["content-type"], "application/json");
        let answer = Machine::ConCheck.answer(&certified(), &trust);
        let expected = format!(
            "{{\"rootCA\":{root},\"conCheck\":\"20020\",\"certdata\":{{{},{},{},{}}}}}",
            r#""certificateArn":"arn:aws:iot:x:1:cert/aa""#,
            r#""certificateId":"aa""#,
            r#""certificatePem":"CERT\n""#,
            r#""keyPair":{"PublicKey":"PUBLIC\n","PrivateKey":"PRIVATE\n"}"#,
        );
        assert_eq!(answer.body, expected);
        assert_eq!(answer.headers["content-type"], EXPRESS_JSON);
        assert_eq!(answer.headers["cache-control"], "no-store");
    }

    #[test]
    fn refusals_keep_status_and_headers_and_have_the_code_if_there_is_one() {
        let trust = TrustBundle::with_extra("").unwrap();
        let root = serde_json::to_string(&root_ca(&trust)).unwrap();
        for (refused, code) in [
            (Refused::Unauthorized, Some("40030")),
            (Refused::Confirmed, Some("40010")),
            (Refused::Expired, Some("40010")),
            (Refused::Unavailable { retry_after: 7 }, Some("50010")),
            (Refused::TooManyRequests { retry_after: 7 }, Some("50010")),
            (Refused::UnsupportedMediaType, None),
        ] {
            let plain = refused.answer();
            let told = Machine::ConCheck.refusal(plain.clone(), &trust);
            assert_eq!(Machine::GetCert.refusal(plain.clone(), &trust), plain);
            assert_eq!(told.status, plain.status);
            assert_eq!(told.headers.len(), plain.headers.len());
            let expected = code.map(|code| format!(r#"{{"rootCA":{root},"conCheck":"{code}"}}"#));
            assert_eq!(told.body, expected.unwrap_or(plain.body));
        }
    }
}
