//! What the tests' server answers: the contract of the device API, as the door keeps it.

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cvm_shared::api::BODY_MAX;
use cvm_shared::bundle::Bundle;
use cvm_shared::bundle::digest;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::nonce::NonceKey;
use cvm_shared::proof::Call;
use cvm_shared::proof::Canonical;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::ShownProof;
use cvm_shared::proof::Stamp;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::seal;
use cvm_shared::secret::DeviceToken;
use cvm_shared::secret::PrivateKeyPem;
use cvm_shared::verifier::Verifier;
use rcgen::CertificateParams;
use rcgen::CertificateSigningRequestParams;
use rcgen::DnType;
use rcgen::DnValue;
use rcgen::KeyPair;
use serde_json::Value;
use serde_json::json;
use zeroize::Zeroizing;

use crate::http::Reply;
use crate::http::Request;
use crate::server::Breach;
use crate::server::SERIAL;
use crate::server::Server;
use crate::server::TOKEN;
use crate::server::now;

pub(crate) const REQUEST: &str = "0123456789abcdef0123456789abcdef";
const NONCE_KEY: [u8; 32] = [0xa5; 32];
const ETAG: &str = "\"v1\"";

/// What is known of the one device.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) issued: u32,
    pub(crate) confirmed: bool,
    /// Whether the device must prove its secret.
    pub(crate) proof_only: bool,
    /// How many seconds the first poll is told to wait.
    pub(crate) wait_seconds: u64,
    /// The device's secret, if it is not [`TOKEN`].
    pub(crate) secret: Option<&'static str>,
    /// Whether bundles with a key go out in clear.
    pub(crate) in_clear: bool,
    /// The first nonces of the server are no good, as after a change of its key.
    pub(crate) stale_nonces: u32,
    csr: Option<Value>,
    bundle: Option<Issued>,
    polls: u32,
    used: HashSet<String>,
}

struct Issued {
    certificate_id: CertificateId,
    bytes: Vec<u8>,
}

/// What a request without a login may be refused with, or the text that its answer's proof covers.
type Admitted = Result<Option<Canonical>, Reply>;

impl Server {
    pub(crate) fn answer(&self, request: &Request, breach: Option<Breach>) -> Reply {
        let mut signed_for = None;
        let mut reply = self.reply(request, &mut signed_for);
        if matches!(reply.status, 400 | 401) {
            reply.set("replay-nonce", nonce());
        }
        if let Some(Breach::Before(breach)) = breach {
            breach(request, &mut reply);
        }
        if let Some(text) = signed_for {
            let secret = self.book.lock().unwrap().secret;
            let proof = verifier(secret).prove_answer(&text, reply.status, &reply.body);
            reply.set("cvm1-proof", proof);
        }
        if let Some(Breach::After(breach)) = breach {
            breach(request, &mut reply);
        }
        reply
    }

    fn reply(&self, request: &Request, signed_for: &mut Option<Canonical>) -> Reply {
        let path = request.path.as_str();
        if path == "/bucket/b" {
            return self.fetch(request);
        }
        if request.query.is_some() {
            return problem(400, "bad_request");
        }
        let below = path.strip_prefix("/v1/certificates/").map(|rest| {
            let rest: Vec<&str> = rest.split('/').collect();
            rest
        });
        let (method, call) = match (path, below.as_deref()) {
            ("/v1/nonce", _) => ("GET", "nonce"),
            ("/v1/trust-bundle", _) => ("GET", "roots"),
            ("/v1/certificates", _) => ("POST", "submit"),
            (_, Some([id])) if !id.is_empty() => ("GET", "poll"),
            (_, Some([id, "confirm"])) if !id.is_empty() => ("POST", "confirm"),
            _ => return problem(404, "not_found"),
        };
        if request.method != method {
            return problem(405, "method_not_allowed").with("allow", method);
        }
        match call {
            "nonce" => given(),
            "roots" => self.roots(request),
            call => self
                .private(request, call, signed_for)
                .unwrap_or_else(|refusal| refusal),
        }
    }

    fn private(
        &self,
        request: &Request,
        call: &str,
        signed_for: &mut Option<Canonical>,
    ) -> Result<Reply, Reply> {
        let mut book = self.book.lock().unwrap();
        let body = if call == "submit" {
            submission(request)?
        } else {
            Value::Null
        };
        *signed_for = login(&mut book, request, &body, call != "poll")?;
        if call == "submit" {
            return self.submit(&mut book, &body);
        }
        if request.path.split('/').nth(3) != Some(REQUEST) || book.csr.is_none() {
            return Err(problem(404, "not_found"));
        }
        if call == "confirm" {
            book.bundle = None;
            book.confirmed = true;
            return Ok(no_store(Reply::new(204, "")));
        }
        self.poll(&mut book, request.header("prefer"))
    }

