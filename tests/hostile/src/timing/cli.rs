//! The command.

use std::process::ExitCode;

/// Does what the command line says.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
