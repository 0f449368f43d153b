//! What holds for every request and its answer, whatever was sent.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cvm_ingest::http::Answer;
use cvm_shared::api::BundleView;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::Problem;
use cvm_shared::api::Status;
use cvm_shared::api::StatusView;
use cvm_shared::bundle::Bundle;
use cvm_shared::ids::SerialNumber;
use cvm_shared::record::Record;
use cvm_shared::seal::is_sealed;
use cvm_testkit::proofs::prover;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use http::HeaderValue;

use crate::legacy;
use crate::stage::Sent;
use crate::texts::CANARY;
use crate::texts::find;
use crate::texts::loosened;

/// The statuses of answers that are no problem.
const FINE: [u16; 4] = [200, 202, 204, 304];

/// Every problem that the door may tell: its status and its stable code.
const PROBLEMS: [(u16, &str); 16] = [
    (400, "bad_nonce"),
    (400, "bad_request"),
    (401, "unauthorized"),
    (404, "not_found"),
    (405, "method_not_allowed"),
    (409, "already_confirmed"),
    (409, "not_issued"),
    (409, "other_request"),
    (409, "replacement_pending"),
    (410, "bundle_expired"),
    (410, "bundle_shredded"),
    (413, "too_large"),
    (415, "unsupported_media_type"),
    (422, "bad_csr"),
    (429, "too_many_requests"),
    (503, "unavailable"),
];

/// What a request can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    rows: Vec<Record>,
    messages: usize,
    bundles: usize,
    keys: usize,
}

impl Outside {
    /// As it is now.
    pub fn of(site: &Site) -> Self {
        Self {
            rows: site.world.registry.rows(),
            messages: site.world.queue.len(),
            bundles: site.world.vault.len(),
            keys: site.world.guard.keys(),
        }
    }
}

/// A request, its answer, and what was outside before and after it.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The request.
    pub sent: &'a Sent,
    /// The answer.
    pub answer: &'a Answer,
    /// What was outside before it.
    pub before: &'a Outside,
    /// What is outside now.
    pub after: &'a Outside,
    /// Whether calls of ports may have failed.
    pub faulty: bool,
    /// Whether the calls of the published machines are on.
    pub legacy: bool,
}

