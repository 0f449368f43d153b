//! What there is to say about one dead letter: names and values in reading order, never its text.

use cvm_shared::message::Order;
use cvm_shared::request::KeySource;
use cvm_shared::time::UnixMillis;
use serde::Serialize;
use serde::Serializer;
use serde_json::Value;
use serde_json::json;

use crate::calendar::rfc3339;
use crate::cli::Output;
use crate::devices::story::Story;
use crate::dlq::letter::Letter;
use crate::dlq::standing::Standing;
use crate::printer::plain;
use crate::printer::sheet;
use crate::printer::shown;
use crate::span::told;
use crate::terminal;

/// What there is to say about a letter.
pub(super) struct About(Vec<(&'static str, Value)>);

impl About {
    /// About this letter.
    pub(super) fn of(letter: &Letter, standing: &Standing, now: UnixMillis) -> Self {
        let mut facts: Vec<(&'static str, Value)> = vec![
            ("messageId", letter.id.as_str().into()),
            ("reason", letter.reason.as_str().into()),
            ("sentAt", letter.sent_at.map(rfc3339).into()),
            ("age", letter.age(now).map(told).into()),
            ("receives", letter.receives.into()),
            ("attributes", json!(letter.attributes)),
            ("bytes", letter.body.len().into()),
        ];
        match &letter.order {
            Ok(order) => facts.extend(ordered(order)),
            Err(malformed) => facts.push(("unreadable", malformed.to_string().into())),
        }
        let verdict = standing.verdict(letter, now);
        facts.push(("device", standing.name().into()));
        facts.push(("replay", verdict.to_string().into()));
        Self(facts)
    }

    /// All of it as text, followed by the device's own story.
    pub(super) fn told(&self, story: Option<&Story>, output: Output, styled: bool) -> String {
        let lines = match output {
            Output::Json => {
                let both = Both {
                    letter: self,
                    device: story,
                };
                return serde_json::to_string_pretty(&both).unwrap_or_default();
            }
            Output::Csv => {
                let line =
                    |(name, value): &(&str, Value)| terminal::csv_line([name, &plain(value)]);
                self.0.iter().map(line).collect::<Vec<_>>().join("\n")
            }
            Output::Table => {
                let mut table = sheet(styled);
                for (name, value) in self.0.iter().filter(|(_, value)| !value.is_null()) {
                    table.add_row([(*name).to_owned(), shown(&plain(value))]);
                }
                table.trim_fmt() + "\n"
            }
        };
        match story {
            Some(story) => format!("{lines}\n{}", terminal::story(story, output, styled)),
            None => lines.trim_end().to_owned(),
        }
    }
}

/// What an order asks for; of a signing request only whose key it is.
fn ordered(order: &Order) -> [(&'static str, Value); 5] {
    let (mode, key) = match &order.request.key {
        KeySource::Device(csr) => ("csr", Some(csr.public_key().to_hex())),
        KeySource::Service => ("keys", None),
    };
    [
        ("productid", order.serial.as_str().into()),
        ("generation", order.generation.0.into()),
        ("requestId", order.request.id.to_string().into()),
        ("mode", mode.into()),
        ("publicKeySha256", key.into()),
    ]
}

#[derive(Serialize)]
struct Both<'a> {
    letter: &'a About,
    device: Option<&'a Story>,
}

impl Serialize for About {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[cfg(test)]
mod tests {
    use cvm_shared::state::State;

    use super::*;
    use crate::dlq::sample;

    #[test]
    fn a_letter_is_told_without_its_text() {
        let body = sample::order("SN-1").encode();
        let letter = sample::letter("m-1", &body, Some("policy\u{1b}missing"));
        let row = sample::row("SN-1", State::Registered);
        let standing = Standing::Row(Box::new(row.clone()));
        let about = About::of(&letter, &standing, sample::NOW);
        let story = Story::of(&row);
        let table = about.told(Some(&story), Output::Table, false);
        assert!(table.contains("policy\\u{1b}missing"), "{table}");
        assert!(table.contains("thingName"), "the device's story: {table}");
        for output in [Output::Table, Output::Json, Output::Csv] {
            let text = about.told(Some(&story), output, false);
            assert!(text.contains("SN-1") && text.contains("send"), "{text}");
            assert!(!text.contains(&body), "{text}");
        }
        let json = about.told(None, Output::Json, false);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["letter"]["mode"], "keys");
        assert_eq!(json["device"], Value::Null);
    }

    #[test]
    fn what_is_no_order_says_what_is_wrong_with_it() {
        let letter = sample::letter("m-1", "hunter2", None);
        let about = About::of(&letter, &Standing::NoRow, sample::NOW);
        let text = about.told(None, Output::Csv, false);
        assert!(text.contains("leave: unreadable"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
