//! Which dead letters are meant: by reason, by device, by age.

use std::fmt;
use std::time::Duration;

use clap::Args;
use cvm_shared::ids::SerialNumber;
use cvm_shared::time::UnixMillis;

use crate::cli::serial;
use crate::dlq::letter::Letter;
use crate::span::span;
use crate::span::told;
use crate::trouble::Trouble;

/// Which letters; those that fit all that is said.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Filter {
    /// Only letters with this reason, as `dlq list` shows it; may be repeated
    #[arg(long, value_name = "CODE")]
    code: Vec<String>,
    /// Only letters of this device; may be repeated
    #[arg(long, value_name = "SERIAL", value_parser = serial)]
    serial: Vec<SerialNumber>,
    /// Only letters that are older than this (90s, 15m, 2h, 7d)
    #[arg(long, value_name = "SPAN", value_parser = span)]
    older_than: Option<Duration>,
}

impl Filter {
    /// Whether it lets everything through.
    pub(super) fn is_open(&self) -> bool {
        self.code.is_empty() && self.serial.is_empty() && self.older_than.is_none()
    }

    /// Whether this letter is meant. One whose age or device is not known fits no filter that asks for it.
    pub(super) fn fits(&self, letter: &Letter, now: UnixMillis) -> bool {
        let code = self.code.is_empty() || self.code.contains(&letter.reason);
        let serial = self.serial.is_empty() || self.names(letter);
        let old = self
            .older_than
            .is_none_or(|least| letter.age(now).is_some_and(|age| age > least));
        code && serial && old
    }

    fn names(&self, letter: &Letter) -> bool {
        let order = letter.order.as_ref().ok();
        order.is_some_and(|order| self.serial.contains(&order.serial))
    }
}

/// As it is asked about: `dead letters with the reason policy_missing, older than 2h`.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = if self.is_open() { "all " } else { "" };
        write!(f, "{all}dead letters")?;
        if !self.code.is_empty() {
            write!(f, " with the reason {}", self.code.join(" or "))?;
        }
        if !self.serial.is_empty() {
            let serials: Vec<&str> = self.serial.iter().map(SerialNumber::as_str).collect();
            write!(f, " of {}", serials.join(" or "))?;
        }
        match self.older_than {
            Some(span) => write!(f, " older than {}", told(span)),
            None => Ok(()),
        }
    }
}

/// Which letters to change: all of them only if somebody says so.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Choice {
    #[command(flatten)]
    filter: Filter,
    /// All letters
    #[arg(long, conflicts_with_all = ["code", "serial", "older_than"])]
    all: bool,
}

impl Choice {
    /// The filter, if one was chosen.
    pub(super) fn filter(&self) -> Result<&Filter, Trouble> {
        if self.all || !self.filter.is_open() {
            return Ok(&self.filter);
        }
        let message = "say which letters: --code, --serial, --older-than or --all";
        Err(Trouble::usage(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dlq::sample;

    #[test]
    fn a_letter_fits_if_it_fits_all_that_is_said() {
        let body = sample::order("SN-1").encode();
        let letter = sample::letter("m-1", &body, Some("policy_missing"));
        let serial = |text: &str| vec![SerialNumber::parse(text).unwrap()];
        // It is ten minutes old.
        let old = |seconds| Some(Duration::from_secs(seconds));
        let code = |text: &str| vec!["unreadable".to_owned(), text.to_owned()];
        for (code, serial, older_than, fits) in [
            (vec![], vec![], None, true),
            (code("policy_missing"), serial("SN-1"), old(599), true),
            (code("policy_missing"), serial("SN-1"), old(600), false),
            (code("denied"), serial("SN-1"), None, false),
            (code("policy_missing"), serial("SN-2"), None, false),
        ] {
            let filter = Filter {
                code,
                serial,
                older_than,
            };
            assert_eq!(filter.fits(&letter, sample::NOW), fits, "{filter}");
        }
        let poison = sample::letter("m-2", "poison", None);
        let of_a_device = Filter {
            serial: serial("SN-1"),
            ..Filter::default()
        };
        assert!(!of_a_device.fits(&poison, sample::NOW));
    }

    #[test]
    fn all_letters_are_meant_only_if_somebody_says_so() {
        assert!(Choice::default().filter().is_err());
        let all = Choice {
            all: true,
            ..Choice::default()
        };
        assert_eq!(all.filter().unwrap().to_string(), "all dead letters");
        let some = Filter {
            code: vec!["a".to_owned(), "b".to_owned()],
            older_than: Some(Duration::from_mins(90)),
            ..Filter::default()
        };
        let text = "dead letters with the reason a or b older than 1h 30m";
        assert_eq!(some.to_string(), text);
    }
}
