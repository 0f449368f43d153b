//! `cvmctl audit export`: all trails in a file, for an archive or another tool.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;
use cvm_shared::ids::TrailHead;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails as _;
use serde_json::json;

use crate::cli::Exit;
use crate::context::Context;
use crate::site::about_file;
use crate::terminal::complain;
use crate::trouble::Trouble;

/// Where to.
#[derive(Args, Debug)]
pub struct Export {
    /// The file; it must not exist yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let trails = site.trails().await?;
        let stop = context.stop();
        let trouble = |error: &std::io::Error| about_file(&self.file, error);
        let file = File::create_new(&self.file).map_err(|error| trouble(&error))?;
        let mut file = BufWriter::new(file);
        let (mut count, mut next) = (0u64, None);
        while !stop.load(Ordering::Relaxed) {
            let page = trails.page(next).await;
            let page = page.map_err(|failure| Trouble::calling("the trails", &failure))?;
            for entry in &page.entries {
                writeln!(file, "{}", object(entry)).map_err(|error| trouble(&error))?;
                count += 1;
            }
            next = page.next;
            if next.is_none() {
                file.flush().map_err(|error| trouble(&error))?;
                complain(&format!("{count} entries written"));
                return Ok(Exit::Done);
            }
        }
        complain(&format!(
            "stopped after {count} entries: the file is not whole"
        ));
        Ok(Exit::Stopped)
    }
}

/// The facts as they are hashed, and the hash beside them: enough to check the trail without the table.
fn object(entry: &Placed) -> serde_json::Value {
    let head = entry.head.as_ref().map(TrailHead::as_str);
    json!({ "place": entry.place, "facts": entry.facts, "head": head })
}
