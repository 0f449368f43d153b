//! The trail of a row: who changed it last, and one hash over all its changes.
//!
//! Every change of a row makes an [`Entry`](crate::entry::Entry), and the row itself keeps the last one's hash, which covers
//! the one before it, and so on. The entries lie elsewhere, written by somebody else: if one of them is
//! changed, missing or made up, the chain does not end at the row's hash any more.

use crate::entry::head_after;
use crate::event::Event;
use crate::ids::Malformed;
use crate::ids::TrailHead;
use crate::record::Record;
use crate::time::UnixMillis;

/// Who changes a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Author {
    /// The door, for a device that logged in.
    Ingest,
    /// A worker, for an order.
    Worker,
    /// The janitor.
    Janitor,
    /// A person or a program with an operator's rights.
    Operator(OperatorName),
}

impl Author {
    /// The author's name, as stored.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ingest => "ingest",
            Self::Worker => "worker",
            Self::Janitor => "janitor",
            Self::Operator(name) => name.as_str(),
        }
    }

    /// Reads [`Author::as_str`] back.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let machines = [Self::Ingest, Self::Worker, Self::Janitor];
        match machines.into_iter().find(|author| author.as_str() == text) {
            Some(author) => Ok(author),
            None => OperatorName::parse(text).map(Self::Operator),
        }
    }
}

/// An operator as the store's own guard knows it: by the ARN that its AWS credentials answer to, or, where the store is a
/// database, by `mysql:` and the account that it logged in as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OperatorName(String);

