//! The figures for people: one run as a table of lines, many as a table of rows.

use std::fmt;

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
pub(crate) use cvm_flood::report::number as grouped;

use crate::effort::Effort;
use crate::figures::Figures;
use crate::figures::Method;
use crate::figures::Spread;
use crate::figures::limit_name;
use crate::figures::real;
use crate::polls::Polls;

/// What a row of many runs shows beside its name.
const COLUMNS: [&str; 12] = [
    "devices/s",
    "takes",
    "quota %",
    "throttled %",
    "back %",
    "wait p50",
    "wait p99",
    "line p50",
    "line p99",
    "limit",
    "worker s/device",
    "GB s/device",
];

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = table([String::new(), method_name(self.method).to_owned()]);
        table.add_rows(served(self).into_iter().chain(spent(self)));
        align(&mut table);
        table.fmt(f)
    }
}

fn served(run: &Figures) -> Vec<[String; 2]> {
    let line = |label: &str, value: String| [label.to_owned(), value];
    vec![
        line("devices", grouped(real(run.devices), 0)),
        line("have their certificate", grouped(real(run.vended), 0)),
        line("lost", grouped(real(run.lost), 0)),
        line("the last one has it after", duration(run.seconds)),
        line("devices/s", grouped(run.per_second, 2)),
        line(
            "devices/s that the quotas allow",
            grouped(run.quota_per_second, 2),
        ),
        line(
            "devices/s that the workers could do",
            grouped(run.workers_per_second, 2),
        ),
        line("held up by", limit_name(run.limit)),
        line("wait of the batch, p50", duration(run.batch_wait.half)),
        line("wait of the batch, p99", duration(run.batch_wait.most)),
        line("wait of a line device, p50", brief(run.line_wait.half)),
        line("wait of a line device, p99", brief(run.line_wait.most)),
        line(
            "wait of a line device, longest",
            brief(run.line_wait.longest),
        ),
    ]
}

fn spent(run: &Figures) -> Vec<[String; 2]> {
    let mut lines: Vec<[String; 2]> = run
        .shares
        .iter()
        .map(|(call, share)| {
            [
                format!("quota of {} used, %", call.name()),
                percent(*share, 1),
            ]
        })
        .collect();
    let line = |label: &str, value: String| [label.to_owned(), value];
    lines.extend([
        line("calls to AWS IoT", grouped(real(run.calls), 0)),
        line("throttled, %", percent(run.throttled_part(), 3)),
        line("runs of workers", grouped(real(run.runs), 0)),
        line("cut off", grouped(real(run.killed), 0)),
        line(
            "messages that came back, %",
            percent(run.given_back_part(), 2),
        ),
        line(
            "worker seconds per device",
            grouped(run.worker_seconds_per_device(), 3),
        ),
        line(
            "GB seconds per device",
            grouped(run.gb_seconds_per_device(), 3),
        ),
    ]);
    lines
}

/// Many runs, each with its name.
pub fn rows(title: &str, runs: &[(String, Figures)]) -> String {
    let head = [title].into_iter().chain(COLUMNS);
    let mut table = table(head.map(str::to_owned));
    for (name, run) in runs {
        table.add_row([vec![name.clone()], row(run)].concat());
    }
    align(&mut table);
    table.to_string()
}

fn row(run: &Figures) -> Vec<String> {
    let share = run
        .share()
        .map_or_else(String::new, |share| percent(share, 1));
    let Spread { half, most, .. } = run.line_wait;
    vec![
        grouped(run.per_second, 2),
        duration(run.seconds),
        share,
        percent(run.throttled_part(), 3),
        percent(run.given_back_part(), 1),
        duration(run.batch_wait.half),
        duration(run.batch_wait.most),
        brief(half),
        brief(most),
        limit_name(run.limit),
        grouped(run.worker_seconds_per_device(), 3),
        grouped(run.gb_seconds_per_device(), 3),
    ]
}

/// One line about the polls.
pub fn polls(polls: &Polls) -> String {
    let (run, parts) = (&polls.figures, polls.parts);
    let sample = if parts > 1 {
        format!(" (one part of {parts} was played and multiplied up)")
    } else {
        String::new()
    };
    format!(
        "polls: {} in all, {:.1} per device; {} in the busiest second, {} a second in the busiest minute, {} after the \
         storm{sample}",
        grouped(run.polls, 0),
        run.polls_per_device,
        grouped(run.busiest_second, 0),
        grouped(run.busiest_minute, 0),
        grouped(run.calm_minute, 0),
    )
}

/// One line about what the simulation itself took.
pub fn effort(effort: &Effort, devices: u64) -> String {
    let peak = effort.peak_bytes.map_or_else(
        || "unknown memory".to_owned(),
        |bytes| format!("{} MiB at most", bytes >> 20),
    );
    let seconds = effort.taken.as_secs_f64();
    let micros = seconds * 1e6 / real(devices.max(1));
    format!("the simulation took {seconds:.1} s, {micros:.0} µs per device, and {peak}")
}

/// How far the fluid is from a simulation, as a part of the simulated time.
pub fn difference(simulated: &Figures, reckoned_seconds: f64) -> String {
    format!(
        "{} devices: simulated {}, as a fluid {}, {:+.2} %",
        grouped(real(simulated.devices), 0),
        duration(simulated.seconds),
        duration(reckoned_seconds),
        (reckoned_seconds / simulated.seconds - 1.0) * 100.0,
    )
}

fn table(head: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(head.into_iter().collect::<Vec<_>>());
    table
}

fn align(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn method_name(method: Method) -> &'static str {
    match method {
        Method::Simulated => "the real worker",
        Method::Reckoned => "reckoned",
    }
}

fn percent(part: f64, decimals: usize) -> String {
    format!("{:.decimals$}", part * 100.0)
}

fn brief(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        duration(seconds)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times for people are positive and far below 2^52 seconds"
)]
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds:.1} s"),
        (0, 0, _) => format!("{minutes} min {:02} s", whole % 60),
        (0, _, _) => format!("{hours} h {minutes:02} min"),
        (_, _, _) => format!("{days} d {hours:02} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        assert_eq!(duration(9.84), "9.8 s");
        assert_eq!(duration(75.0), "1 min 15 s");
        assert_eq!(duration(100_061.0), "1 d 03 h");
        assert_eq!(grouped(12_345_678.5, 1), "12,345,678.5");
    }
}
