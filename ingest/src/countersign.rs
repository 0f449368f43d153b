//! The answer's proof: a device that proved its request learns that its own server answered.

use cvm_shared::api::PROOF_HEADER;
use cvm_shared::proof::Canonical;
use cvm_shared::verifier::Verifier;

use crate::http::Answer;
use crate::problem::Refused;

/// Proves answers to one request, if that request was proven.
#[derive(Debug)]
pub(crate) struct Countersign(Option<(Canonical, Verifier)>);

impl Countersign {
    pub(crate) fn new(proven: Option<Canonical>, verifier: &Verifier) -> Self {
        Self(proven.map(|text| (text, verifier.clone())))
    }

    /// The answer, or the refusal, with its proof. It covers status and body as they are now: the last thing done to it.
    pub(crate) fn sign(&self, answered: Result<Answer, Refused>) -> Answer {
        let answer = answered.unwrap_or_else(|refused| refused.tell());
        match &self.0 {
            None => answer,
            Some((text, verifier)) => {
                let status = answer.status.as_u16();
                let proof = verifier.prove_answer(text, status, answer.body.as_bytes());
                answer.header(PROOF_HEADER, &proof)
            }
        }
    }
}