impl OperatorName {
    /// Takes an ARN, or `mysql:user@host`.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let account = text.strip_prefix("mysql:");
        let is_account = account.is_some_and(|name| name.split_once('@').is_some_and(is_two));
        let is_known = text.starts_with("arn:") || is_account;
        if is_known && text.len() <= 512 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Malformed::new(
                "author",
                "must be an ARN or mysql:user@host",
            ))
        }
    }

    /// The account at this database, as it calls its own user: `user@host`.
    pub fn of_database(user: &str) -> Result<Self, Malformed> {
        Self::parse(&format!("mysql:{user}"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether an account has a user and a host.
fn is_two((user, host): (&str, &str)) -> bool {
    !user.is_empty() && !host.is_empty()
}

/// Why an operator did it, in one line of its own words. It must hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason(String);

impl Reason {
    /// Takes one line of 1 to 200 characters.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text = text.trim();
        let fits = (1..=200).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            let rule = "must be one line of 1 to 200 characters";
            Err(Malformed::new("reason", rule))
        }
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose hand writes, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hand {
    /// Who.
    pub author: Author,
    /// When, by the author's clock.
    pub at: UnixMillis,
    /// Why, if somebody said so.
    pub reason: Option<Reason>,
}

impl Hand {
    /// A hand that gives no reason.
    pub fn new(author: Author, at: UnixMillis) -> Self {
        Self {
            author,
            at,
            reason: None,
        }
    }
}

/// A row's last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// What was done.
    pub deed: Deed,
    /// By whom, when and why.
    pub hand: Hand,
    /// The hash over this change and all before it.
    pub head: TrailHead,
}

/// A row as it is first imported, with the beginning of its trail.
#[must_use]
pub fn begun(record: Record, hand: Hand) -> Record {
    signed(record, None, Deed::Import, hand)
}

/// The row after a change, with its trail: `before` is the trail that the change follows on.
#[must_use]
pub(crate) fn signed(mut after: Record, before: Option<&Trail>, deed: Deed, hand: Hand) -> Record {
    let before = before.map(|trail| trail.head.clone());
    // The head covers all the rest of the trail.
    let mut trail = Trail {
        deed,
        hand,
        head: TrailHead::from_digest(&[0; 32]),
    };
    after.trail = Some(trail.clone());
    trail.head = head_after(&after, before.as_ref());
    after.trail = Some(trail);
    after
}

/// What was done to a row: one word for each event, and one for its first appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    /// It was imported.
    Import,
    /// Its device asked.
    Apply,
    /// A worker took it up.
    Claim,
    /// Its certificate was written down.
    Commit,
    /// Its certificate was condemned, as its bundle is gone.
    Retire,
    /// Its certificate is bound and ACTIVE.
    Finish,
    /// The worker gave it up.
    Fail,
    /// The worker put it back.
    Release,
    /// Its device has its certificate.
    Confirm,
    /// Its bundle was shredded unread.
    Expire,
    /// Its order was sent again.
    Resend,
    /// It was given up after that.
    Abandon,
    /// A former certificate was put out of use.
    Deactivate,
    /// A former certificate was deleted.
    Forget,
    /// A former certificate that is kept needs no more care.
    Settle,
    /// An operator let the device apply again.
    Reset,
    /// An operator took its certificate and barred it.
    Revoke,
    /// An operator barred it.
    Disable,
    /// An operator let it apply.
    Enable,
    /// An operator sent a dead letter of it again.
    Replay,
    /// An operator threw a dead letter of it away.
    Discard,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Import,
        Self::Apply,
        Self::Claim,
        Self::Commit,
        Self::Retire,
        Self::Finish,
        Self::Fail,
        Self::Release,
        Self::Confirm,
        Self::Expire,
        Self::Resend,
        Self::Abandon,
        Self::Deactivate,
        Self::Forget,
        Self::Settle,
        Self::Reset,
        Self::Revoke,
        Self::Disable,
        Self::Enable,
        Self::Replay,
        Self::Discard,
    ];

    /// The word, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Apply => "apply",
            Self::Claim => "claim",
            Self::Commit => "commit",
            Self::Retire => "retire",
            Self::Finish => "finish",
            Self::Fail => "fail",
            Self::Release => "release",
            Self::Confirm => "confirm",
            Self::Expire => "expire",
            Self::Resend => "resend",
            Self::Abandon => "abandon",
            Self::Deactivate => "deactivate",
            Self::Forget => "forget",
            Self::Settle => "settle",
            Self::Reset => "reset",
            Self::Revoke => "revoke",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Replay => "replay",
            Self::Discard => "discard",
        }
    }

    /// Reads [`Deed::as_str`] back.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|deed| deed.as_str() == text);
        found.ok_or_else(|| Malformed::new("deed", "must be one of the known deeds"))
    }

    /// The deed of this event.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Apply { .. } => Self::Apply,
            Event::Claim { .. } => Self::Claim,
            Event::Commit { .. } => Self::Commit,
            Event::Retire { .. } => Self::Retire,
            Event::Finish { .. } => Self::Finish,
            Event::Fail { .. } => Self::Fail,
            Event::Release { .. } => Self::Release,
            Event::Confirm { .. } => Self::Confirm,
            Event::Expire { .. } => Self::Expire,
            Event::Resend { .. } => Self::Resend,
            Event::Abandon { .. } => Self::Abandon,
            Event::Deactivate { .. } => Self::Deactivate,
            Event::Forget { .. } => Self::Forget,
            Event::Reset => Self::Reset,
            Event::Settle { .. } => Self::Settle,
            Event::Revoke { .. } => Self::Revoke,
            Event::Disable => Self::Disable,
            Event::Enable => Self::Enable,
            Event::Replay { .. } => Self::Replay,
            Event::Discard => Self::Discard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_an_arn_or_an_account_of_the_database() {
        for name in [
            "arn:aws:sts::123456789012:assumed-role/ops/kim",
            "mysql:cvm_ops@10.0.0.%",
            "mysql:kim@localhost",
        ] {
            let author = Author::parse(name).unwrap();
            assert!(matches!(author, Author::Operator(_)));
            assert_eq!(author.as_str(), name);
        }
        for name in [
            "mysql:",
            "mysql:kim",
            "mysql:@h",
            "mysql:k@",
            "mysql:k m@h",
            "kim@h",
            "",
        ] {
            assert!(Author::parse(name).is_err(), "{name}");
        }
        let long = format!("mysql:kim@{}", "h".repeat(512));
        assert!(OperatorName::parse(&long).is_err());
        let kim = OperatorName::of_database("kim@%").unwrap();
        assert_eq!(kim.as_str(), "mysql:kim@%");
    }
}
