//! The `cargo model` command: searches, says how far, prints what was found.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use clap::Parser;
use comfy_table::Table;
use cvm_model::focus::Focus;
use cvm_model::model::Model;
use cvm_model::mutant::Mutant;
use cvm_model::search::Found;
use cvm_model::search::search;
use indicatif::ProgressBar;
use serde_json::Value;
use serde_json::json;

/// Explores the issuance protocol exhaustively, with the functions that ship.
#[derive(Parser, Debug)]
struct Options {
    /// Stop each focus at about so many states
    #[arg(long, default_value_t = 20_000_000)]
    states: usize,
    /// The focus to search, or all
    #[arg(long, default_value = "all")]
    focus: String,
    /// Only the mutants: rules left out, each of which has to be refuted
    #[arg(long)]
    mutants: bool,
    /// Print the counter-example of each mutant too
    #[arg(long)]
    traces: bool,
    /// Write the figures
    #[arg(long)]
    json: Option<PathBuf>,
}

/// One search and how long it took.
struct Line {
    name: &'static str,
    found: Found,
    took: Duration,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let focuses = chosen(&options);
    if focuses.is_empty() && !options.mutants {
        let known: Vec<&str> = Focus::all().iter().map(|focus| focus.name).collect();
        eprintln!("no such focus; there are all, {}", known.join(", "));
        return ExitCode::from(2);
    }
    let lines: Vec<Line> = focuses
        .into_iter()
        .map(|focus| run(focus, None, options.states))
        .collect();
    let mut holds = lines.iter().all(|line| line.found.breach.is_none());
    for line in &lines {
        print_trace(line);
    }
    print_focuses(&lines);
    let mutants = options.mutants || options.focus == "all";
    let lines_of_mutants: Vec<(Mutant, Line)> = Mutant::ALL
        .into_iter()
        .filter(|_| mutants)
        .map(|mutant| (mutant, run(mutant.focus(), Some(mutant), options.states)))
        .collect();
    holds &= lines_of_mutants
        .iter()
        .all(|(_, line)| line.found.breach.is_some());
    for (_, line) in lines_of_mutants.iter().filter(|_| options.traces) {
        print_trace(line);
    }
    if mutants {
        print_mutants(&lines_of_mutants);
    }
    if let Some(file) = options.json {
        let figures = json!({
            "focuses": lines.iter().map(figures).collect::<Value>(),
            "mutants": lines_of_mutants.iter().map(|(_, line)| figures(line)).collect::<Value>(),
            "holds": holds,
        });
        if let Err(error) = std::fs::write(&file, format!("{figures:#}\n")) {
            eprintln!("{}: {error}", file.display());
            return ExitCode::from(2);
        }
    }
    ExitCode::from(u8::from(!holds))
}

fn chosen(options: &Options) -> Vec<Focus> {
    let wanted = |focus: &Focus| options.focus == "all" || options.focus == focus.name;
    let all = Focus::all().into_iter().filter(wanted);
    all.filter(|_| !options.mutants).collect()
}

fn run(focus: Focus, mutant: Option<Mutant>, most: usize) -> Line {
    #[expect(clippy::disallowed_methods, reason = "a shell may look at the clock")]
    let begun = Instant::now();
    let name = focus.name;
    let bar = ProgressBar::new_spinner();
    let mut model = Model::new(focus, mutant);
    let mut told = |states, done| {
        bar.set_message(format!("{name}: {states} states, {done} done"));
        bar.tick();
    };
    let found = search(&mut model, most, &mut told);
    bar.finish_and_clear();
    Line {
        name,
        found,
        took: begun.elapsed(),
    }
}

fn print_trace(line: &Line) {
    let Some((breach, trace)) = &line.found.breach else {
        return;
    };
    println!("\n{}: {breach}", line.name);
    for (number, step) in trace.iter().enumerate() {
        println!("{:4}. {step}", number + 1);
    }
}

fn print_focuses(lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "focus", "states", "steps", "depth", "at rest", "seconds", "states/s", "verdict",
    ]);
    for line in lines {
        let found = &line.found;
        table.add_row([
            line.name.to_owned(),
            found.states.to_string(),
            found.steps.to_string(),
            found.depth.to_string(),
            found.rests.to_string(),
            format!("{:.1}", line.took.as_secs_f64()),
            rate(line).to_string(),
            verdict(found).to_owned(),
        ]);
    }
    println!("{table}");
    let states: usize = lines.iter().map(|line| line.found.states).sum();
    println!("{states} states in all");
}

fn print_mutants(lines: &[(Mutant, Line)]) {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["without", "states", "seconds", "breaks", "in steps"]);
    for (mutant, line) in lines {
        let (breaks, steps) = match &line.found.breach {
            Some((breach, trace)) => (breach.to_string(), trace.len().to_string()),
            None => ("NOT REFUTED".to_owned(), String::new()),
        };
        table.add_row([
            mutant.rule().to_owned(),
            line.found.states.to_string(),
            format!("{:.1}", line.took.as_secs_f64()),
            breaks,
            steps,
        ]);
    }
    println!("{table}");
}

fn rate(line: &Line) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people"
    )]
    let rate = (line.found.states as f64 / line.took.as_secs_f64().max(0.001)) as u64;
    rate
}

fn verdict(found: &Found) -> &'static str {
    match (&found.breach, found.complete) {
        (Some(_), _) => "BREACH",
        (None, true) => "holds",
        (None, false) => "holds so far",
    }
}

fn figures(line: &Line) -> Value {
    json!({
        "name": line.name,
        "states": line.found.states,
        "steps": line.found.steps,
        "depth": line.found.depth,
        "atRest": line.found.rests,
        "complete": line.found.complete,
        "seconds": line.took.as_secs_f64(),
        "statesPerSecond": rate(line),
        "breach": line.found.breach.as_ref().map(|(breach, _)| breach.to_string()),
        "trace": line.found.breach.as_ref().map(|(_, trace)| trace),
    })
}
