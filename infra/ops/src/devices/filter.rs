//! Which devices are meant: by state, by the beginning of the serial number, by when they asked.

use clap::Args;
use clap::ValueEnum;
use cvm_shared::operate::rows::Wanted;
use cvm_shared::time::UnixMillis;

use crate::calendar::moment;

/// Which devices.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Filter {
    /// Only devices in this state; may be repeated
    #[arg(long, value_enum, value_name = "STATE")]
    state: Vec<StateName>,
    /// Only serial numbers that begin with this
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Only devices that asked at this moment or later (2026-08-01 or 2026-08-01T12:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<UnixMillis>,
    /// Only devices that asked before this moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    before: Option<UnixMillis>,
}

/// A state, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StateName {
    Disabled,
    Registered,
    Requested,
    Issuing,
    Vended,
    Failed,
}

impl StateName {
    /// The number kept in `applyState`.
    fn number(self) -> i32 {
        match self {
            Self::Disabled => 0,
            Self::Registered => 1,
            Self::Requested => 2,
            Self::Issuing => 3,
            Self::Vended => -1,
            Self::Failed => -2,
        }
    }
}

impl Filter {
    /// The filter as the table takes it.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            states: self.state.iter().map(|state| state.number()).collect(),
            prefix: self.prefix.clone(),
            since: self.since,
            before: self.before,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cvm_shared::state::NAMES;

    use super::*;

    #[test]
    fn what_is_typed_is_the_state_of_that_name() {
        let typed: BTreeSet<(i32, String)> = StateName::value_variants()
            .iter()
            .map(|state| (state.number(), format!("{state:?}")))
            .collect();
        let known = NAMES.map(|(number, name)| (number, name.to_owned()));
        assert_eq!(typed, BTreeSet::from(known));
    }
}
