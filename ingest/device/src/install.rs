//! The install directory: what is on the disk, and in which order it gets there.
//!
//! `pending.key` and `pending.json` are there from before the first request until the confirmation;
//! `device.json` is there once the install is complete, for it is written last. Whatever a power
//! cut leaves, the two together say where to go on.

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::Permissions;
use std::fs::TryLockError;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use cvm_shared::ids::CertificateId;
use cvm_shared::ids::RequestId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::secret::PrivateKeyPem;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The private key.
pub const KEY_FILE: &str = "private.key";
/// The certificate.
pub const CERTIFICATE_FILE: &str = "certificate.pem";
/// The roots to trust.
pub const CA_FILE: &str = "ca.pem";
/// Who the device is; its presence says that the install is complete.
pub const DEVICE_FILE: &str = "device.json";
const PENDING_FILE: &str = "pending.json";
const PENDING_KEY_FILE: &str = "pending.key";
const LOCK_FILE: &str = ".lock";
const TEMP_PREFIX: &str = ".cvm-";

const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// Who makes the private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyMode {
    /// This device: the key never leaves it.
    Csr,
    /// AWS IoT: the key comes in the bundle.
    Keys,
}

/// A request that is not confirmed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// The device.
    pub serial_number: SerialNumber,
    /// Who makes the key.
    pub key_mode: KeyMode,
    /// The request whose bundle is installed, from the install on.
    pub request_id: Option<RequestId>,
}

/// Who the device is: the content of `device.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// The serial number.
    pub serial_number: SerialNumber,
    /// The Thing, and the MQTT client id.
    pub thing_name: ThingName,
    /// The certificate.
    pub certificate_id: CertificateId,
    /// The AWS IoT data endpoint (host name).
    pub endpoint: String,
    /// Who made the key.
    pub key_mode: KeyMode,
}

/// Everything that is installed.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Who the device is.
    pub device: Device,
    /// The request that this answers.
    pub request_id: RequestId,
    /// The certificate.
    pub certificate_pem: String,
    /// The private key.
    pub private_key: PrivateKeyPem,
    /// The roots to trust.
    pub ca_pem: String,
}

/// A directory that this process alone works in, for as long as the value lives.
#[derive(Debug)]
pub struct InstallDir {
    path: PathBuf,
    // Dropping the file gives the lock up, also when the process is killed.
    _lock: File,
}

impl InstallDir {
    /// Makes the directory if it is missing, and takes it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let made = builder.create(path);
        made.map_err(|error| Error::disk(path, error))?;
        check_access(path)?;
        let lock = lock(&path.join(LOCK_FILE))?;
        remove_leftovers(path)?;
        let path = path.to_owned();
        Ok(Self { path, _lock: lock })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The device, if its install is complete.
    pub fn device(&self) -> Result<Option<Device>, Error> {
        read_device(&self.path)
    }

    /// The request that is not confirmed yet.
    pub fn pending(&self) -> Result<Option<Pending>, Error> {
        read_json(&self.path.join(PENDING_FILE))
    }

    /// The key that an unfinished run made.
    pub fn pending_key(&self) -> Result<Option<PrivateKeyPem>, Error> {
        let text = read(&self.path.join(PENDING_KEY_FILE))?;
        Ok(text.map(PrivateKeyPem::new))
    }

    /// Keeps the key: before anything is asked for it, so that it is asked for once.
    pub fn save_pending_key(&self, key: &PrivateKeyPem) -> Result<(), Error> {
        self.write(PENDING_KEY_FILE, key.expose().as_bytes(), SECRET)
    }

    /// Keeps what is being asked for.
    pub fn save_pending(&self, pending: &Pending) -> Result<(), Error> {
        self.write_json(PENDING_FILE, pending)
    }

    /// Installs. What lies there is whole at every instant, and `device.json` comes last.
    pub fn install(&self, what: &Installation) -> Result<(), Error> {
        for step in 0..INSTALL_STEPS {
            self.install_step(what, step)?;
        }
        Ok(())
    }

    fn install_step(&self, what: &Installation, step: usize) -> Result<(), Error> {
        match step {
            0 => self.write(KEY_FILE, what.private_key.expose().as_bytes(), SECRET),
            1 => self.write(CERTIFICATE_FILE, what.certificate_pem.as_bytes(), PUBLIC),
            2 => self.write(CA_FILE, what.ca_pem.as_bytes(), PUBLIC),
            3 => self.save_pending(&Pending {
                serial_number: what.device.serial_number.clone(),
                key_mode: what.device.key_mode,
                request_id: Some(what.request_id.clone()),
            }),
            _ => self.write_json(DEVICE_FILE, &what.device),
        }
    }

    /// Forgets the request: it is confirmed. Its mark goes last, so that a cut repeats this.
    pub fn finish(&self) -> Result<(), Error> {
        remove(&self.path.join(PENDING_KEY_FILE))?;
        remove(&self.path.join(PENDING_FILE))?;
        sync(&self.path)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let path = self.path.join(name);
        let mut text =
            serde_json::to_vec_pretty(value).map_err(|error| Error::disk(&path, error.into()))?;
        text.push(b'\n');
        self.write(name, &text, PUBLIC)
    }

    /// Writes beside, then renames: the old content or the new one, nothing between.
    fn write(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), Error> {
        let path = self.path.join(name);
        let written = || -> io::Result<()> {
            let mut file = tempfile::Builder::new()
                .prefix(TEMP_PREFIX)
                .tempfile_in(&self.path)?;
            file.write_all(bytes)?;
            let permissions = Permissions::from_mode(mode);
            file.as_file().set_permissions(permissions)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        written().map_err(|error| Error::disk(&path, error))?;
        sync(&self.path)
    }
}

const INSTALL_STEPS: usize = 5;

/// The device that is installed in `dir`; needs no lock, for files are replaced whole.
pub fn read_device(dir: &Path) -> Result<Option<Device>, Error> {
    read_json(&dir.join(DEVICE_FILE))
}

/// Who may write to the directory may swap the key: only its owner may.
fn check_access(path: &Path) -> Result<(), Error> {
    let meta = fs::metadata(path).map_err(|error| Error::disk(path, error))?;
    if meta.permissions().mode() & 0o022 != 0 {
        let path = path.display();
        let rule = format!("{path} may be written by others: chmod go-w it, or name another --dir");
        return Err(Error::Config(rule));
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, Error> {
    let mut options = File::options();
    let opened = options.write(true).create(true).truncate(false).open(path);
    let file = opened.map_err(|error| Error::disk(path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::later("another run is at work in --dir")),
        Err(TryLockError::Error(error)) => Err(Error::disk(path, error)),
    }
}

/// A run that was killed may have left half a file, and that may be half a key.
fn remove_leftovers(dir: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(dir).map_err(|error| Error::disk(dir, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Error::disk(dir, error))?;
        if entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::disk(path, error)),
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    let value = serde_json::from_str(&text).map_err(|error| Error::disk(path, error.into()))?;
    Ok(Some(value))
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::disk(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A rename is on the disk once its directory is.
fn sync(dir: &Path) -> Result<(), Error> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|error| Error::disk(dir, error))
}

#[cfg(test)]
#[path = "install_tests.rs"]
mod tests;
