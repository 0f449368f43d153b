//! Where a run starts: what the directory says that earlier runs did.

use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;

use crate::error::Error;
use crate::identity::Identity;
use crate::identity::Unusable;
use crate::install::Device;
use crate::install::InstallDir;
use crate::install::KeyMode;
use crate::install::Pending;
use crate::vend::VendConfig;

/// Where a run starts.
pub(crate) struct Plan {
    /// The directory, taken.
    pub(crate) dir: InstallDir,
    /// What is left to do there.
    pub(crate) left: Left,
}

/// What an earlier run left to do.
pub(crate) enum Left {
    /// All of it.
    Everything(Key),
    /// It is installed and not confirmed.
    Confirmation(Device, RequestId),
    /// It is installed and confirmed.
    Nothing(Device),
}

/// The key that is asked for.
pub(crate) enum Key {
    /// Ours.
    Own {
        /// The key.
        identity: Identity,
        /// The request that it signed.
        csr: String,
    },
    /// The one that comes in the bundle.
    Sent,
}

/// Takes the directory and finds out where to go on.
pub(crate) fn begin(config: &VendConfig) -> Result<Plan, Error> {
    let dir = InstallDir::open(&config.dir)?;
    let left = match (dir.device()?, dir.pending()?) {
        (Some(device), pending) => {
            check_serial(config, &device.serial_number)?;
            match pending.and_then(|pending| pending.request_id) {
                Some(id) => Left::Confirmation(device, id),
                None => Left::Nothing(device),
            }
        }
        (None, pending) => {
            check_pending(config, pending.as_ref())?;
            Left::Everything(prepare(&dir, config)?)
        }
    };
    Ok(Plan { dir, left })
}

fn check_serial(config: &VendConfig, found: &SerialNumber) -> Result<(), Error> {
    if *found == config.serial {
        return Ok(());
    }
    let dir = config.dir.display();
    let rule = format!("{dir} belongs to the device {found}: name another --dir");
    Err(Error::Config(rule))
}

/// The server holds the unfinished request and takes no other beside it.
fn check_pending(config: &VendConfig, pending: Option<&Pending>) -> Result<(), Error> {
    let Some(pending) = pending else {
        return Ok(());
    };
    check_serial(config, &pending.serial_number)?;
    let rule = match (pending.key_mode, config.key_mode) {
        (KeyMode::Csr, KeyMode::Keys) => "without --keys-mode",
        (KeyMode::Keys, KeyMode::Csr) => "with --keys-mode",
        (KeyMode::Csr, KeyMode::Csr) | (KeyMode::Keys, KeyMode::Keys) => return Ok(()),
    };
    let dir = config.dir.display();
    let rule = format!("the request in {dir} was begun {rule}: go on with it that way");
    Err(Error::Config(rule))
}

/// Puts the key on the disk before anything is sent: a later run asks for the same certificate.
fn prepare(dir: &InstallDir, config: &VendConfig) -> Result<Key, Error> {
    let key = match config.key_mode {
        KeyMode::Csr => own_key(dir, &config.serial)?,
        KeyMode::Keys => Key::Sent,
    };
    dir.save_pending(&Pending {
        serial_number: config.serial.clone(),
        key_mode: config.key_mode,
        request_id: None,
    })?;
    Ok(key)
}

fn own_key(dir: &InstallDir, serial: &SerialNumber) -> Result<Key, Error> {
    let unusable = |error: Unusable| Error::Config(format!("pending.key: {error}"));
    let identity = if let Some(pem) = dir.pending_key()? {
        Identity::from_pem(pem).map_err(unusable)?
    } else {
        let identity = Identity::generate().map_err(unusable)?;
        dir.save_pending_key(identity.private_key())?;
        identity
    };
    let csr = identity.csr(serial).map_err(unusable)?;
    Ok(Key::Own { identity, csr })
}
