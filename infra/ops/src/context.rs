//! What every command is given: where things are, how to answer, whether to stop.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::cli::Care;
use crate::cli::Common;
use crate::cli::Exit;
use crate::cli::Output;
use crate::printer::Printer;
use crate::site::Site;
use crate::terminal::complain;
use crate::trouble::Trouble;

/// Raised by the first Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

/// A command's surroundings.
#[derive(Debug)]
pub struct Context {
    common: Common,
    /// How to answer.
    pub output: Output,
    /// Whether there are colours.
    pub styled: bool,
}

impl Context {
    /// The surroundings of this command line.
    pub fn new(common: Common) -> Self {
        let output = common.output;
        Self {
            common,
            output,
            styled: styled(),
        }
    }

    /// The machine. Not every command needs one.
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell reads the environment, and hands it in"
    )]
    pub async fn site(&self) -> Result<Site, Trouble> {
        Site::open(&self.common, |name| std::env::var(name).ok()).await
    }

    /// The machine in both forms, each as it is named.
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell reads the environment, and hands it in"
    )]
    pub(crate) async fn both(&self) -> Result<(Site, Site), Trouble> {
        let variable = |name: &str| std::env::var(name).ok();
        if self.common.store.is_none() {
            return Err(Trouble::usage("no --store, and CVM_STORE is not set"));
        }
        let stack = Site::of_stack(&self.common, variable).await?;
        // What the environment says of queues and bucket is the stack's.
        let host = Site::of_store(&self.common, |_| None).await?;
        Ok((stack, host))
    }

    /// The parameters of the stack, if one was named. A host is none: what it costs is the host's price.
    pub async fn stack_parameters(&self) -> Result<BTreeMap<String, String>, Trouble> {
        if self.common.store.is_some() {
            let message = "what devices cost is worked out for the serverless form alone, and --store (or CVM_STORE) names a host's database";
            return Err(Trouble::usage(message));
        }
        if self.common.stack.is_none() {
            return Ok(BTreeMap::new());
        }
        match self.site().await?.stack() {
            Some(aws) => aws.parameters().await,
            None => Ok(BTreeMap::new()),
        }
    }

    /// A printer for rows with these columns.
    pub fn printer(&self, columns: &'static [&'static str]) -> Printer {
        Printer::new(columns, self.output, self.styled)
    }

    /// From now on Ctrl-C is heeded: the first one raises the flag that this returns.
    pub fn stop(&self) -> &'static AtomicBool {
        tokio::spawn(heed_ctrl_c());
        &STOP
    }

    /// Whether to go on. Asks on the terminal; where there is none, `--yes` must have been said.
    pub fn consent(&self, care: &Care, question: &str) -> Result<(), Trouble> {
        if care.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            let message = format!("{question} Nobody is there to answer: say --yes or --dry-run");
            return Err(Trouble::usage(message));
        }
        if dialogue(question) {
            return Ok(());
        }
        Err(Trouble {
            exit: Exit::Declined,
            message: "nothing was done".to_owned(),
        })
    }
}

/// Asks; anything but a clear yes is a no.
fn dialogue(question: &str) -> bool {
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Colours, if somebody is there to see them and has not declined (no-color.org).
fn styled() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// The first Ctrl-C lets the calls on their way come back, the second one does not wait.
async fn heed_ctrl_c() {
    if tokio::signal::ctrl_c().await.is_ok() {
        STOP.store(true, Ordering::Relaxed);
        complain("stopping; once more to stop at once");
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(i32::from(Exit::Stopped as u8));
    }
}
