//! Secrets: types that cannot be printed, compared or serialised, and are wiped when dropped.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::ids::Malformed;

/// The longest device token, in characters.
pub const TOKEN_MAX: usize = 512;

/// The secret that a device was given at the factory, as it is sent in plain token mode.
#[derive(Clone, Debug)]
pub struct DeviceToken(SecretString);

impl DeviceToken {
    /// Takes 1 to 512 visible ASCII characters without quote, comma and backslash; a refusal never repeats them.
    pub fn parse(text: impl Into<SecretString>) -> Result<Self, Malformed> {
        let text = text.into();
        let length = text.expose_secret().len();
        if length == 0 || length > TOKEN_MAX {
            let rule = format!("must have 1 to {TOKEN_MAX} characters");
            return Err(Malformed::new("deviceToken", rule));
        }
        // Quotes, commas and backslashes would break out of the Authorization header's parameters.
        let fits = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b'\\');
        if !text.expose_secret().bytes().all(fits) {
            let rule = "may only hold visible ASCII characters other than \" , \\";
            return Err(Malformed::new("deviceToken", rule));
        }
        Ok(Self(text))
    }

    /// The secret's bytes: a 43-character base64url text stands for its 32 bytes, as the request
    /// proof scheme has it; any other token (the seed's) stands for its own characters.
    pub fn secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        let text = self.0.expose_secret();
        let decoded = (text.len() == 43)
            .then(|| BASE64_URL_SAFE_NO_PAD.decode(text).ok())
            .flatten();
        Zeroizing::new(decoded.unwrap_or_else(|| text.as_bytes().to_vec()))
    }

    /// The most bits that guessing this secret can take, judged by its looks and rounded down.
    ///
    /// An upper bound: every character is worth what one drawn at random from its alphabet would be,
    /// but ascending, descending and repeated stretches are worth no more than their description.
    /// Names and words still look better than they are; of random secrets, one in ten thousand has
    /// such a stretch by chance and loses a few bits.
    pub fn strength_bits(&self) -> u32 {
        let text = self.0.expose_secret().as_bytes();
        let each = f64::from(alphabet(text)).log2();
        let (mut bits, mut at) = (0.0, 0);
        while at < text.len() {
            let length = stretch(text, at);
            let literal = (0..length).map(|_| each).sum::<f64>();
            let told = literal > STRETCH_BITS;
            bits += if told { STRETCH_BITS } else { each };
            at += if told { length } else { 1 };
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most 512 characters of less than 7 bits"
        )]
        let whole = bits as u32;
        whole
    }

    /// The token in clear, for the one place that sends it: the device's request.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// What it takes to describe a stretch among the 512 characters that a token may have: 9 bits for
/// where it begins or what it repeats, 9 for its length, 2 for its kind.
const STRETCH_BITS: f64 = 20.0;

/// The signs that a token may hold besides letters and digits.
const SIGNS: u32 = 29;

/// How many characters each one of the text was drawn from, as it looks.
fn alphabet(text: &[u8]) -> u32 {
    let any = |is: fn(&u8) -> bool| text.iter().any(is);
    let (lower, upper) = (any(u8::is_ascii_lowercase), any(u8::is_ascii_uppercase));
    let beyond_hex = any(|b| b.is_ascii_alphabetic() && !b.is_ascii_hexdigit());
    let signs = distinct_signs(text);
    match (lower, upper) {
        // Numbers and hex come in groups: a separator is one more digit, not a sign of a rich alphabet.
        (false, false) if any(u8::is_ascii_digit) => 10 + signs,
        (true, false) | (false, true) if !beyond_hex => 16 + signs,
        _ => {
            let letters = 26 * u32::from(lower) + 26 * u32::from(upper);
            let digits = 10 * u32::from(any(u8::is_ascii_digit));
            letters + digits + SIGNS * u32::from(signs > 0)
        }
    }
}

fn distinct_signs(text: &[u8]) -> u32 {
    let is_there = |sign: &u8| sign.is_ascii_punctuation() && text.contains(sign);
    (b'!'..=b'~').filter(is_there).map(|_| 1).sum()
}

