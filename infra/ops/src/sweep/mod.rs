//! `cvmctl sweep`: sends the janitor round now, and tells what it did.

mod admin;
mod function;

use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Map;
use serde_json::Value;

use crate::cli::Care;
use crate::cli::Exit;
use crate::cli::Output;
use crate::context::Context;
use crate::printer::plain;
use crate::printer::sheet;
use crate::printer::shown;
use crate::site::Site;
use crate::sweep::admin::Admin;
use crate::sweep::function::Function;
use crate::terminal;
use crate::terminal::say;
use crate::trouble::Trouble;

pub(crate) const ROUND: &str = "\
The janitor sends stuck orders again, shreds expired bundles, puts superseded certificates out of use,
deletes them in time unless they are to be kept, and deletes orphans. It goes round by itself every
SweepMinutes; a round more does no harm. What fails in a round is counted, and the next one tries it again.

The janitor of a host (--store) is part of its server, and is asked at that server's admin address: run this
on the host itself, or through a tunnel to it.";

/// As long as the function may run (its timeout in the template), and a little.
const PATIENCE: Duration = Duration::from_secs(315);

/// How long the way to it may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How the janitor is sent.
#[derive(Args, Debug)]
pub struct Sweep {
    /// Only have it count what it would do
    #[arg(long)]
    report: bool,
    /// If there is too much for one round, send it again until it came to its end
    #[arg(long, conflicts_with = "report")]
    wait: bool,
    /// Do not ask first
    #[arg(long, short)]
    yes: bool,
    /// Where a host's server listens for its operator
    #[arg(long, value_name = "URL", env = "CVM_ADMIN", hide_env_values = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new(), default_value = "http://127.0.0.1:9180")]
    admin: String,
}

/// Whose janitor it is.
enum Janitor {
    Stack(Function),
    Host(Admin),
}

impl Sweep {
    /// Carries it out.
    pub async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let janitor = self.janitor(&site).await?;
        if !self.report {
            let care = Care {
                yes: self.yes,
                ..Care::default()
            };
            let question = "Send the janitor round? It deletes certificates that nobody may use.";
            context.consent(&care, question)?;
        }
        let stop = context.stop();
        loop {
            let told = match &janitor {
                Janitor::Stack(function) => function.round(self.report).await?,
                Janitor::Host(admin) => admin.round(self.report).await?,
            };
            say(&text(&told, context.output, context.styled));
            let (is_over, is_well) = judged(&told);
            if is_over || !is_well || !self.wait {
                return Ok(if is_over && is_well {
                    Exit::Done
                } else {
                    Exit::Refused
                });
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(Exit::Stopped);
            }
        }
    }

    async fn janitor(&self, site: &Site) -> Result<Janitor, Trouble> {
        Ok(match site.stack() {
            Some(aws) => Janitor::Stack(Function::of(aws).await?),
            None => Janitor::Host(Admin::at(&self.admin)?),
        })
    }
}

/// What a janitor tells of its round.
fn summary(text: &[u8]) -> Result<Map<String, Value>, String> {
    let value: Value = serde_json::from_slice(text).unwrap_or_default();
    match value {
        Value::Object(told) => Ok(told),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("its answer is not a summary".to_owned())
        }
    }
}

/// Whether the round came to its end, and whether nothing failed in it.
fn judged(told: &Map<String, Value>) -> (bool, bool) {
    let is_over = told.get("complete").and_then(Value::as_bool);
    let failed = told.get("failed").and_then(Value::as_u64);
    (is_over == Some(true), failed == Some(0))
}

fn text(told: &Map<String, Value>, output: Output, styled: bool) -> String {
    match output {
        Output::Json => Value::Object(told.clone()).to_string(),
        Output::Csv => {
            let lines = told
                .iter()
                .map(|(name, value)| terminal::csv_line([name, &plain(value)]));
            lines.collect::<Vec<_>>().join("\n")
        }
        Output::Table => {
            let mut table = sheet(styled);
            for (name, value) in told {
                table.add_row([shown(name), shown(&plain(value))]);
            }
            table.trim_fmt()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_well_if_it_ended_and_nothing_failed() {
        for (payload, verdict) in [
            ("{\"complete\":true,\"failed\":0}", (true, true)),
            ("{\"complete\":false,\"failed\":0}", (false, true)),
            ("{\"complete\":false,\"failed\":2}", (false, false)),
            ("{}", (false, false)),
        ] {
            let told = summary(payload.as_bytes()).unwrap();
            assert_eq!(judged(&told), verdict, "{payload}");
        }
    }

    #[test]
    fn a_summary_is_told_in_each_form() {
        let told = summary(b"{\"complete\":true,\"orphans\":3}").unwrap();
        assert_eq!(
            text(&told, Output::Json, false),
            "{\"complete\":true,\"orphans\":3}"
        );
        assert_eq!(text(&told, Output::Csv, false), "complete,yes\norphans,3");
        let table = text(&told, Output::Table, false);
        let words: Vec<_> = table.split_whitespace().collect();
        assert_eq!(words, ["complete", "yes", "orphans", "3"]);
    }
}
