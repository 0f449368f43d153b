//! `cvmctl devices show`: one device's whole story.

use clap::Args;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::trails::Trails as _;
use cvm_shared::ports::Registry as _;

use crate::audit::lines::COLUMNS;
use crate::audit::lines::line;
use crate::cli::Exit;
use crate::cli::Output;
use crate::cli::serial;
use crate::context::Context;
use crate::devices::story::Story;
use crate::site::Site;
use crate::terminal;
use crate::terminal::say;
use crate::trouble::Trouble;

/// What to show.
#[derive(Args, Debug)]
pub struct Show {
    /// The device
    #[arg(value_name = "SERIAL", value_parser = serial)]
    serial: SerialNumber,
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let table = site.table().await?;
        let (name, serial) = (table.name(), &self.serial);
        let record = match table.load(serial).await {
            Ok(Some(record)) => record,
            Ok(None) => {
                return Err(Trouble::refused(format!(
                    "no device {serial} in table {name}"
                )));
            }
            Err(failure @ Failure::CorruptRow { .. }) => {
                return Err(Trouble::refused(format!("device {serial}: {failure}")));
            }
            Err(failure) => return Err(Trouble::calling(&format!("table {name}"), &failure)),
        };
        say(&terminal::story(
            &Story::of(&record),
            context.output,
            context.styled,
        ));
        if context.output == Output::Table {
            trail(&site, context, serial).await?;
        }
        Ok(Exit::Done)
    }
}

/// How it came to this, if there is a table that tells.
async fn trail(site: &Site, context: &Context, serial: &SerialNumber) -> Result<(), Trouble> {
    let Ok(trails) = site.trails().await else {
        return Ok(());
    };
    let trail = trails.read(serial.as_str()).await;
    let trail = trail.map_err(|failure| Trouble::calling("the trails", &failure))?;
    if !trail.is_empty() {
        say("");
        let lines: Vec<_> = trail.iter().map(line).collect();
        context.printer(COLUMNS).page(&lines);
    }
    Ok(())
}