/// How far the text from here on ascends, descends, stays, or repeats what stood before; at least 1.
fn stretch(text: &[u8], at: usize) -> usize {
    let (before, rest) = text.split_at(at);
    let along = |step: i16| {
        let follows = |pair: &&[u8]| i16::from(pair[1]) - i16::from(pair[0]) == step;
        rest.windows(2).take_while(follows).count() + 1
    };
    let same = |from: usize| {
        let earlier = text.iter().skip(from);
        earlier.zip(rest).take_while(|(a, b)| a == b).count()
    };
    let repeated = (0..before.len()).map(same);
    [-1, 0, 1]
        .map(along)
        .into_iter()
        .chain(repeated)
        .max()
        .unwrap_or(1)
}

impl<'de> Deserialize<'de> for DeviceToken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(text).map_err(serde::de::Error::custom)
    }
}

/// A private key in PEM form, on its way from its maker to the staged bundle.
#[derive(Clone)]
pub struct PrivateKeyPem(Zeroizing<String>);

impl PrivateKeyPem {
    /// Takes the key over; the caller keeps no copy.
    pub fn new(pem: String) -> Self {
        Self(Zeroizing::new(pem))
    }

    /// The key in clear, for the bundle and the key match.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PrivateKeyPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKeyPem([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex;

    #[test]
    fn secrets_do_not_print() {
        let token = DeviceToken::parse("hunter2-hunter2").unwrap();
        let key = PrivateKeyPem::new("hunter2".to_owned());
        let printed = format!("{token:?} {key:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn a_refused_token_is_not_repeated() {
        for bad in [
            String::new(),
            "hunter2\n".to_owned(),
            "hunter2,".to_owned(),
            "hunter2\"".to_owned(),
            "hunter2\\".to_owned(),
            "h".repeat(513),
        ] {
            let refusal = DeviceToken::parse(bad).unwrap_err().to_string();
            assert!(refusal.starts_with("deviceToken: "), "{refusal}");
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }

    #[test]
    fn only_canonical_base64url_of_32_bytes_is_decoded() {
        let bytes = |text: &str| DeviceToken::parse(text).unwrap().secret_bytes().to_vec();
        let vector = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        assert_eq!(bytes(vector), (0..32).collect::<Vec<u8>>());
        // Not canonical: the last character carries bits beyond the 32nd byte.
        let crooked = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9";
        assert_eq!(bytes(crooked), crooked.as_bytes());
        assert_eq!(bytes("seed-token"), b"seed-token");
    }

    fn bits(text: &str) -> u32 {
        DeviceToken::parse(text).unwrap().strength_bits()
    }

    #[test]
    fn a_secret_is_worth_what_its_alphabet_and_length_can_hold() {
        for (text, most) in [
            ("7", 3),
            ("839201746582", 39),
            ("8392-0174-6582-9035", 65),
            ("9f86d081884c7d65", 64),
            ("9f86d081884c7d659a2feaa0c55ad015", 128),
            ("9F86D081884C7D659A2FEAA0C55AD015", 128),
            ("24:6F:28:AE:C1:90", 69),
            ("qzmvxkwjtbpr", 56),
            ("mQ7vK2xR9dLw4TzN8cYbE3", 130),
            ("mQ7vK2xR9dLw4TzN8c", 107),
            ("correct-horse-battery", 121),
            ("!;$%&/()=?", 48),
        ] {
            assert_eq!(bits(text), most, "{text}");
        }
    }

    #[test]
    fn ascending_descending_and_repeated_text_is_worth_its_description() {
        for (text, most) in [
            ("0123456789abcdef", 40),
            ("zyxwvutsrqponmlkjihgfedcba", 20),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 20),
            ("hunter2-hunter2-hunter2", 68),
            ("1234567890123456789012345678901234567890", 60),
        ] {
            assert_eq!(bits(text), most, "{text}");
        }
        // Too short to be more than chance.
        assert_eq!(bits("9f86d0123d081884"), 64);
    }

    #[test]
    fn what_machines_draw_at_random_is_strong() {
        // 32 bytes in base64url, 16 in hex; both with chance repetitions.
        assert!(bits("3q2-7wAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaE") >= 112);
        let mut state = 1_u64;
        for _ in 0..2_000 {
            let drawn: [u8; 16] = std::array::from_fn(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                state.to_be_bytes()[0]
            });
            let secret = hex(&drawn);
            assert!(bits(&secret) >= 112, "{secret}");
        }
    }
}
