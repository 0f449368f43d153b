//! The figures for people and for programs.

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::Value;
use serde_json::json;

use crate::figures::Figures;
use crate::plan::Plan;
use crate::plan::Waiting;

/// A line of the table: what it is, and how it reads in a run.
type Line = (&'static str, fn(&Figures) -> String);
/// A number with its decimals.
type Number = (&'static str, fn(&Figures) -> f64, usize);

const NUMBERS: [Number; 15] = [
    ("devices served", |run| run.devices, 0),
    ("submissions", |run| run.submissions, 0),
    ("polls", |run| run.polls, 0),
    ("polls per device", |run| run.polls_per_device, 1),
    ("refused by the gateway", |run| run.refused, 0),
    ("let through by the gateway", |run| run.let_through, 0),
    (
        "requests/s, busiest second",
        |run| run.busiest_second_requests,
        0,
    ),
    ("polls/s, busiest second", |run| run.busiest_second, 0),
    ("polls/s, busiest minute", |run| run.busiest_minute, 0),
    ("polls/s after the storm, second", |run| run.calm_second, 0),
    ("polls/s after the storm, minute", |run| run.calm_minute, 0),
    ("ready to seen, p50, s", |run| run.late_half_seconds, 1),
    ("ready to seen, p99, s", |run| run.late_most_seconds, 1),
    ("depth readings", |run| run.readings, 0),
    ("cost of the door, $", |run| run.dollars, 2),
];
const TIMES: [Line; 2] = [
    ("the storm lasts", |run| duration(run.storm_seconds)),
    ("all devices have seen theirs after", |run| {
        duration(run.total_seconds)
    }),
];

/// The table: one run, or two beside each other and how many times as much the second one is.
pub fn table(plan: &Plan, run: &Figures, other: Option<(&Plan, &Figures)>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let mut head = vec![String::new(), name(plan)];
    if let Some((plan, _)) = other {
        head.extend([name(plan), "times".to_owned()]);
    }
    table.set_header(head);
    for (label, value, decimals) in NUMBERS {
        let mut row = vec![label.to_owned(), number(value(run), decimals)];
        if let Some((_, other)) = other {
            row.extend([
                number(value(other), decimals),
                times(value(run), value(other)),
            ]);
        }
        table.add_row(row);
    }
    for (label, value) in TIMES {
        let mut row = vec![label.to_owned(), value(run)];
        if let Some((_, other)) = other {
            row.push(value(other));
        }
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// One line: whether the allowance held.
pub fn verdict(plan: &Plan, run: &Figures) -> String {
    let word = if run.is_bounded(plan) {
        "held"
    } else {
        "EXCEEDED"
    };
    format!(
        "the allowance of {} polls/s was {word}: {:.0} in the busiest minute after the storm",
        plan.terms.polls_per_second, run.calm_minute,
    )
}

/// The same for programs.
pub fn json(plan: &Plan, run: &Figures, other: Option<(&Plan, &Figures)>) -> Value {
    json!({
        "devices": plan.devices,
        "allowancePerSecond": plan.terms.polls_per_second,
        "issuesPerSecond": plan.terms.issues_per_second,
        "windowSeconds": plan.window_seconds,
        "rudePercent": plan.rude_percent,
        "doors": plan.doors,
        "depthLagSeconds": plan.depth_lag_seconds,
        "seed": plan.seed,
        "isBounded": run.is_bounded(plan),
        "run": one(plan, run),
        "compared": other.map(|(plan, run)| one(plan, run)),
    })
}

fn one(plan: &Plan, run: &Figures) -> Value {
    json!({
        "waiting": name(plan),
        "parts": plan.parts,
        "devicesServed": run.devices,
        "submissions": run.submissions,
        "polls": run.polls,
        "pollsPerDevice": run.polls_per_device,
        "refusedByGateway": run.refused,
        "letThroughByGateway": run.let_through,
        "busiestSecondRequests": run.busiest_second_requests,
        "busiestSecondPolls": run.busiest_second,
        "busiestMinutePollsPerSecond": run.busiest_minute,
        "stormSeconds": run.storm_seconds,
        "busiestSecondPollsAfterStorm": run.calm_second,
        "busiestMinutePollsPerSecondAfterStorm": run.calm_minute,
        "readyToSeenP50Seconds": run.late_half_seconds,
        "readyToSeenP99Seconds": run.late_most_seconds,
        "depthReadings": run.readings,
        "totalSeconds": run.total_seconds,
        "dollars": run.dollars,
    })
}

fn name(plan: &Plan) -> String {
    let waiting = match plan.waiting {
        Waiting::Paced => "paced".to_owned(),
        Waiting::Fixed(seconds) => format!("every {seconds} s"),
    };
    match plan.parts {
        1 => waiting,
        parts => format!("{waiting} (1:{parts})"),
    }
}

/// With so many decimals, the digits before the point in groups of three.
pub fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let digits = whole.len();
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (digits - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

fn times(one: f64, other: f64) -> String {
    if one > 0.0 {
        number(other / one, 1)
    } else {
        String::new()
    }
}

fn duration(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours} h {minutes:02} min {:02} s", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(0.0, 0), "0");
        assert_eq!(number(999.96, 1), "1,000.0");
        assert_eq!(number(12_345_678.0, 0), "12,345,678");
        assert_eq!(times(0.0, 5.0), "");
        assert_eq!(duration(100_061), "27 h 47 min 41 s");
    }
}
