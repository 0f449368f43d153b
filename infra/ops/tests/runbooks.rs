//! Every command in the runbooks and in the README is one that cvmctl understands.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use clap::Parser as _;
use cvm_ops::cli::Cli;

fn pages() -> Vec<PathBuf> {
    let ops = Path::new(env!("CARGO_MANIFEST_DIR"));
    let books = ops.join("../runbooks").read_dir().unwrap();
    let books = books.map(|entry| entry.unwrap().path());
    books.chain([ops.join("../../README.md")]).collect()
}

/// The lines that call cvmctl, without their comments.
fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| line.starts_with("cvmctl "));
    lines
        .map(|line| words(line.split(" #").next().unwrap()))
        .collect()
}

/// Words as a shell splits them, as far as these pages need it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in line.trim().chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words
}

#[test]
fn every_command_is_understood() {
    let mut count = 0;
    for page in pages() {
        for command in commands(&fs::read_to_string(&page).unwrap()) {
            if let Err(refusal) = Cli::try_parse_from(&command) {
                panic!("{}: {command:?}: {refusal}", page.display());
            }
            count += 1;
        }
    }
    assert!(count > 20, "{count} commands were found");
}

#[test]
fn the_first_page_names_all_others() {
    let ops = Path::new(env!("CARGO_MANIFEST_DIR"));
    let first = fs::read_to_string(ops.join("../runbooks/README.md")).unwrap();
    for page in pages() {
        let name = page.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name == "README.md" || first.contains(&name), "{name}");
    }
}