    fn submit(&self, book: &mut Book, body: &Value) -> Result<Reply, Reply> {
        let key = public_key(&body["csr"])?;
        if book.confirmed {
            return Err(problem(409, "already_confirmed"));
        }
        if *book.csr.get_or_insert(key.clone()) != key {
            return Err(problem(409, "other_request"));
        }
        if book.bundle.is_none() {
            book.bundle = Some(self.issue(&body["csr"], book.in_clear));
            book.issued += 1;
        }
        Ok(pending(0))
    }

    /// Pending once, then vended.
    fn poll(&self, book: &mut Book, preference: Option<&str>) -> Result<Reply, Reply> {
        book.polls += 1;
        let Some(issued) = &book.bundle else {
            return Err(problem(410, "bundle_shredded"));
        };
        if book.polls == 1 {
            return Ok(pending(book.wait_seconds));
        }
        let inline = preference == Some("bundle=inline");
        let sha256 = digest(&issued.bytes);
        let bundle = if inline {
            json!({"content": BASE64_STANDARD.encode(&issued.bytes), "sha256": sha256})
        } else {
            let url = format!("{}/bucket/b?X-Amz-Signature=hunter2", self.url);
            json!({"url": url, "expiresAt": 1, "sha256": sha256})
        };
        let view = json!({
            "requestId": REQUEST, "status": "vended", "certificateId": issued.certificate_id,
            "endpoint": "iot.example", "bundle": bundle,
        });
        let reply = stated(200, &view);
        Ok(if inline {
            reply.with("preference-applied", "bundle=inline")
        } else {
            reply
        })
    }

    fn fetch(&self, request: &Request) -> Reply {
        let book = self.book.lock().unwrap();
        match &book.bundle {
            _ if request.header("authorization").is_some() => problem(400, "leaked_token"),
            Some(issued) if request.query.is_some() => Reply::new(200, issued.bytes.clone()),
            _ => problem(404, "not_found"),
        }
    }

    fn roots(&self, request: &Request) -> Reply {
        if request.header("authorization").is_some() {
            return problem(400, "leaked_token");
        }
        let reply = if request.header("if-none-match") == Some(ETAG) {
            Reply::new(304, "")
        } else {
            let roots = Reply::new(200, self.ca_pem.clone());
            roots.with("content-type", "application/x-pem-file")
        };
        let reply = reply.with("etag", ETAG);
        reply.with("cache-control", "public, max-age=3600")
    }

    fn issue(&self, csr: &Value, in_clear: bool) -> Issued {
        let (certificate, key) = if let Some(csr) = csr.as_str() {
            let request = CertificateSigningRequestParams::from_pem(csr).unwrap();
            (request.signed_by(&self.issuer).unwrap(), None)
        } else {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::default();
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            (certificate, Some(PrivateKeyPem::new(key.serialize_pem())))
        };
        let sealed = key.is_some() && !in_clear;
        let certificate_id = CertificateId::parse(digest(certificate.der())).unwrap();
        let bundle = Bundle {
            serial: serial(),
            thing: ThingName::parse("thing-1").unwrap(),
            certificate_id: certificate_id.clone(),
            certificate_pem: certificate.pem(),
            private_key: key,
            endpoint: "iot.example".to_owned(),
        };
        let mut bytes = bundle.encode();
        if sealed {
            bytes = seal_for(&certificate_id, &bytes);
        }
        Issued {
            certificate_id,
            bytes: bytes.to_vec(),
        }
    }
}

fn seal_for(certificate: &CertificateId, bytes: &Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    let names = SealedFor {
        serial: &serial(),
        request: &RequestId::parse(REQUEST).unwrap(),
        certificate,
    };
    seal(verifier(None).server_key(), &names, [3; 32], bytes)
}

fn login(book: &mut Book, request: &Request, body: &Value, effect: bool) -> Admitted {
    let Some(header) = request.header("authorization") else {
        let shown = (&body["serialNumber"], &body["deviceToken"]);
        let known = shown == (&json!(SERIAL), &json!(TOKEN)) && !book.proof_only;
        return known.then_some(None).ok_or_else(unauthorized);
    };
    if !body["deviceToken"].is_null() {
        return Err(problem(400, "bad_request"));
    }
    if let Some(rest) = header.strip_prefix("CVM1 ") {
        return proven(book, request, rest, effect).map(Some);
    }
    let expected = format!("CVM1-TOKEN serial=\"{SERIAL}\",token=\"{TOKEN}\"");
    if !header.starts_with("CVM1-TOKEN ") {
        return Err(problem(400, "bad_request"));
    }
    let known = header == expected && !book.proof_only;
    known.then_some(None).ok_or_else(unauthorized)
}