impl Exchange<'_> {
    /// Panics if a rule is broken.
    pub fn check(&self) {
        self.check_form();
        self.check_secrets();
        self.check_effects();
        self.check_proof();
        if let Ok(view) = serde_json::from_str(&self.answer.body) {
            self.check_view(&view);
        } else if self.is_legacy() && self.status() == 200 {
            legacy::check_handed_over(self.answer, &self.after.rows);
        }
    }

    fn status(&self) -> u16 {
        self.answer.status.as_u16()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let value = self.answer.headers.get(name);
        value.map(|value| value.to_str().expect("headers are visible ASCII"))
    }

    fn path(&self) -> &str {
        self.sent.event.raw_path.as_deref().unwrap_or_default()
    }

    fn is_legacy(&self) -> bool {
        self.legacy && legacy::is_call(self.path())
    }

    fn is_public(&self) -> bool {
        ["/v1/nonce", "/v1/trust-bundle"].contains(&self.path())
    }

    fn check_form(&self) {
        let status = self.status();
        if FINE.contains(&status) {
            return;
        }
        if self.is_legacy() && legacy::is_checked(self.path(), self.answer) {
            return;
        }
        let told: Problem = serde_json::from_str(&self.answer.body).expect("a problem");
        let known = PROBLEMS.contains(&(status, told.code.as_str()));
        assert!(known, "{status} {} is not documented", told.code);
        assert_eq!(told.status, status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let may_fail = self.faulty || self.is_legacy();
        assert!(status != 503 || may_fail, "503 though nothing failed");
        let has_nonce = self.header("replay-nonce").is_some();
        let asks_again = [400, 401].contains(&status);
        assert!(
            has_nonce == asks_again || self.faulty,
            "nonce on a {status}"
        );
        let waits = [429, 503].contains(&status) || told.code == "replacement_pending";
        let after = self.header("retry-after").map(str::parse::<u64>);
        assert_eq!(
            waits,
            matches!(after, Some(Ok(1..))),
            "retry-after on a {status}"
        );
    }

    fn check_secrets(&self) {
        let mut texts = vec![self.answer.body.as_bytes()];
        texts.extend(self.answer.headers.values().map(HeaderValue::as_bytes));
        // The one answer that holds a key in clear.
        let hands_over = self.is_legacy() && self.status() == 200;
        let shown_anyway = |secret: &[u8]| hands_over && secret == KEY_LABEL;
        for secret in SECRETS.iter().filter(|secret| !shown_anyway(secret)) {
            let shown = texts.iter().any(|text| find(text, secret).is_some());
            assert!(!shown, "a secret is in the answer");
        }
    }

    /// A refusal, a look and a stranger change nothing.
    fn check_effects(&self) {
        let knows = self.knows_a_secret();
        let status = self.status();
        assert!(
            knows || self.is_public() || !FINE.contains(&status),
            "a stranger is served with {status}"
        );
        let is_look =
            !self.is_legacy() && self.sent.event.request_context.http.method == http::Method::GET;
        // An old call that is not served in time stands all the same.
        let stands = self.faulty || (self.is_legacy() && status == 503);
        let is_refused = !FINE.contains(&status) && !stands;
        if !knows || is_look || is_refused {
            // The first use of a key is remembered before the order is sent; a fault may lie between.
            assert_eq!(
                self.before, self.after,
                "a request with {status} has an effect"
            );
        }
    }

    /// Whether the token is in the request, or a proof that somebody made who knows it.
    fn knows_a_secret(&self) -> bool {
        let event = &self.sent.event;
        let body = event.body.as_deref().unwrap_or_default();
        let decoded = BASE64_STANDARD.decode(body).unwrap_or_default();
        let headers = event.headers.values().map(HeaderValue::as_bytes);
        let query = event.raw_query_string.as_deref().unwrap_or_default();
        let texts = [body, self.path(), query].map(str::as_bytes);
        let mut texts = texts.into_iter().chain([decoded.as_slice()]).chain(headers);
        self.sent.proven.is_some() || texts.any(holds_token)
    }

    /// What is proven is answered with a proof, from the login on.
    fn check_proof(&self) {
        if self.is_legacy() {
            return;
        }
        let shown = self.header("cvm1-proof");
        let Some((prover, text)) = &self.sent.proven else {
            assert_eq!(shown, None, "a proof for a request without one");
            return;
        };
        let (status, body) = (self.status(), self.answer.body.as_bytes());
        match shown {
            Some(shown) => assert!(prover.confirms(text, status, body, shown), "a wrong proof"),
            None => assert!(
                self.is_public() || !FINE.contains(&status),
                "a {status} without a proof"
            ),
        }
    }

    /// What a device sees is its own request, and a key is sealed.
    fn check_view(&self, view: &StatusView) {
        let path = format!("{CERTIFICATES_PATH}/{}", view.request_id);
        assert_eq!(self.header("location"), Some(path.as_str()));
        let mine = |row: &&Record| self.who().is_none_or(|who| row.serial == *who);
        let mut rows = self.after.rows.iter().filter(mine);
        let own = rows.any(|row| row.state.request_id() == Some(&view.request_id));
        assert!(own, "somebody else's request");
        if let Status::Vended {
            bundle: BundleView::Inline(inline),
            ..
        } = &view.status
        {
            let bytes = BASE64_STANDARD.decode(&inline.content).expect("base64");
            let in_clear = || Bundle::decode(&bytes).expect("a bundle").private_key;
            assert!(is_sealed(&bytes) || in_clear().is_none(), "a key in clear");
        }
    }

    fn who(&self) -> Option<&SerialNumber> {
        let prover = self.sent.proven.as_ref().map(|(prover, _)| prover.serial());
        prover.or(self.sent.token_of.as_ref())
    }
}

fn holds_token(text: &[u8]) -> bool {
    find(&loosened(text), sample::TOKEN.as_bytes()).is_some()
}

const KEY_LABEL: &[u8] = b"PRIVATE KEY";

/// What nobody may see: the token, whatever is as good as it or is kept in the table, and what was sent
/// for a secret.
static SECRETS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let token = sample::TOKEN.as_bytes();
    let mut secrets = vec![token.to_vec(), CANARY.into(), KEY_LABEL.to_vec()];
    for serial in ["SN-1", "SN-2", "SN-3", "SN-4"] {
        let label = format!("cvm-v1:client-key:{serial}");
        let client_key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, token), label.as_bytes());
        let stored = sample::device(serial).verifier.to_text();
        secrets.push(
            BASE64_URL_SAFE_NO_PAD
                .encode(client_key.as_ref())
                .into_bytes(),
        );
        secrets.push(
            BASE64_URL_SAFE_NO_PAD
                .encode(prover(serial).server_key())
                .into_bytes(),
        );
        secrets.extend(
            stored
                .split('.')
                .skip(1)
                .map(|part| part.as_bytes().to_vec()),
        );
    }
    secrets
});
