//! All of it in one call: Python, functions, emulator, stack.

use crate::emulator::Emulator;
use crate::emulator::EmulatorOptions;
use crate::error::Error;
use crate::functions::Functions;
use crate::functions::Profile;
use crate::functions::Progress;
use crate::outputs::StackOutputs;
use crate::stack;
use crate::stack::Parameters;
use crate::venv::Venv;
use crate::workspace::Workspace;

/// A running emulator with the stack in it.
#[derive(Debug)]
pub struct Site {
    /// The emulator; the stack is gone when it is.
    pub emulator: Emulator,
    /// What is in it.
    pub outputs: StackOutputs,
}

/// The stack's name in the emulator.
pub const STACK: &str = "cvm";

impl Site {
    /// Builds the functions and deploys them to a fresh emulator, without a word.
    pub async fn start(profile: Profile, parameters: &Parameters) -> Result<Self, Error> {
        Self::start_with(profile, parameters, EmulatorOptions::default()).await
    }

    /// The same, in an emulator with these options.
    pub async fn start_with(
        profile: Profile,
        parameters: &Parameters,
        options: EmulatorOptions,
    ) -> Result<Self, Error> {
        let workspace = Workspace::find().await?;
        let (venv, functions) = tokio::try_join!(
            Venv::ensure(&workspace),
            Functions::build(&workspace, profile, Progress::Quiet),
        )?;
        let emulator = Emulator::start(&venv, options).await?;
        let outputs = Box::pin(stack::deploy(
            &venv, &emulator, &functions, STACK, parameters,
        ))
        .await?;
        Ok(Self { emulator, outputs })
    }

    /// The stack's resources: their names in the template and their own.
    pub async fn resources(&self) -> Result<Vec<(String, String)>, Error> {
        stack::resources(&self.emulator, STACK).await
    }
}
