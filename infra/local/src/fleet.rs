//! The devices of a run: read from an import file or generated, and imported as an operator would.

use std::fmt::Write as _;
use std::path::Path;

use aws_sdk_dynamodb::Client as DynamoDb;
use cvm_aws::roster::DynamoRoster;
use cvm_device::auth::Auth;
use cvm_device::install::KeyMode;
use cvm_ops::import::End;
use cvm_ops::import::Options;
use cvm_ops::import::Progress;
use cvm_ops::import::Refusal;
use cvm_ops::import::Roster;
use cvm_ops::import::Summary;
use cvm_ops::import::import;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Random;
use cvm_shared::record::PolicyFrom;
use cvm_shared::secret::DeviceToken;
use serde::Deserialize;

use crate::emulator::Emulator;
use crate::error::Error;
use crate::outputs::StackOutputs;

const HEADER: &str = "productid,secret,thingName,policyName,thingType,thingGroup,attributes\n";

/// A device, with what it was given at the factory.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its serial number.
    pub serial: SerialNumber,
    /// Its secret.
    pub token: DeviceToken,
    /// Who makes its key. No column of the import says so, for it is the device's own choice:
    /// here every second row has AWS IoT make it.
    pub mode: KeyMode,
    /// How it shows who it is: a third of them each way.
    pub auth: Auth,
}

/// Devices and the file that an operator would import them from.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The file's content.
    pub csv: String,
    /// The devices in it, in its order.
    pub members: Vec<Member>,
}

#[derive(Deserialize)]
struct Row {
    productid: String,
    secret: String,
}

impl Fleet {
    /// The devices of an import file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let csv = std::fs::read_to_string(path).map_err(|error| Error::disk(path, error))?;
        Self::parse(csv).map_err(|cause| Error::Devices(format!("{}: {cause}", path.display())))
    }

    /// `count` devices with serial numbers that begin with `prefix`, and fresh secrets.
    pub fn generate(prefix: &str, count: usize, random: &impl Random) -> Result<Self, Error> {
        let mut csv = HEADER.to_owned();
        for number in 1..=count {
            let secret = format!("{:032x}", u128::from_be_bytes(random.bytes()));
            let attributes = format!("batch={}", number.div_ceil(10));
            let _never_fails = writeln!(csv, "{prefix}{number:05},{secret},,,,,{attributes}");
        }
        Self::parse(csv).map_err(Error::Devices)
    }

    fn parse(csv: String) -> Result<Self, String> {
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let rows = reader.deserialize().enumerate();
        let members = rows.map(|(index, row)| {
            let row: Row = row.map_err(|error| error.to_string())?;
            member(index, row).map_err(|refusal| format!("row {}: {refusal}", index + 1))
        });
        let members: Vec<Member> = members.collect::<Result<_, _>>()?;
        Ok(Self { csv, members })
    }

    /// Imports them as `cvmctl devices import` does, with the stack's device policy.
    pub async fn enroll(
        &self,
        emulator: &Emulator,
        outputs: &StackOutputs,
    ) -> Result<Summary, Error> {
        let policy = PolicyName::parse(outputs.device_policy.as_str());
        let policy = policy.map_err(|refusal| Error::Devices(refusal.to_string()))?;
        let client = DynamoDb::new(&emulator.sdk());
        let roster = DynamoRoster::new(client, outputs.table.clone());
        self.enroll_into(&roster, policy).await
    }

    /// The same into a table of any kind.
    pub async fn enroll_into(
        &self,
        roster: &impl Roster,
        policy: PolicyName,
    ) -> Result<Summary, Error> {
        let options = Options {
            default_policy: Some(PolicyFrom::Certificate(policy)),
            ..Options::default()
        };
        let told = Told::default();
        let imported = import(self.csv.as_bytes(), roster, &options, &told).await;
        let summary = imported.map_err(|error| Error::Devices(error.to_string()))?;
        told.judge(&summary)?;
        Ok(summary)
    }
}

fn member(index: usize, row: Row) -> Result<Member, String> {
    let serial = SerialNumber::parse(row.productid).map_err(|refusal| refusal.to_string())?;
    let token = DeviceToken::parse(row.secret).map_err(|refusal| refusal.to_string())?;
    let mode = match index % 2 {
        0 => KeyMode::Csr,
        _ => KeyMode::Keys,
    };
    let auth = match index / 2 % 3 {
        0 => Auth::Proof,
        1 => Auth::Nonce,
        _ => Auth::Token,
    };
    Ok(Member {
        serial,
        token,
        mode,
        auth,
    })
}

/// Remembers the first refusal.
#[derive(Default)]
struct Told(std::sync::OnceLock<String>);

impl Told {
    /// Every row must be in the table; a run with fewer devices proves less than it says.
    fn judge(&self, summary: &Summary) -> Result<(), Error> {
        let end = match &summary.end {
            End::Complete => None,
            End::Stopped => Some("it was stopped".to_owned()),
            End::Failed(failure) => Some(failure.to_string()),
            End::Unreadable(reason) => Some(reason.clone()),
        };
        match self.0.get().cloned().or(end) {
            Some(cause) => Err(Error::Devices(format!("the import failed: {cause}"))),
            None => Ok(()),
        }
    }
}

impl Progress for Told {
    fn refused(&self, refusal: &Refusal) {
        let _first = self
            .0
            .set(format!("line {}: {}", refusal.line, refusal.reason));
    }
    fn settled(&self, _: &Summary, _: u64) {}
    fn wants_stop(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cvm_aws::system::SystemRandom;
    use cvm_ops::import::DryRun;
    use cvm_ops::import::Silent;

    use super::*;

    fn devices_csv() -> Fleet {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("devices.csv");
        Fleet::read(&path).unwrap()
    }

    #[test]
    fn half_of_a_fleet_is_in_each_mode() {
        for fleet in [
            devices_csv(),
            Fleet::generate("SN-", 12, &SystemRandom).unwrap(),
        ] {
            let keys = fleet
                .members
                .iter()
                .filter(|member| member.mode == KeyMode::Keys);
            assert_eq!(keys.count() * 2, fleet.members.len());
        }
    }

    #[test]
    fn generated_devices_differ_in_serial_and_secret() {
        let fleet = Fleet::generate("SN-", 50, &SystemRandom).unwrap();
        let serials: BTreeSet<_> = fleet.members.iter().map(|member| &member.serial).collect();
        let secrets: BTreeSet<_> = fleet
            .members
            .iter()
            .map(|member| member.token.expose())
            .collect();
        assert_eq!((serials.len(), secrets.len()), (50, 50));
        assert_eq!(fleet.members[0].serial.as_str(), "SN-00001");
    }

    #[tokio::test]
    async fn the_import_takes_every_row() {
        let options = Options {
            default_policy: Some(PolicyFrom::Certificate(
                PolicyName::parse("device").unwrap(),
            )),
            ..Options::default()
        };
        for fleet in [
            devices_csv(),
            Fleet::generate("SN-", 3, &SystemRandom).unwrap(),
        ] {
            let imported = import(fleet.csv.as_bytes(), &DryRun, &options, &Silent).await;
            let summary = imported.unwrap();
            assert_eq!(summary.imported, fleet.members.len() as u64, "{summary:?}");
            assert_eq!(summary.refused(), 0);
        }
    }

    #[test]
    fn a_bad_row_is_told_by_its_number() {
        let refusal = Fleet::parse(format!("{HEADER}a b,secret,,,,,\n")).unwrap_err();
        assert!(refusal.starts_with("row 1: "), "{refusal}");
    }
}
