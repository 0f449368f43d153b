//! What may happen only once: used nonces, public keys, and the keys that all servers share.
//!
//! Each is one INSERT under a primary key, so it is decided by the table which of two came first.

use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::nonce::NonceKey;
use cvm_shared::operate::moving::Bound;
use cvm_shared::operate::moving::Keys;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Random;
use cvm_shared::row::corrupt;
use cvm_shared::time::UnixMillis;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::classify::is_duplicate;
use crate::database::Database;
use crate::database::signed;
use crate::database::told;

const INSERT: &str =
    "INSERT INTO cvm_guard (`guard`, `productid`, `secret`, `forgetAt`) VALUES (?, ?, ?, ?)";
const NONCES: &str = "secret#nonce";
pub(crate) const LINKS: &str = "secret#links";

/// How many rows that may be forgotten go at once: a short lock each time.
const SWEPT_AT_ONCE: u64 = 1000;

/// The guard's table.
#[derive(Debug)]
pub struct MySqlGuard<N> {
    database: Database,
    random: N,
    /// Read or made once in a process.
    nonce_key: OnceCell<NonceKey>,
}

impl<N: Random> MySqlGuard<N> {
    /// The guard in this database; `random` makes the servers' keys, if nobody has before.
    pub fn new(database: Database, random: N) -> Self {
        Self {
            database,
            random,
            nonce_key: OnceCell::new(),
        }
    }

    /// A key that all servers of this database have, made by whoever asks first.
    pub(crate) async fn shared_key(&self, name: &str) -> Result<Zeroizing<[u8; 32]>, Failure> {
        if let Some(key) = self.secret(name).await? {
            return Ok(key);
        }
        let fresh = Zeroizing::new(self.random.key());
        self.insert(name, None, Some(fresh.as_slice()), None)
            .await?;
        // If somebody was faster, or it was we and the answer was lost: what is there counts.
        self.secret(name).await?.ok_or_else(|| corrupt("secret"))
    }

    async fn secret(&self, name: &str) -> Result<Option<Zeroizing<[u8; 32]>>, Failure> {
        let text = "SELECT `secret` FROM cvm_guard WHERE `guard` = ?";
        let found = sqlx::query_scalar::<_, Option<Vec<u8>>>(text).bind(name);
        let found = found.fetch_optional(self.database.pool()).await;
        let Some(bytes) = found.map_err(told)? else {
            return Ok(None);
        };
        let bytes = Zeroizing::new(bytes.unwrap_or_default());
        let key = <[u8; 32]>::try_from(bytes.as_slice());
        key.map(|key| Some(Zeroizing::new(key)))
            .map_err(|_| corrupt("secret"))
    }

    /// Whether nobody had inserted it before.
    async fn insert(
        &self,
        name: &str,
        serial: Option<&SerialNumber>,
        secret: Option<&[u8]>,
        forget_at: Option<i64>,
    ) -> Result<bool, Failure> {
        let inserted = self.database.settled(|| async {
            let query = sqlx::query(INSERT)
                .bind(name)
                .bind(serial.map(SerialNumber::as_str))
                .bind(secret)
                .bind(forget_at);
            query.execute(self.database.pool()).await
        });
        match inserted.await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(told(error)),
        }
    }

    /// The device that a key's row names.
    async fn owner(&self, name: &str) -> Result<Option<SerialNumber>, Failure> {
        let text = "SELECT `productid` FROM cvm_guard WHERE `guard` = ?";
        let found = sqlx::query_scalar::<_, Option<String>>(text).bind(name);
        let found = found.fetch_optional(self.database.pool()).await;
        let Some(owner) = found.map_err(told)? else {
            return Ok(None);
        };
        let owner = owner.and_then(|owner| SerialNumber::parse(owner).ok());
        owner.map(Some).ok_or_else(|| corrupt("productid"))
    }

    /// Forgets the nonces that may be forgotten; how many.
    pub async fn forget(&self, now: UnixMillis) -> Result<u64, Failure> {
        let text = "DELETE FROM cvm_guard WHERE `forgetAt` < ? LIMIT ?";
        let mut gone = 0;
        loop {
            let query = sqlx::query(text).bind(signed(now.seconds())?);
            let query = query.bind(SWEPT_AT_ONCE);
            let done = query.execute(self.database.pool()).await.map_err(told)?;
            gone += done.rows_affected();
            if done.rows_affected() < SWEPT_AT_ONCE {
                return Ok(gone);
            }
        }
    }
}

impl<N: Random> Guard for MySqlGuard<N> {
    async fn nonce_key(&self) -> Result<NonceKey, Failure> {
        let made = self.nonce_key.get_or_try_init(|| async {
            let key = self.shared_key(NONCES).await?;
            Ok::<_, Failure>(NonceKey::new(*key))
        });
        made.await.cloned()
    }

    /// One whose answer was lost counts as used: the device asks again with a fresh nonce, as after any refusal of one.
    async fn consume(&self, used: &str, forget_at: UnixMillis) -> Result<bool, Failure> {
        let forget_at = signed(forget_at.seconds())?;
        let name = format!("nonce#{used}");
        self.insert(&name, None, None, Some(forget_at)).await
    }

    async fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure> {
        let name = key_name(key);
        if self.insert(&name, Some(serial), None, None).await? {
            return Ok(true);
        }
        let owner = self.owner(&name).await?;
        Ok(owner.as_ref() == Some(serial))
    }
}

/// How a public key is named here: this, and its digest.
const KEYS: &str = "key#";

/// How many keys a page has.
const PAGE: u32 = 1000;

fn key_name(key: PublicKeyDigest) -> String {
    format!("{KEYS}{}", key.to_hex())
}

fn bound((name, serial): (String, Option<String>)) -> Result<Bound, Failure> {
    let hex = name.strip_prefix(KEYS);
    let key = hex.and_then(|hex| PublicKeyDigest::parse(hex).ok());
    let serial = serial.and_then(|serial| SerialNumber::parse(serial).ok());
    key.zip(serial).ok_or_else(|| corrupt("guard"))
}

impl<N: Random> Keys for MySqlGuard<N> {
    async fn bound(&self, after: Option<String>) -> Result<(Vec<Bound>, Option<String>), Failure> {
        // `$` comes after `#`.
        let text = "SELECT `guard`, `productid` FROM cvm_guard WHERE `guard` > ? AND `guard` < 'key$' \
             ORDER BY `guard` LIMIT ?";
        let query = sqlx::query_as::<_, (String, Option<String>)>(text);
        let query = query
            .bind(after.unwrap_or_else(|| KEYS.to_owned()))
            .bind(PAGE);
        let found = query.fetch_all(self.database.pool()).await.map_err(told)?;
        let is_full = found.len() == PAGE as usize;
        let last = found.last().map(|(name, _)| name.clone());
        let page = found.into_iter().map(bound).collect::<Result<_, _>>()?;
        Ok((page, last.filter(|_| is_full)))
    }

    async fn holder(&self, key: PublicKeyDigest) -> Result<Option<SerialNumber>, Failure> {
        self.owner(&key_name(key)).await
    }
}
