//! The environment as types. What is missing, malformed or unknown is refused at start, by name.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// All our variables begin with this, so that a misspelt one can be told from somebody else's.
pub const PREFIX: &str = "CVM_";

/// Why the environment is not a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A variable that must be set is not.
    #[error("environment variable {0} is missing")]
    Missing(&'static str),
    /// A variable has a value that it may not have.
    #[error("environment variable {name} {rule}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// The rule that its value breaks.
        rule: String,
    },
    /// Variables with our prefix that nobody reads.
    #[error("unknown environment variable {}", .0.join(", "))]
    Unknown(Vec<String>),
}

/// The environment while it is being read.
#[derive(Debug)]
pub struct Env {
    values: BTreeMap<String, String>,
    read: BTreeSet<&'static str>,
}

impl Env {
    /// Takes the variables with our prefix; pass `std::env::vars()`.
    pub fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |(name, _): &(String, String)| name.starts_with(PREFIX);
        Self {
            values: vars.into_iter().filter(ours).collect(),
            read: BTreeSet::new(),
        }
    }

    /// A text that must be there and not empty.
    pub fn text(&mut self, name: &'static str) -> Result<String, ConfigError> {
        let found = self.optional(name);
        found.ok_or(ConfigError::Missing(name))
    }

    /// A text that may be missing; an empty one counts as missing.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        self.read.insert(name);
        self.values
            .get(name)
            .filter(|text| !text.is_empty())
            .cloned()
    }

    /// A number that must be there and lie within `bounds`.
    pub fn number<T>(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<T>,
    ) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let refuse = || ConfigError::Malformed {
            name,
            rule: format!(
                "must be a number from {} to {}",
                bounds.start(),
                bounds.end()
            ),
        };
        let value: T = self.text(name)?.parse().map_err(|_| refuse())?;
        if !bounds.contains(&value) {
            return Err(refuse());
        }
        Ok(value)
    }

    /// A text that must be one of two.
    pub fn choice(
        &mut self,
        name: &'static str,
        allowed: [&'static str; 2],
    ) -> Result<&'static str, ConfigError> {
        let text = self.text(name)?;
        let found = allowed.into_iter().find(|choice| *choice == text);
        found.ok_or_else(|| ConfigError::Malformed {
            name,
            rule: format!("must be {}", allowed.join(" or ")),
        })
    }

    /// Ends the reading: a variable of ours that nothing has read is refused.
    pub fn finish(self) -> Result<(), ConfigError> {
        let unread = |name: &&String| !self.read.contains(name.as_str());
        let unknown: Vec<String> = self.values.keys().filter(unread).cloned().collect();
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Unknown(unknown))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        Env::new(
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn a_missing_or_empty_variable_is_named() {
        let mut env = env(&[("CVM_EMPTY", "")]);
        assert_eq!(
            env.text("CVM_EMPTY"),
            Err(ConfigError::Missing("CVM_EMPTY"))
        );
        let refusal = env.text("CVM_TABLE").unwrap_err().to_string();
        assert_eq!(refusal, "environment variable CVM_TABLE is missing");
    }

    #[test]
    fn a_number_out_of_bounds_is_named() {
        let mut env = env(&[("CVM_A", "0"), ("CVM_B", "x"), ("CVM_C", "5")]);
        let refusal = env.number("CVM_A", 1..=120).unwrap_err().to_string();
        assert_eq!(
            refusal,
            "environment variable CVM_A must be a number from 1 to 120"
        );
        assert!(env.number("CVM_B", 1..=120).is_err());
        assert_eq!(env.number("CVM_C", 1..=120), Ok(5));
    }

    #[test]
    fn an_unknown_variable_of_ours_is_refused_and_others_are_not() {
        let mut env = env(&[("CVM_TABLE", "t"), ("CVM_TABEL", "t"), ("PATH", "/")]);
        env.text("CVM_TABLE").unwrap();
        let refusal = env.finish().unwrap_err().to_string();
        assert_eq!(refusal, "unknown environment variable CVM_TABEL");
    }
}
