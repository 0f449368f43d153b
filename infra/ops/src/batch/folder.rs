//! A folder of bundles: one file a device, for its owner's eyes alone, whole or not there.

use std::fs;
use std::fs::DirBuilder;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::path::PathBuf;

use cvm_shared::bundle::digest;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Vault;
use cvm_shared::record::Record;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::site::about_file;
use crate::trouble::Trouble;

/// Far more than a bundle has.
const BUNDLE_MAX: usize = 1 << 20;

/// A folder.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

/// What became of a device's bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It was fetched.
    Fetched,
    /// It was there, and is the right one.
    There,
    /// No bundle waits for this device.
    Nothing,
    /// The bundle is gone, though its row says that it waits.
    Gone,
    /// What was fetched is not what the row says.
    Wrong,
    /// Something else has the file's name.
    InTheWay,
}

impl Kept {
    /// Whether the folder has what it can have.
    pub(super) fn is_well(self) -> bool {
        match self {
            Self::Fetched | Self::There | Self::Nothing => true,
            Self::Gone | Self::Wrong | Self::InTheWay => false,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::There => "was there",
            Self::Nothing => "no bundle waits",
            Self::Gone => "the bundle is gone",
            Self::Wrong => "not the bundle that its row names: not kept",
            Self::InTheWay => "another file has its name: left as it is",
        }
    }
}

impl Folder {
    /// A folder, made for its owner alone if it is missing.
    pub(super) fn open(path: PathBuf) -> Result<Self, Trouble> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|error| about_file(&path, &error))?;
        Ok(Self(path))
    }

    /// Keeps the bundle that waits for this device, if one does.
    pub(super) async fn keep(&self, vault: &impl Vault, row: &Record) -> Result<Kept, Trouble> {
        let State::Vended {
            issued,
            delivery: Delivery::Waiting { .. },
            ..
        } = &row.state
        else {
            return Ok(Kept::Nothing);
        };
        let path = self.0.join(name(&row.serial));
        if let Some(kept) = there(&path, &issued.bundle.sha256)? {
            return Ok(kept);
        }
        let fetched = vault.fetch(&issued.bundle.key, BUNDLE_MAX).await;
        let bytes =
            fetched.map_err(|f| Trouble::calling(&format!("the bundle of {}", row.serial), &f))?;
        match bytes {
            None => Ok(Kept::Gone),
            Some(bytes) if digest(&bytes) != issued.bundle.sha256 => Ok(Kept::Wrong),
            Some(bytes) => self.write(&path, &bytes),
        }
    }

    /// Under another name first: a file with the right name is whole.
    fn write(&self, path: &Path, bytes: &Zeroizing<Vec<u8>>) -> Result<Kept, Trouble> {
        let written = || -> io::Result<NamedTempFile> {
            let mut file = NamedTempFile::new_in(&self.0)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        let file = written().map_err(|error| about_file(path, &error))?;
        match file.persist_noclobber(path) {
            Ok(_) => Ok(Kept::Fetched),
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(Kept::InTheWay)
            }
            Err(refused) => Err(about_file(path, &refused.error)),
        }
    }
}

/// A colon is no part of a file's name everywhere, and a dot is no part of a serial number: no two devices meet.
fn name(serial: &SerialNumber) -> String {
    format!("{}.json", serial.as_str().replace(':', "."))
}

/// What the file that is there already is, if one is.
fn there(path: &Path, sha256: &str) -> Result<Option<Kept>, Trouble> {
    let length = match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => return Ok(Some(Kept::InTheWay)),
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(about_file(path, &error)),
    };
    if length > BUNDLE_MAX as u64 {
        return Ok(Some(Kept::InTheWay));
    }
    let bytes = fs::read(path).map(Zeroizing::new);
    let bytes = bytes.map_err(|error| about_file(path, &error))?;
    let same = digest(&bytes) == sha256;
    Ok(Some(if same { Kept::There } else { Kept::InTheWay }))
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
