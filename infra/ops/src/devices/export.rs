//! `cvmctl devices export`: every device's story in a file, one object or one line each.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;
use cvm_shared::operate::rows::Listing as _;

use crate::cli::Exit;
use crate::cli::Output;
use crate::context::Context;
use crate::devices::filter::Filter;
use crate::devices::story::Story;
use crate::printer::plain;
use crate::site::about_file;
use crate::terminal::complain;
use crate::trouble::Trouble;

/// What to export, and where to.
#[derive(Args, Debug)]
pub struct Export {
    /// The file; it must not exist yet. CSV with --output csv, otherwise one JSON object a line
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    filter: Filter,
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let table = site.table().await?;
        let stop = context.stop();
        let trouble = |error: &std::io::Error| about_file(&self.file, error);
        let file = File::create_new(&self.file).map_err(|error| trouble(&error))?;
        let mut sink = Sink::new(BufWriter::new(file), context.output);
        let mut listing = table.listing(&self.filter.wanted());
        let (mut count, mut unreadable) = (0u64, 0u64);
        while !stop.load(Ordering::Relaxed) {
            let page = listing.page().await;
            let page =
                page.map_err(|f| Trouble::calling(&format!("table {}", table.name()), &f))?;
            let Some(page) = page else {
                sink.finish().map_err(|error| trouble(&error))?;
                complain(&format!("{count} devices written, {unreadable} unreadable"));
                return Ok(if unreadable == 0 {
                    Exit::Done
                } else {
                    Exit::Refused
                });
            };
            for row in page {
                match row {
                    Ok(record) => {
                        let written = sink.write(&Story::of(&record));
                        written.map_err(|error| trouble(&error))?;
                        count += 1;
                    }
                    Err((serial, failure)) => {
                        complain(&format!("device {serial}: {failure}"));
                        unreadable += 1;
                    }
                }
            }
        }
        complain(&format!(
            "stopped after {count} devices: the file is not whole"
        ));
        Ok(Exit::Stopped)
    }
}

/// The file.
struct Sink<W: Write> {
    file: W,
    output: Output,
    has_begun: bool,
}

impl<W: Write> Sink<W> {
    fn new(file: W, output: Output) -> Self {
        Self {
            file,
            output,
            has_begun: false,
        }
    }

    fn write(&mut self, story: &Story) -> std::io::Result<()> {
        match self.output {
            Output::Table | Output::Json => {
                serde_json::to_writer(&mut self.file, story)?;
                self.file.write_all(b"\n")
            }
            Output::Csv => self.line(story),
        }
    }

    /// Every story has the same names, so they are the columns.
    fn line(&mut self, story: &Story) -> std::io::Result<()> {
        let mut writer = csv::Writer::from_writer(&mut self.file);
        if !std::mem::replace(&mut self.has_begun, true) {
            writer.write_record(story.facts().map(|(name, _)| name))?;
        }
        writer.write_record(story.facts().map(|(_, value)| plain(value)))?;
        writer.flush()
    }

    fn finish(mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
