//! What a batch is called: by the operator, or after its file.

use std::fmt;

use cvm_shared::ids::Malformed;

/// How much of the file's digest names a batch: 64 bits, so that two files of one factory never meet.
const DIGITS: usize = 16;

/// A batch's name. It becomes part of an object's key and of a message's group, so it is short and plain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchId(String);

impl BatchId {
    /// Takes a name of 1 to 64 letters, digits, `_` and `-`.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            let rule = "must be 1 to 64 of the characters a-z A-Z 0-9 _ -";
            Err(Malformed::new("id", rule))
        }
    }

    /// The name of the batch of a file, from the file's SHA-256 in hex.
    pub fn of_file(sha256: &str) -> Self {
        Self(sha256.chars().take(DIGITS).collect())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tenant of the work queue that the batch's orders belong to.
    pub fn group(&self) -> String {
        format!("batch-{}", self.0)
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        assert_eq!(
            BatchId::parse("line-7_A").unwrap().group(),
            "batch-line-7_A"
        );
        for bad in ["", "a/b", "..", "a b", &"x".repeat(65)] {
            assert!(BatchId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_names_its_batch() {
        let id = BatchId::of_file(&"0123456789abcdef".repeat(4));
        assert_eq!(id.as_str(), "0123456789abcdef");
        assert_eq!(BatchId::parse(id.as_str()), Ok(id));
    }
}
