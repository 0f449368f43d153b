//! What an operator did to a letter whose device has no row, and so no trail that could tell.

use std::future::Future;

use cvm_shared::failure::Failure;
use cvm_shared::trail::Hand;

use crate::calendar::rfc3339;
use crate::dlq::letter::Letter;
use crate::printer::shown;
use crate::terminal::complain;

/// Where it is written down.
pub trait Notes: Send + Sync {
    /// Writes down that this hand throws this letter away. The letter stays if that fails.
    fn note_without_row(
        &self,
        letter: &Letter,
        hand: &Hand,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Only said, on the terminal or in whatever log it goes to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said;

impl Notes for Said {
    async fn note_without_row(&self, letter: &Letter, hand: &Hand) -> Result<(), Failure> {
        complain(&note(letter, hand));
        Ok(())
    }
}

/// Who, when, what and why, and nothing of the letter's text.
fn note(letter: &Letter, hand: &Hand) -> String {
    let serial = match &letter.order {
        Ok(order) => order.serial.as_str(),
        Err(_) => "an unknown device",
    };
    let why = hand.reason.as_ref().map_or("", |reason| reason.as_str());
    let (id, code) = (shown(&letter.id), shown(&letter.reason));
    let (who, at) = (hand.author.as_str(), rfc3339(hand.at));
    format!("no trail tells that {who} dropped letter {id} ({code}) of {serial} at {at}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dlq::sample;

    #[test]
    fn a_note_says_who_what_when_and_why_and_moves_no_cursor() {
        let letter = sample::letter("m-1", "hunter2", Some("un\u{1b}readable"));
        assert_eq!(
            note(&letter, &sample::hand()),
            "no trail tells that arn:aws:iam::1:user/op dropped letter m-1 (un\\u{1b}readable) of an unknown \
             device at 1970-01-01T00:00:00.000Z: mended"
        );
    }
}
