//! `cvmctl completions`: what a shell wants to know of the command line, and the man page.

use clap::Args;
use clap::CommandFactory as _;
use clap::ValueEnum;
use clap_complete::Shell;
use clap_complete::generate;

use crate::cli::Cli;
use crate::cli::Exit;
use crate::trouble::Trouble;

/// For whom.
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell, or man for the man page
    #[arg(value_enum)]
    reader: Reader,
}

/// Who reads it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reader {
    Bash,
    Elvish,
    Fish,
    Man,
    Powershell,
    Zsh,
}

impl Completions {
    /// Writes to stdout.
    pub fn run(self) -> Result<Exit, Trouble> {
        let shell = match self.reader {
            Reader::Bash => Shell::Bash,
            Reader::Elvish => Shell::Elvish,
            Reader::Fish => Shell::Fish,
            Reader::Powershell => Shell::PowerShell,
            Reader::Zsh => Shell::Zsh,
            Reader::Man => return man(),
        };
        let mut command = Cli::command();
        generate(shell, &mut command, "cvmctl", &mut std::io::stdout());
        Ok(Exit::Done)
    }
}

fn man() -> Result<Exit, Trouble> {
    let page = clap_mangen::Man::new(Cli::command());
    let written = page.render(&mut std::io::stdout());
    written.map_err(|error| Trouble::refused(error.to_string()))?;
    Ok(Exit::Done)
}
