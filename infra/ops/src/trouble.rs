//! Why a command ended before it could answer, in words for who typed it.

use cvm_shared::failure::Class;
use cvm_shared::failure::Failure;

use crate::cli::Exit;

/// A message and the exit code that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// How the command ends.
    pub exit: Exit,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl Trouble {
    /// The question was wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
        }
    }

    /// AWS or the database did not answer as it should.
    pub fn aws(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Aws,
            message: message.into(),
        }
    }

    /// There is no such thing, or it cannot be done to it.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Refused,
            message: message.into(),
        }
    }

    /// A failed call, with what it was made to and what to do about it.
    pub fn calling(what: &str, failure: &Failure) -> Self {
        let advice = match failure.class() {
            Class::Wait | Class::Retry => "try again later",
            Class::Operator | Class::Never => "check its name, the region and your rights",
        };
        Self::aws(format!("{what}: {failure}; {advice}"))
    }
}
