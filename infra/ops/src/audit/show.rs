//! `cvmctl audit show`: one device's trail.

use clap::Args;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::trails::Trails as _;

use crate::audit::lines::COLUMNS;
use crate::audit::lines::line;
use crate::cli::Exit;
use crate::cli::serial;
use crate::context::Context;
use crate::trouble::Trouble;

/// Whose trail to show.
#[derive(Args, Debug)]
pub struct Show {
    /// The device
    #[arg(value_name = "SERIAL", value_parser = serial)]
    serial: SerialNumber,
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let trail = site.trails().await?.read(self.serial.as_str()).await;
        let trail = trail.map_err(|failure| Trouble::calling("the trails", &failure))?;
        if trail.is_empty() {
            return Err(Trouble::refused(format!("no trail of {}", self.serial)));
        }
        let lines: Vec<_> = trail.iter().map(line).collect();
        context.printer(COLUMNS).page(&lines);
        Ok(Exit::Done)
    }
}
