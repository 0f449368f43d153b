//! How devices log in: what the column `auth` says, and what becomes of secrets that could be guessed.

use clap::ValueEnum;
use cvm_shared::ports::Random;
use cvm_shared::secret::DeviceToken;
use cvm_shared::verifier::Salt;

use crate::import::columns::AUTH;
use crate::import::refusal::Reason;
use crate::import::refusal::SECRET_BITS_MIN;

/// How a device may log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// With its secret itself or with a proof that it has it
    #[default]
    Any,
    /// With a proof alone; its secret itself is refused like a wrong one
    Proof,
}

impl Auth {
    /// The word in the column; none in an empty one.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, Reason> {
        match text {
            "" => Ok(None),
            "any" => Ok(Some(Self::Any)),
            "proof" => Ok(Some(Self::Proof)),
            _ => Err(Reason::Malformed {
                column: AUTH,
                rule: "must be proof, any or empty".to_owned(),
            }),
        }
    }

    /// The word in the column, as the table has it, too.
    pub fn of(proof_only: bool) -> &'static str {
        if proof_only { "proof" } else { "any" }
    }
}

/// How the devices of an import log in, beyond what their rows say.
#[derive(Clone, Copy, Default)]
pub struct Login<'a> {
    /// What rows may do that do not say.
    pub default_auth: Auth,
    /// Where the salts come from if secrets that could be guessed are stretched; without, they are
    /// refused.
    pub salts: Option<&'a dyn Random>,
}

impl Login<'_> {
    /// A fresh salt for a secret that must be stretched, none for a strong one.
    pub(crate) fn salt(&self, token: &DeviceToken, auth: Auth) -> Result<Option<Salt>, Reason> {
        let bits = token.strength_bits();
        if bits >= SECRET_BITS_MIN {
            return Ok(None);
        }
        match (self.salts, auth) {
            (None, _) => Err(Reason::Weak { bits }),
            (Some(_), Auth::Proof) => Err(Reason::Unprovable { bits }),
            (Some(random), Auth::Any) => Ok(Some(random.bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nines;

    impl Random for Nines {
        fn bytes(&self) -> [u8; 16] {
            [9; 16]
        }
    }

    /// What becomes of this secret with and without stretching.
    fn salts(secret: &str, auth: Auth) -> [Result<Option<Salt>, Reason>; 2] {
        let token = DeviceToken::parse(secret).unwrap();
        [Some(&Nines as &dyn Random), None].map(|salts| {
            let login = Login {
                salts,
                ..Login::default()
            };
            login.salt(&token, auth)
        })
    }

    #[test]
    fn a_strong_secret_is_never_stretched() {
        // 28 hex digits that look random: 112 bits.
        for auth in [Auth::Any, Auth::Proof] {
            let strong = salts("9f86d081884c7d659a2feaa0c55a", auth);
            assert_eq!(strong, [Ok(None), Ok(None)]);
        }
    }

    #[test]
    fn a_weak_one_is_stretched_if_it_may_be_and_need_not_be_proven() {
        // 27 of them: 108.
        let weak = |auth| salts("9f86d081884c7d659a2feaa0c55", auth);
        let bits = 108;
        assert_eq!(
            weak(Auth::Any),
            [Ok(Some([9; 16])), Err(Reason::Weak { bits })]
        );
        assert_eq!(
            weak(Auth::Proof),
            [Err(Reason::Unprovable { bits }), Err(Reason::Weak { bits })]
        );
    }

    #[test]
    fn the_words_of_the_column_are_few_and_exact() {
        for (text, auth) in [
            ("", None),
            ("any", Some(Auth::Any)),
            ("proof", Some(Auth::Proof)),
        ] {
            assert_eq!(Auth::parse(text), Ok(auth));
        }
        for text in ["Proof", " proof", "token"] {
            let refusal = Auth::parse(text).unwrap_err().to_string();
            assert_eq!(refusal, "auth: must be proof, any or empty");
        }
    }
}
