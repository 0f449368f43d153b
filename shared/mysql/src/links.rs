//! Links to bundles on the server itself: the key, when the link ends, and a proof that a server of ours made it.
//!
//! ```text
//! https://{host}/bundles/{key}?until={milliseconds since 1970}&proof={hex}
//! proof = HMAC-SHA256(the servers' key, "cvm-link-v1" LF key LF until)
//! ```

use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::hex;
use cvm_shared::ports::Random;
use cvm_shared::time::UnixMillis;
use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::guard::LINKS;
use crate::guard::MySqlGuard;

/// Where bundles are on the server.
pub const PREFIX: &str = "/bundles/";

/// Signs links, and sees whether one was signed. Not printable: who has its key can open whatever is staged.
#[derive(Clone)]
pub struct Links {
    key: Zeroizing<[u8; 32]>,
    base: String,
}

impl Links {
    /// Links to the server that devices reach at `base`, as in `https://cvm.example.com`, without a slash at its end.
    pub fn new(key: Zeroizing<[u8; 32]>, base: String) -> Self {
        Self { key, base }
    }

    /// The same with the key that all servers of this database share.
    pub async fn shared<N: Random>(guard: &MySqlGuard<N>, base: String) -> Result<Self, Failure> {
        Ok(Self::new(guard.shared_key(LINKS).await?, base))
    }

    pub(crate) fn sign(&self, key: &BundleKey, until: UnixMillis) -> String {
        let (base, until) = (&self.base, until.0);
        let proof = self.proof(key.as_str(), &until.to_string());
        format!("{base}{PREFIX}{key}?until={until}&proof={proof}")
    }

    /// The key that a link is for; `None` if it is none of ours or has ended.
    pub(crate) fn follow(&self, path: &str, query: &str, now: UnixMillis) -> Option<BundleKey> {
        let key = path.strip_prefix(PREFIX)?;
        let (until, proof) = query.strip_prefix("until=")?.split_once("&proof=")?;
        let right = self.proof(key, until);
        let is_ours: bool = right.as_bytes().ct_eq(proof.as_bytes()).into();
        let ends = UnixMillis(until.parse().ok()?);
        if !is_ours || ends <= now {
            return None;
        }
        BundleKey::parse(key).ok()
    }

    fn proof(&self, key: &str, until: &str) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice()).expect("any length");
        mac.update(b"cvm-link-v1\n");
        mac.update(key.as_bytes());
        mac.update(b"\n");
        mac.update(until.as_bytes());
        hex(&mac.finalize().into_bytes())
    }
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Links({})", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(key: u8) -> Links {
        Links::new(Zeroizing::new([key; 32]), "https://cvm.test".to_owned())
    }

    fn parts(link: &str) -> (String, String) {
        let rest = link.strip_prefix("https://cvm.test").unwrap();
        let (path, query) = rest.split_once('?').unwrap();
        (path.to_owned(), query.to_owned())
    }

    #[test]
    fn a_link_leads_to_its_bundle_until_it_ends() {
        let key = BundleKey::parse("b/r/o/c").unwrap();
        let (path, query) = parts(&links(1).sign(&key, UnixMillis(1000)));
        assert_eq!(links(1).follow(&path, &query, UnixMillis(999)), Some(key));
        assert_eq!(links(1).follow(&path, &query, UnixMillis(1000)), None);
        assert_eq!(
            links(2).follow(&path, &query, UnixMillis(999)),
            None,
            "another key"
        );
    }

    #[test]
    fn nothing_of_a_link_can_be_changed() {
        let key = BundleKey::parse("b/r/o/c").unwrap();
        let (path, query) = parts(&links(1).sign(&key, UnixMillis(1000)));
        let later = query.replace("until=1000", "until=9999");
        let other = path.replace("b/r", "b/s");
        let joined = format!("{path}\n1");
        for (path, query) in [
            (&path, &later),
            (&other, &query),
            (&joined, &query),
            (&path, &format!("{query}0")),
            (&path, &query[..query.len() - 1].to_owned()),
            (&path, &String::new()),
        ] {
            assert_eq!(
                links(1).follow(path, query, UnixMillis(1)),
                None,
                "{path}?{query}"
            );
        }
    }
}
