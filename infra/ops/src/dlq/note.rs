//! What an operator did to a letter whose device has no row, and so no trail that could tell.

use std::future::Future;

use cvm_shared::entry::fact;
use cvm_shared::failure::Failure;
use cvm_shared::operate::trails::LETTERS;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails as _;
use cvm_shared::trail::Deed;
use cvm_shared::trail::Hand;

use crate::dlq::letter::Letter;
use crate::store::TrailStore;

/// Where it is written down.
pub trait Notes: Send + Sync {
    /// Writes down that this hand throws this letter away. The letter stays if that fails.
    fn note_without_row(
        &self,
        letter: &Letter,
        hand: &Hand,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl Notes for TrailStore {
    async fn note_without_row(&self, letter: &Letter, hand: &Hand) -> Result<(), Failure> {
        self.add(&[note(letter, hand)]).await.map(|_| ())
    }
}

/// Who, when, what and why, and nothing of the letter's text. The same letter thrown away twice is noted once.
fn note(letter: &Letter, hand: &Hand) -> Placed {
    let serial = letter.order.as_ref().ok().map(|order| &order.serial);
    let facts = [
        (fact::SERIAL, Some(LETTERS.to_owned())),
        ("device", serial.map(ToString::to_string)),
        ("messageId", Some(letter.id.clone())),
        ("code", Some(letter.reason.clone())),
        (fact::DEED, Some(Deed::Discard.as_str().to_owned())),
        (fact::AUTHOR, Some(hand.author.as_str().to_owned())),
        (fact::AT, Some(hand.at.0.to_string())),
        (
            fact::REASON,
            hand.reason
                .as_ref()
                .map(|reason| reason.as_str().to_owned()),
        ),
    ];
    let facts = facts.into_iter();
    Placed {
        place: letter.id.clone(),
        facts: facts
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect(),
        head: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dlq::sample;

    #[test]
    fn a_note_says_who_what_when_and_why_and_nothing_of_the_text() {
        let letter = sample::letter("m-1", "hunter2", Some("unreadable"));
        let note = note(&letter, &sample::hand());
        let facts = serde_json::json!(note.facts).to_string();
        assert_eq!(
            facts,
            r##"{"at":"0","author":"arn:aws:iam::1:user/op","code":"unreadable","deed":"discard","messageId":"m-1","productid":"#letters","reason":"mended"}"##
        );
        assert_eq!((note.place.as_str(), note.head), ("m-1", None));
    }
}
