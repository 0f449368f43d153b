//! How a device shows who it is: by its secret, or by a proof that it knows its secret.
//!
//! A proof is good for one request at one moment. The moment is the device's own, or, where it has no
//! clock or the server does not believe it, a nonce that the server gave ([`cvm_shared::proof`]).

use std::str::FromStr;
use std::sync::Mutex;
use std::sync::PoisonError;

use cvm_shared::api::TOKEN_SCHEME;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::proof::Call;
use cvm_shared::proof::Canonical;
use cvm_shared::proof::Prover;
use cvm_shared::proof::RequestNonce;
use cvm_shared::proof::Stamp;
use cvm_shared::secret::DeviceToken;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::vend::Clock;

/// How a device shows who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// It sends its secret.
    #[default]
    Token,
    /// It proves by its own clock that it knows its secret; by a server's nonce if the server finds
    /// that clock wrong.
    Proof,
    /// It proves by a server's nonce that it knows its secret: it has no clock.
    Nonce,
}

impl Auth {
    /// The names by which people choose.
    pub const NAMES: [&'static str; 3] = ["proof", "nonce", "token"];
}

impl FromStr for Auth {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "token" => Ok(Self::Token),
            "proof" => Ok(Self::Proof),
            "nonce" => Ok(Self::Nonce),
            _ => Err(Malformed::new("auth", "must be proof, nonce or token")),
        }
    }
}

/// 16 bytes that were never used before.
pub(crate) type Random = fn() -> [u8; 16];

/// What makes a proof good for one request at one moment.
pub(crate) struct Ticket {
    pub(crate) stamp: Stamp,
    pub(crate) nonce: RequestNonce,
}

/// One device's way to log in.
pub(crate) struct Login<'a> {
    auth: Auth,
    token: DeviceToken,
    prover: Prover,
    clock: &'a Clock<'a>,
    random: Random,
    nonces: Mutex<Nonces>,
}

/// What the server's nonces are needed for, and the one that is at hand.
struct Nonces {
    needed: bool,
    at_hand: Option<RequestNonce>,
}

impl<'a> Login<'a> {
    pub(crate) fn new(
        auth: Auth,
        serial: SerialNumber,
        token: DeviceToken,
        clock: &'a Clock<'a>,
        random: Random,
    ) -> Self {
        let nonces = Nonces {
            needed: auth == Auth::Nonce,
            at_hand: None,
        };
        Self {
            auth,
            prover: Prover::new(serial, &token),
            token,
            clock,
            random,
            nonces: Mutex::new(nonces),
        }
    }

    /// Whether requests are proven, and answers must be.
    pub(crate) fn proves(&self) -> bool {
        self.auth != Auth::Token
    }

    pub(crate) fn serial(&self) -> &SerialNumber {
        self.prover.serial()
    }

    pub(crate) fn token(&self) -> &DeviceToken {
        &self.token
    }

    /// The key that this device's bundles are sealed under.
    pub(crate) fn server_key(&self) -> &[u8; 32] {
        self.prover.server_key()
    }

    /// A ticket for the next request, or none if a nonce must be asked for first.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        let mut nonces = self.nonces();
        let (stamp, nonce) = if nonces.needed {
            (Stamp::NoClock, nonces.at_hand.take()?)
        } else {
            let now = Stamp::At((self.clock)().seconds());
            (now, RequestNonce::from_random((self.random)()))
        };
        Some(Ticket { stamp, nonce })
    }

    /// Keeps a nonce that the server gave; the last one lives longest.
    pub(crate) fn keep(&self, nonce: &str) {
        if let Ok(nonce) = RequestNonce::parse(nonce) {
            self.nonces().at_hand = Some(nonce);
        }
    }

    /// From now on the server's nonces are used; says whether one is at hand.
    pub(crate) fn distrust_clock(&self) -> bool {
        let mut nonces = self.nonces();
        nonces.needed = true;
        nonces.at_hand.is_some()
    }

    fn nonces(&self) -> std::sync::MutexGuard<'_, Nonces> {
        // Each write is one assignment: a panic beside it leaves nothing half done.
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The header that proves this call.
    pub(crate) fn authorize(&self, call: &Call<'_>) -> Result<HeaderValue, Error> {
        header(&self.prover.authorize(call))
    }

    /// `CVM1-TOKEN serial="...",token="..."`. The server reads the values as they stand; neither a
    /// serial number nor a token may hold what would end its value early ([`DeviceToken::parse`]).
    pub(crate) fn show_token(&self) -> Result<HeaderValue, Error> {
        let (serial, token) = (self.serial(), self.token.expose());
        let text = format!("{TOKEN_SCHEME} serial=\"{serial}\",token=\"{token}\"");
        header(&Zeroizing::new(text))
    }

    /// Whether this device's own server gave this answer.
    pub(crate) fn confirms(&self, text: &Canonical, status: u16, body: &[u8], shown: &str) -> bool {
        self.prover.confirms(text, status, body, shown)
    }
}

fn header(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::Config("the secret does not fit into a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use cvm_shared::time::UnixMillis;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_767_225_600_000);
    const NONCE: &str = "AQAAAABpVbosEBESExQVFhcYGRobHB0eH-bAhj9AKZ72DBy8su8y3Ms";

    fn login(auth: Auth) -> Login<'static> {
        let serial = SerialNumber::parse("SN-1").unwrap();
        let token = DeviceToken::parse("hunter=2").unwrap();
        Login::new(auth, serial, token, &|| NOW, || [7; 16])
    }

    #[test]
    fn the_header_holds_the_token_as_it_stands_and_does_not_print() {
        let header = login(Auth::Token).show_token().unwrap();
        let expected: &[u8] = br#"CVM1-TOKEN serial="SN-1",token="hunter=2""#;
        assert_eq!(header.as_bytes(), expected);
        assert!(!format!("{header:?}").contains("hunter"));
    }

    #[test]
    fn a_clock_needs_no_nonce_of_the_server_until_it_is_found_wrong() {
        let login = login(Auth::Proof);
        assert_eq!(login.ticket().unwrap().stamp, Stamp::At(NOW.seconds()));
        assert!(!login.distrust_clock());
        assert!(login.ticket().is_none());
        login.keep(NONCE);
        assert!(login.distrust_clock());
        let ticket = login.ticket().unwrap();
        assert_eq!(
            (ticket.stamp, ticket.nonce.as_str()),
            (Stamp::NoClock, NONCE)
        );
        assert!(login.ticket().is_none(), "a nonce is good once");
    }

    #[test]
    fn what_is_no_nonce_is_not_kept() {
        let login = login(Auth::Nonce);
        login.keep("short");
        login.keep("AAAAAAAAAAAAAAAAAAAAAA\",x=\"");
        assert!(login.ticket().is_none());
    }

    #[test]
    fn each_way_has_its_name() {
        for name in Auth::NAMES {
            assert!(name.parse::<Auth>().is_ok());
        }
        assert!("Token".parse::<Auth>().is_err());
    }
}
