//! New devices out of nothing: serial numbers in a row and secrets of 32 random bytes, in a file for the factory.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufWriter;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Random;
use zeroize::Zeroizing;

/// Which devices to make.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// How their serial numbers begin.
    pub(super) prefix: String,
    /// The number of the first.
    pub(super) first: u64,
    /// How many.
    pub(super) count: u64,
}

impl Series {
    /// The numbers have as many digits as the last one, so that they stand in order.
    fn serials(&self) -> impl Iterator<Item = Result<SerialNumber, Malformed>> + '_ {
        let last = self.first.saturating_add(self.count.saturating_sub(1));
        let digits = last.to_string().len().max(6);
        let numbers = (self.first..=last).take(usize::try_from(self.count).unwrap_or(usize::MAX));
        numbers.map(move |number| SerialNumber::parse(format!("{}{number:0digits$}", self.prefix)))
    }

    /// Writes the file: once, for its owner alone, and on the disk before anything else is done, for nothing else will
    /// ever have these secrets.
    pub(super) fn write(&self, path: &Path, random: &impl Random) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let written = self.rows(&file, random).and_then(|()| file.sync_all());
        if written.is_err() {
            // Half a file must not be taken for a whole one; no device has these secrets yet.
            std::fs::remove_file(path)?;
        }
        written
    }

    fn rows(&self, file: &File, random: &impl Random) -> io::Result<()> {
        let mut file = BufWriter::new(file);
        file.write_all(b"productid,secret,thingName,policyName\n")?;
        for serial in self.serials() {
            let serial = serial.map_err(io::Error::other)?;
            let bytes = Zeroizing::new(random.key());
            let secret = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice()));
            file.write_all(serial.as_str().as_bytes())?;
            file.write_all(b",")?;
            file.write_all(secret.as_bytes())?;
            file.write_all(b",,\n")?;
        }
        file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use cvm_aws::system::SystemRandom;
    use cvm_shared::secret::DeviceToken;

    use super::*;

    fn series(prefix: &str, first: u64, count: u64) -> Series {
        Series {
            prefix: prefix.to_owned(),
            first,
            count,
        }
    }

    #[test]
    fn every_device_has_a_number_and_a_secret_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("factory.csv");
        series("SN-", 9, 3).write(&path, &SystemRandom).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().map(|row| row.split(',').collect()).collect();
        let serials: Vec<&str> = rows.iter().skip(1).map(|row| row[0]).collect();
        assert_eq!(serials, ["SN-000009", "SN-000010", "SN-000011"]);
        for row in rows.iter().skip(1) {
            let token = DeviceToken::parse(row[1]).unwrap();
            assert_eq!(token.secret_bytes().len(), 32);
        }
        assert_ne!(rows[1][1], rows[2][1]);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_file_is_never_overwritten_and_never_half_written() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("factory.csv");
        assert!(series("S N", 1, 1).write(&path, &SystemRandom).is_err());
        assert!(!path.exists());
        fs::write(&path, "secrets").unwrap();
        assert!(series("SN-", 1, 1).write(&path, &SystemRandom).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "secrets");
    }

    #[test]
    fn numbers_of_any_size_are_in_order() {
        let serials: Vec<_> = series("", 999_999, 2)
            .serials()
            .map(Result::unwrap)
            .collect();
        assert_eq!(serials[0].as_str(), "0999999");
        assert_eq!(serials[1].as_str(), "1000000");
        assert_eq!(series("", 1, 0).serials().count(), 0);
    }
}
