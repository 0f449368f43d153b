//! The page: one file, no script, nothing from the network. Every text goes through the template's escaping.

use maud::DOCTYPE;
use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::calendar::rfc3339;
use crate::report::chart::Line;
use crate::report::chart::lying;
use crate::report::chart::upright;
use crate::report::facts::Bar;
use crate::report::facts::Facts;

const STYLE: &str = include_str!("style.css");

/// Nothing may be loaded, and no script may run, whatever a serial number or an error says.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The page of a batch.
pub fn page(facts: &Facts) -> String {
    let title = format!("Batch {}", facts.batch);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p.quiet { "As of " (rfc3339(facts.made_at)) }
                (figures(facts))
                (over_time(facts))
                (waits(facts))
                (states(facts))
                (failures(facts))
                (slowest(facts))
            }
        }
    };
    page.into_string()
}

fn figures(facts: &Facts) -> Markup {
    let of = |state: &str| {
        let found = facts.states.iter().find(|(name, _)| name == state);
        found.map_or(0, |(_, count)| *count)
    };
    let wait = |place: usize| {
        let told = facts.percentiles.map(|all| spoken(all[place]));
        told.unwrap_or_else(|| "-".to_owned())
    };
    html! {
        div.figures {
            div { b { (facts.rows) } "rows" }
            div { b { (of("Vended")) } "vended" }
            div { b { (of("Failed")) } "failed" }
            div { b { (wait(0)) } "half were ready within" }
            div { b { (wait(2)) } "99 % were ready within" }
        }
    }
}

fn over_time(facts: &Facts) -> Markup {
    let step = match facts.step_minutes {
        1 => "minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    let line = Line {
        value: facts.quota_per_step,
        name: "quota",
    };
    let bars: Vec<Bar> = facts
        .issued
        .iter()
        .map(|(at, n)| (at[11..].to_owned(), *n))
        .collect();
    html! {
        section id="issued" {
            h2 { "Certificates per " (step) ", UTC" }
            @if bars.is_empty() {
                p { "None was issued." }
            } @else {
                p { "The quota is " (facts.quota_per_step) " per " (step) "." }
                (upright("Certificates over time", &bars, Some(line)))
                (table("time", "certificates", &facts.issued))
            }
        }
    }
}

fn waits(facts: &Facts) -> Markup {
    html! {
        section id="waits" {
            h2 { "From the request to the certificate" }
            @if let Some([half, most, nearly_all]) = facts.percentiles {
                p {
                    "Half of the devices were ready within " (spoken(half)) ", 95 % within " (spoken(most))
                    ", 99 % within " (spoken(nearly_all)) "."
                }
                (upright("Devices by wait", &facts.waits, None))
                (table("wait", "devices", &facts.waits))
            } @else {
                p { "None is ready." }
            }
        }
    }
}

fn states(facts: &Facts) -> Markup {
    html! {
        section id="states" {
            h2 { "How the devices stand" }
            @if facts.states.is_empty() {
                p { "There are none." }
            } @else {
                (lying("Devices by state", &facts.states))
            }
        }
    }
}

fn failures(facts: &Facts) -> Markup {
    html! {
        section id="failures" {
            h2 { "Why devices have none" }
            @if facts.failures.is_empty() {
                p { "None failed." }
            } @else {
                (lying("Failures by reason", &facts.failures))
                details {
                    summary { "The first of them" }
                    table {
                        tr { th { "device" } th { "reason" } }
                        @for (serial, reason) in &facts.failed {
                            tr { td { (serial) } td { (reason) } }
                        }
                    }
                }
            }
        }
    }
}

fn slowest(facts: &Facts) -> Markup {
    html! {
        section id="slowest" {
            h2 { "Those that waited longest" }
            @if facts.slowest.is_empty() {
                p { "None is ready." }
            } @else {
                table {
                    tr { th { "device" } th.number { "wait" } }
                    @for (serial, wait) in &facts.slowest {
                        tr { td { (serial) } td.number { (spoken(*wait)) } }
                    }
                }
            }
        }
    }
}

fn table(what: &str, count: &str, bars: &[Bar]) -> Markup {
    html! {
        details {
            summary { "As a table" }
            table {
                tr { th { (what) } th.number { (count) } }
                @for (label, number) in bars {
                    tr { td { (label) } td.number { (number) } }
                }
            }
        }
    }
}

/// Seconds as people say them.
fn spoken(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use cvm_shared::time::UnixMillis;

    use super::*;
    use crate::report::facts::Life;

    fn facts() -> Facts {
        let hostile = "</title><script>alert(1)</script><img src=x onerror=alert(2)>";
        let failed = Life {
            serial: hostile.to_owned(),
            state: "\"><svg onload=alert(3)>".to_owned(),
            error: Some("'><style>*{display:none}</style>".to_owned()),
            ..Life::default()
        };
        let vended = Life {
            serial: "SN-1".to_owned(),
            state: "Vended".to_owned(),
            error: None,
            asked_at: Some(UnixMillis(0)),
            ready_at: Some(UnixMillis(90_000)),
        };
        Facts::of(hostile, UnixMillis(0), 10.0, &[failed, vended])
    }

    #[test]
    fn no_text_becomes_markup() {
        let page = page(&facts());
        for markup in ["<script", "<img", "<svg onload", "><style>*"] {
            assert!(!page.contains(markup), "{markup}");
        }
        assert_eq!(page.matches("<style>").count(), 1);
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page(&facts());
        for outside in ["http://", "https://", "src=\"", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn the_charts_have_what_the_facts_have() {
        let facts = facts();
        let page = page(&facts);
        let bars: usize = facts.issued.len() + facts.waits.len();
        assert_eq!(page.matches("<rect class=\"bar\"").count(), bars);
        assert!(page.contains("<title>00:01: 1</title>"), "{page}");
        assert!(page.contains("90 s"));
    }
}
