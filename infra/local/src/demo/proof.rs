//! That mutual TLS means something: who should not be let in is not.
//!
//! The emulator's broker lets a client without any certificate in, so that a connection alone
//! proves little. What it refuses proves that the certificate was looked at.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use cvm_device::Error;
use cvm_device::Vended;
use cvm_device::connect;
use cvm_device::install::CA_FILE;
use cvm_device::install::CERTIFICATE_FILE;
use cvm_device::install::DEVICE_FILE;
use cvm_device::install::Device;
use cvm_device::install::KEY_FILE;
use cvm_shared::ids::ThingName;

use crate::ground::Ground;
use crate::vending::Journey;
use crate::vending::broker;
use crate::vending::broker_name;

/// Whether the broker kept two impostors out.
#[derive(Debug)]
pub(crate) struct Proof {
    /// A vended certificate under another device's name.
    pub(crate) other_name: Verdict,
    /// The device's name on a certificate that nobody issued.
    pub(crate) forged: Verdict,
}

/// What became of an impostor.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Kept out; the broker's word.
    Refused(String),
    /// Let in.
    LetIn,
    /// It cannot be told.
    Unknown(String),
}

impl Verdict {
    /// Whether that is as it must be.
    pub(crate) fn is_refused(&self) -> bool {
        self.reason().is_some()
    }

    /// What the broker, or the connection it closed, said to whom it kept out.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused(why) => Some(why),
            Self::LetIn | Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(_) => f.write_str("refused"),
            Self::LetIn => f.write_str("LET IN"),
            Self::Unknown(why) => write!(f, "not known: {why}"),
        }
    }
}

/// Tries to get in as the first vended device, in two wrong ways and then in the right one: a
/// broker that is down refuses everybody.
pub(crate) async fn prove(ground: &Ground, journeys: &[Journey]) -> Proof {
    let mut vended = journeys
        .iter()
        .filter_map(|journey| journey.vended.as_ref().ok());
    let Some(victim) = vended.next() else {
        let unknown = || Verdict::Unknown("no device was vended".to_owned());
        return Proof {
            other_name: unknown(),
            forged: unknown(),
        };
    };
    let other = vended.next().map(|other| other.device.thing_name.clone());
    let proof = Proof {
        other_name: attempt(ground, victim, other_name(ground, victim, other)).await,
        forged: attempt(ground, victim, forged(ground, victim)).await,
    };
    match try_in(ground, victim, &victim.dir).await {
        Verdict::LetIn => proof,
        Verdict::Refused(why) | Verdict::Unknown(why) => Proof {
            other_name: Verdict::Unknown(why.clone()),
            forged: Verdict::Unknown(why),
        },
    }
}

async fn attempt(ground: &Ground, victim: &Vended, dir: Result<PathBuf, String>) -> Verdict {
    match dir {
        Ok(dir) => try_in(ground, victim, &dir).await,
        Err(why) => Verdict::Unknown(why),
    }
}

async fn try_in(ground: &Ground, victim: &Vended, dir: &Path) -> Verdict {
    let name = broker_name(&victim.device.endpoint);
    let config = broker(dir, name, ground.emulator.mqtt_port());
    match connect(&config).await {
        Ok(_) => Verdict::LetIn,
        Err(error @ (Error::Config(_) | Error::Disk { .. })) => Verdict::Unknown(error.to_string()),
        // The broker hangs up on whom it does not know, which looks like a failing network.
        Err(error) => Verdict::Refused(error.to_string()),
    }
}

/// An install directory with the victim's certificate and somebody else's name.
fn other_name(
    ground: &Ground,
    victim: &Vended,
    other: Option<ThingName>,
) -> Result<PathBuf, String> {
    let dir = impostor(ground, victim, "other-name")?;
    let somebody = || ThingName::parse("somebody-else").map_err(|refusal| refusal.to_string());
    let device = Device {
        thing_name: other.map_or_else(somebody, Ok)?,
        ..victim.device.clone()
    };
    let text = serde_json::to_vec(&device).map_err(|error| error.to_string())?;
    write(&dir, DEVICE_FILE, &text)?;
    Ok(dir)
}

/// An install directory with the victim's name on a certificate of our own making.
fn forged(ground: &Ground, victim: &Vended) -> Result<PathBuf, String> {
    let dir = impostor(ground, victim, "forged")?;
    let failed = |error: rcgen::Error| error.to_string();
    let name = victim.device.thing_name.as_str();
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let mut params = rcgen::CertificateParams::new(Vec::new()).map_err(failed)?;
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let certificate = params.self_signed(&key).map_err(failed)?;
    write(&dir, CERTIFICATE_FILE, certificate.pem().as_bytes())?;
    write(&dir, KEY_FILE, key.serialize_pem().as_bytes())?;
    Ok(dir)
}

/// A copy of the victim's install directory.
fn impostor(ground: &Ground, victim: &Vended, name: &str) -> Result<PathBuf, String> {
    let dir = ground.devices().join(name);
    std::fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    for file in [KEY_FILE, CERTIFICATE_FILE, CA_FILE, DEVICE_FILE] {
        let bytes = std::fs::read(victim.dir.join(file)).map_err(|error| error.to_string())?;
        write(&dir, file, &bytes)?;
    }
    Ok(dir)
}

fn write(dir: &Path, file: &str, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(dir.join(file), bytes).map_err(|error| error.to_string())
}
