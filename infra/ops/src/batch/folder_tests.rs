//! Bundles that are fetched, are there, are wrong, or are in each other's way.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::request::KeySource;

use super::*;
use crate::batch::sample::NOW;
use crate::batch::sample::device;
use crate::batch::sample::vended;

/// A vault with one bundle, or none.
struct Safe(Option<&'static [u8]>);

impl Vault for Safe {
    async fn stage(&self, _: &BundleKey, _: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        Err(Failure::OutOfTime)
    }

    async fn holds(&self, _: &BundleKey) -> Result<bool, Failure> {
        Ok(self.0.is_some())
    }

    async fn fetch(&self, _: &BundleKey, _: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        Ok(self.0.map(|bytes| Zeroizing::new(bytes.to_vec())))
    }

    async fn presign(&self, _: &BundleKey, _: Duration) -> Result<String, Failure> {
        Err(Failure::OutOfTime)
    }

    async fn shred(&self, _: &BundleKey) -> Result<(), Failure> {
        Err(Failure::OutOfTime)
    }
}

const BUNDLE: &[u8] = b"{\"v\":1}";

fn row(delivery: Delivery) -> Record {
    let mut row = vended(&KeySource::Service, delivery);
    row.serial = SerialNumber::parse("AA:BB").unwrap();
    if let State::Vended { issued, .. } = &mut row.state {
        issued.bundle.sha256 = digest(BUNDLE);
    }
    row
}

fn waiting() -> Record {
    row(Delivery::Waiting { until: NOW })
}

#[tokio::test]
async fn a_bundle_is_fetched_once_for_its_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    let folder = Folder::open(home.path().join("new/bundles")).unwrap();
    let keep = async |safe| folder.keep(&Safe(safe), &waiting()).await.unwrap();
    assert_eq!(keep(Some(BUNDLE)).await, Kept::Fetched);
    let path = home.path().join("new/bundles/AA.BB.json");
    assert_eq!(fs::read(&path).unwrap(), BUNDLE);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(keep(None).await, Kept::There, "nothing is fetched again");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_is_not_right_is_not_kept_and_what_is_there_stays() {
    let home = tempfile::tempdir().unwrap();
    let folder = Folder::open(home.path().to_owned()).unwrap();
    let keep = async |safe| folder.keep(&Safe(safe), &waiting()).await.unwrap();
    assert_eq!(keep(Some(b"other")).await, Kept::Wrong);
    assert_eq!(keep(None).await, Kept::Gone);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    let path = home.path().join("AA.BB.json");
    fs::write(&path, "mine").unwrap();
    assert_eq!(keep(Some(BUNDLE)).await, Kept::InTheWay);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    assert_eq!(keep(Some(BUNDLE)).await, Kept::InTheWay);
}

#[tokio::test]
async fn only_what_waits_is_fetched() {
    let home = tempfile::tempdir().unwrap();
    let folder = Folder::open(home.path().to_owned()).unwrap();
    for row in [
        device(),
        row(Delivery::Confirmed { at: NOW }),
        row(Delivery::Expired { at: NOW }),
    ] {
        let kept = folder.keep(&Safe(Some(BUNDLE)), &row).await.unwrap();
        assert_eq!(kept, Kept::Nothing);
    }
}