fn proven(
    book: &mut Book,
    request: &Request,
    rest: &str,
    effect: bool,
) -> Result<Canonical, Reply> {
    let field = |name: &str| {
        let start = rest.split_once(&format!("{name}=\""));
        start.map_or("", |(_, rest)| rest.split('"').next().unwrap_or(""))
    };
    let bad_nonce = || problem(400, "bad_nonce");
    let stamp = Stamp::parse(field("ts")).map_err(|_| bad_nonce())?;
    let nonce = RequestNonce::parse(field("nonce")).map_err(|_| bad_nonce())?;
    let fresh = match stamp {
        Stamp::At(at) => at.abs_diff(now().seconds()) <= 300,
        Stamp::NoClock if book.stale_nonces > 0 => {
            book.stale_nonces -= 1;
            false
        }
        Stamp::NoClock => NonceKey::new(NONCE_KEY).accepts(nonce.as_str(), now()),
    };
    if !fresh {
        return Err(bad_nonce());
    }
    let claimed = SerialNumber::parse(field("serial")).unwrap();
    let text = Call {
        method: &request.method,
        audience: request.header("host").unwrap(),
        path: &request.path,
        serial: &claimed,
        stamp,
        nonce: &nonce,
        body: &request.body,
    }
    .canonical();
    let shown = ShownProof::parse(field("proof"));
    if !verifier(book.secret).accepts_proof(&text, &shown) || claimed != serial() {
        return Err(unauthorized());
    }
    if effect && !book.used.insert(nonce.used_by(&claimed)) {
        return Err(bad_nonce());
    }
    Ok(text)
}

fn submission(request: &Request) -> Result<Value, Reply> {
    if request.body.len() > BODY_MAX {
        return Err(problem(413, "too_large"));
    }
    if request.header("content-type") != Some("application/json") {
        return Err(problem(415, "unsupported_media_type"));
    }
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|_| problem(400, "bad_request"))?;
    let known = ["serialNumber", "deviceToken", "csr"];
    let object = body
        .as_object()
        .ok_or_else(|| problem(400, "bad_request"))?;
    let strict = object
        .iter()
        .all(|(key, value)| known.contains(&key.as_str()) && value.is_string());
    let proven = request.header("authorization").is_some();
    if !strict || (!proven && !(object.contains_key("deviceToken"))) {
        return Err(problem(400, "bad_request"));
    }
    Ok(body)
}

/// The same key asks the same thing, however often it signs its request anew; a request for another
/// name is refused.
fn public_key(csr: &Value) -> Result<Value, Reply> {
    let Some(pem) = csr.as_str() else {
        return Ok(Value::Null);
    };
    let refuse = || problem(422, "bad_csr");
    let csr = cvm_shared::csr::Csr::parse(pem).map_err(|_| refuse())?;
    let named = CertificateSigningRequestParams::from_pem(pem).map_err(|_| refuse())?;
    let name = named.params.distinguished_name.get(&DnType::CommonName);
    let name = match name {
        Some(DnValue::Utf8String(text)) => text.clone(),
        Some(DnValue::PrintableString(text)) => text.as_str().to_owned(),
        _ => return Err(refuse()),
    };
    if name != SERIAL {
        return Err(refuse());
    }
    Ok(Value::String(csr.public_key().to_hex()))
}

fn serial() -> SerialNumber {
    SerialNumber::parse(SERIAL).unwrap()
}

fn verifier(secret: Option<&'static str>) -> Verifier {
    let token = DeviceToken::parse(secret.unwrap_or(TOKEN)).unwrap();
    Verifier::derive(&serial(), &token)
}

pub(crate) fn nonce() -> String {
    let random = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    NonceKey::new(NONCE_KEY).issue(now(), u128::from(random).to_be_bytes())
}

static CALLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

fn given() -> Reply {
    let nonce = nonce();
    let view = json!({"nonce": nonce, "expiresAt": now().seconds() + 300});
    stated_json(200, &view).with("replay-nonce", nonce)
}

fn pending(seconds: u64) -> Reply {
    let view = json!({"requestId": REQUEST, "status": "pending", "pollAfterSeconds": seconds});
    stated(202, &view).with("retry-after", seconds.to_string())
}

fn stated(status: u16, view: &Value) -> Reply {
    stated_json(status, view).with("location", format!("/v1/certificates/{REQUEST}"))
}

fn stated_json(status: u16, view: &Value) -> Reply {
    let reply = Reply::new(status, view.to_string());
    no_store(reply.with("content-type", "application/json"))
}

fn no_store(reply: Reply) -> Reply {
    reply.with("cache-control", "no-store")
}

fn unauthorized() -> Reply {
    problem(401, "unauthorized").with("www-authenticate", "CVM1")
}

pub(crate) fn problem(status: u16, code: &str) -> Reply {
    let body = json!({"status": status, "code": code, "title": code});
    no_store(Reply::new(status, body.to_string()).with("content-type", "application/problem+json"))
}
