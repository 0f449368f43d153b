//! A script of requests: what an input of the target `http` says, read so that any bytes say something.
//!
//! Steps are separated by a line `%%`. A step is one of these, or else a request:
//!
//! ```text
//! work                the worker takes what is in the queue
//! sweep               the janitor goes round
//! wait 60             a minute passes
//! again               the last request comes once more, byte for byte
//! fault 3             from now on: the port call with this number fails
//! set proof-only      SN-1's row changes: proof-only, disabled, never, replace, redeliver
//! legacy              the calls of the published machines are switched on
//!
//! proof POST /v1/certificates?query    how to log in: plain, token, proof or nonce; ":SN-2" for another
//! content-type: application/json       headers; @domain, @base64 (raw, encode) are about the event
//!
//! {"csr":"@csr"}                       the body, to the end of the step
//! ```
//!
//! In request lines, headers and bodies `@id`, `@csr`, `@other`, `@foreign`, `@token` and `@nonce` stand
//! for what only a run knows ([`crate::stage`]).

use crate::texts::halves;
use crate::texts::split;

/// How many steps are played.
const STEPS_MAX: usize = 12;

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The worker runs.
    Work,
    /// The janitor runs.
    Sweep,
    /// So many seconds pass.
    Wait(u64),
    /// The last request again.
    Again,
    /// The port call with this number fails.
    Fault(usize),
    /// SN-1's row changes.
    Set(Change),
    /// The old calls are switched on.
    Legacy,
    /// A request.
    Ask(Ask<'a>),
}

/// What an operator may change in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It must prove its secret.
    ProofOnly,
    /// It may not log in.
    Disabled,
    /// It is served once.
    Never,
    /// It may have another certificate.
    Replace,
    /// It may have the same again.
    Redeliver,
}

/// How a request logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// As its own headers and body say.
    Plain,
    /// With the right token.
    Token,
    /// With a proof of this moment.
    Proof,
    /// With a proof with a server's nonce.
    Nonce,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// How it logs in.
    pub login: Login,
    /// Who does.
    pub serial: &'a str,
    /// The method.
    pub method: &'a [u8],
    /// Path and query.
    pub target: &'a [u8],
    /// The headers, those about the event among them.
    pub headers: Vec<(&'a [u8], &'a [u8])>,
    /// The body.
    pub body: &'a [u8],
}

/// The steps of a script.
pub fn steps(script: &[u8]) -> Vec<Step<'_>> {
    let parts = split(script, b"\n%%\n").into_iter();
    parts.take(STEPS_MAX).map(step).collect()
}

fn step(text: &[u8]) -> Step<'_> {
    let (line, rest) = halves(text, b"\n");
    let (word, argument) = halves(line, b" ");
    let number = std::str::from_utf8(argument)
        .ok()
        .and_then(|n| n.parse().ok());
    match (word, number) {
        (b"work", _) => Step::Work,
        (b"sweep", _) => Step::Sweep,
        // Long enough for all that ever ends, short enough that no sum of them runs over.
        (b"wait", Some(seconds)) => Step::Wait(u64::min(seconds, 100_000_000)),
        (b"again", _) => Step::Again,
        (b"fault", Some(number)) => Step::Fault(usize::try_from(number).unwrap_or_default()),
        (b"legacy", _) => Step::Legacy,
        (b"set", _) => change(argument).map_or_else(|| ask(line, rest), Step::Set),
        _ => ask(line, rest),
    }
}

fn change(word: &[u8]) -> Option<Change> {
    Some(match word {
        b"proof-only" => Change::ProofOnly,
        b"disabled" => Change::Disabled,
        b"never" => Change::Never,
        b"replace" => Change::Replace,
        b"redeliver" => Change::Redeliver,
        _ => return None,
    })
}

fn ask<'a>(line: &'a [u8], rest: &'a [u8]) -> Step<'a> {
    let (word, after) = halves(line, b" ");
    let (how, serial) = halves(word, b":");
    let login = match how {
        b"plain" => Some(Login::Plain),
        b"token" => Some(Login::Token),
        b"proof" => Some(Login::Proof),
        b"nonce" => Some(Login::Nonce),
        _ => None,
    };
    let (method, target) = halves(if login.is_some() { after } else { line }, b" ");
    let (head, body) = match rest.strip_prefix(b"\n") {
        Some(body) => (&[][..], body),
        None => halves(rest, b"\n\n"),
    };
    Step::Ask(Ask {
        login: login.unwrap_or(Login::Plain),
        serial: std::str::from_utf8(serial)
            .ok()
            .filter(|text| !text.is_empty())
            .unwrap_or("SN-1"),
        method,
        target,
        headers: split(head, b"\n")
            .into_iter()
            .map(|line| halves(line, b": "))
            .collect(),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read() {
        let script =
            b"proof:SN-2 POST /v1/x?q\na: b\n\nbody\n\nmore\n%%\nwork\n%%\nwait 60\n%%\nset never";
        let ask = Ask {
            login: Login::Proof,
            serial: "SN-2",
            method: b"POST",
            target: b"/v1/x?q",
            headers: vec![(b"a", b"b")],
            body: b"body\n\nmore",
        };
        let expected = [
            Step::Ask(ask),
            Step::Work,
            Step::Wait(60),
            Step::Set(Change::Never),
        ];
        assert_eq!(steps(script), expected);
    }

    #[test]
    fn anything_else_is_a_request() {
        for script in [&b""[..], b"wait x", b"\n\n\n", b"\xff\n%", b"set x"] {
            assert!(matches!(steps(script)[..], [Step::Ask(_)]), "{script:?}");
        }
    }
}
