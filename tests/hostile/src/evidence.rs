//! Places where a secret may have been left, and the search through them.

use std::fmt;

use crate::forms::Form;
use crate::forms::characters;
use crate::forms::forms;

/// What kind of place it is: where each kind may hold what, the secrets say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a function printed.
    Log,
    /// What the door answered, but for bundles.
    Answer,
    /// A bundle in an answer, decoded.
    Inline,
    /// A row of the device table.
    Row,
    /// An item of the guard's table.
    Guard,
    /// A message in the work queue.
    Message,
    /// A dead letter.
    DeadLetter,
    /// A staged bundle.
    Object,
    /// What a function said to AWS.
    Sent,
    /// What AWS said to a function.
    Received,
    /// What the functions were invoked with.
    Event,
}

/// A place.
#[derive(Clone, Debug)]
pub struct Place {
    /// What kind it is.
    pub kind: Kind,
    /// Which one.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
}

/// A secret, and where it belongs.
#[derive(Clone)]
pub struct Secret {
    /// What it is.
    pub name: String,
    /// Its shapes.
    forms: Vec<Form>,
    /// Where it may be.
    pub allowed: &'static [Kind],
    /// Where it must be: else the search is blind.
    pub expected: &'static [Kind],
}

impl Secret {
    /// These bytes, which may be in these kinds of places and must be in those.
    pub fn new(
        name: impl Into<String>,
        value: &[u8],
        allowed: &'static [Kind],
        expected: &'static [Kind],
    ) -> Self {
        Self {
            name: name.into(),
            forms: forms(value),
            allowed,
            expected,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A secret in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    /// What was found.
    pub secret: String,
    /// In which shape.
    pub form: String,
    /// What kind of place.
    pub kind: Kind,
    /// Where, and what stands around it.
    pub place: String,
}

/// All secrets in all places, each shape at most once a place.
pub fn search(secrets: &[Secret], places: &[Place]) -> Vec<Find> {
    let mut finds = Vec::new();
    for place in places {
        let text = characters(&place.content);
        for secret in secrets {
            let found = secret.forms.iter().filter_map(|form| {
                let at = text.find(&form.needle)?;
                Some(Find {
                    secret: secret.name.clone(),
                    form: form.kind.clone(),
                    kind: place.kind,
                    place: format!("{}: ..{}", place.name, before(&text, at)),
                })
            });
            finds.extend(found);
        }
    }
    finds
}

/// What is where it must not be, and what is missing where it must be.
pub fn judge(secrets: &[Secret], places: &[Place]) -> Vec<String> {
    let finds = search(secrets, places);
    let mut faults = Vec::new();
    for secret in secrets {
        let its = || finds.iter().filter(|find| find.secret == secret.name);
        let astray = its().filter(|find| !secret.allowed.contains(&find.kind));
        faults.extend(astray.map(|find| {
            format!(
                "{secret:?} as {} in {:?} {}",
                find.form, find.kind, find.place
            )
        }));
        let missed = secret
            .expected
            .iter()
            .filter(|kind| its().all(|find| find.kind != **kind));
        faults.extend(
            missed.map(|kind| format!("{secret:?} is in no {kind:?}: the search is blind")),
        );
    }
    faults
}

/// A little of what stands before.
fn before(text: &str, at: usize) -> String {
    let around: Vec<char> = text[..at].chars().rev().take(60).collect();
    around
        .into_iter()
        .rev()
        .collect::<String>()
        .escape_debug()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: Kind, content: &[u8]) -> Place {
        Place {
            kind,
            name: "x".to_owned(),
            content: content.to_vec(),
        }
    }

    #[test]
    fn what_is_astray_and_what_is_missing_is_told() {
        let secret = Secret::new("s", b"hush-0123", &[Kind::Event], &[Kind::Event]);
        let fine = [
            place(Kind::Event, b"\xff hush-0123"),
            place(Kind::Log, b"\xffnothing"),
        ];
        assert_eq!(judge(std::slice::from_ref(&secret), &fine), [""; 0]);
        let leaked = [
            place(Kind::Event, b"hush-0123"),
            place(Kind::Log, b"687573682d30313233"),
        ];
        assert_eq!(judge(std::slice::from_ref(&secret), &leaked).len(), 1);
        assert_eq!(
            judge(&[secret], &[]),
            ["s is in no Event: the search is blind"]
        );
    }
}
