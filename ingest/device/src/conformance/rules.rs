//! The rules, in the order in which they are judged: later ones need what earlier ones found.

use std::future::Future;
use std::pin::Pin;

use super::Verdict;
use super::bench::Bench;
use super::deliver;
use super::login;
use super::open;
use super::seen::Checked;
use super::seen::Miss;
use super::submit;

type Check = for<'a> fn(&'a mut Bench) -> Pin<Box<dyn Future<Output = Checked> + Send + 'a>>;

/// A rule of the contract.
pub struct Rule {
    /// Its name, which never changes.
    pub id: &'static str,
    /// What it demands.
    pub what: &'static str,
    check: Check,
}

impl Rule {
    pub(super) async fn judge(&self, bench: &mut Bench) -> Verdict {
        match (self.check)(bench).await {
            Ok(()) => Verdict::Passed,
            Err(Miss::Failed(why)) => Verdict::Failed(why),
            Err(Miss::Skipped(why)) => Verdict::Skipped(why),
        }
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

macro_rules! rules {
    ($($id:literal $what:literal $check:path;)+) => {
        &[$(Rule { id: $id, what: $what, check: |bench| Box::pin($check(bench)) }),+]
    };
}

/// All rules.
#[rustfmt::skip]
pub const RULES: &[Rule] = rules! {
    "nonce-answer" "GET /v1/nonce is 200 with the same nonce in body and replay-nonce" open::nonce_answer;
    "nonce-not-stored" "a nonce is no-store" open::nonce_not_stored;
    "nonce-once" "no two nonces are the same" open::nonce_once;
    "roots-answer" "GET /v1/trust-bundle is 200 with PEM certificates and an ETag" open::roots_answer;
    "roots-not-modified" "a known ETag is 304 without a body" open::roots_not_modified;
    "unknown-path" "an unknown path is 404 as problem+json" open::unknown_path;
    "path-aliases" "other spellings of a path are 404" open::path_aliases;
    "other-method" "another method is 405 with Allow" open::other_method;
    "query-refused" "a query is 400" open::query_refused;
    "refusal-not-stored" "a refusal is no-store" open::refusal_not_stored;
    "no-login" "a poll without login is 401 with WWW-Authenticate" login::no_login;
    "refusal-brings-nonce" "every 400 and 401 brings a nonce" login::refusal_brings_nonce;
    "other-scheme" "an Authorization of another scheme is 400" login::other_scheme;
    "wrong-proof" "a wrong proof is 401" login::wrong_proof;
    "unknown-alike" "an unknown device is refused byte for byte like a wrong proof" login::unknown_alike;
    "wrong-token-alike" "a wrong token is refused byte for byte like a wrong proof" login::wrong_token_alike;
    "other-host" "a proof made out to another host is 401" login::other_host;
    "other-path" "a proof for another path is 401" login::other_path;
    "other-call" "a proof for another method is 401" login::other_call;
    "other-body" "a proof for another body is 401" login::other_body;
    "wrong-clock" "a moment more than 300 s off is 400 bad_nonce with a nonce" login::wrong_clock;
    "foreign-nonce" "a nonce that is not the server's is 400 bad_nonce" login::foreign_nonce;
    "changed-nonce" "a changed nonce is 400 bad_nonce" login::changed_nonce;
    "expired-nonce" "a nonce older than 300 s is 400 bad_nonce" login::expired_nonce;
    "nonce-serves" "a device without a clock gets in with the server's nonce" login::server_nonce_serves;
    "nobodys-request" "a request that is not the device's is 404, whatever its id" login::nobodys_request;
    "proof-and-token" "a proof and a token together are 400" login::proof_and_token;
    "other-type" "a body that is not application/json is 415" submit::other_type;
    "too-large" "a body of more than 16 KiB is 413" submit::too_large;
    "bad-body" "a body that is not the object is 400" submit::bad_body;
    "bad-csr" "a signing request that is none is 422" submit::bad_csr;
    "foreign-csr" "a signing request for another name is 422" submit::foreign_csr;
    "submission" "a submission is 202 or 200 with Location, proven" submit::submission;
    "submitted-again" "the same key asking again has the same request" submit::submitted_again;
    "replayed" "the same submission byte for byte is 400 bad_nonce" submit::replayed;
    "poll" "a poll is 202 with Retry-After or 200, proven and no-store" deliver::poll;
    "plain-token" "a plain token is served, or refused with the one 401" deliver::plain_token;
    "vended" "the request comes to its certificate" deliver::vended;
    "link" "the link leads to the announced bundle, for our key" deliver::link;
    "inline" "Prefer: bundle=inline has the bundle in the answer" deliver::inline;
    "confirm" "the confirmation is 204, proven" deliver::confirm;
    "confirmed-again" "the same confirmation again is 204" deliver::confirmed_again;
    "shredded" "after it a poll is 410 and the bundle is gone" deliver::shredded;
    "served-once" "after it the same key is refused with 409" deliver::served_once;
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_a_name_of_its_own() {
        let mut ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
    }
}
