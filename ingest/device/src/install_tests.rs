//! The install directory: permissions, order, and what is found after a cut between any two steps.

use super::*;

fn serial() -> SerialNumber {
    SerialNumber::parse("SN-1").unwrap()
}

fn pending(request_id: Option<RequestId>) -> Pending {
    Pending {
        serial_number: serial(),
        key_mode: KeyMode::Csr,
        request_id,
    }
}

fn installation() -> Installation {
    Installation {
        device: Device {
            serial_number: serial(),
            thing_name: ThingName::parse("SN-1").unwrap(),
            certificate_id: CertificateId::parse("a".repeat(64)).unwrap(),
            endpoint: "iot.example".to_owned(),
            key_mode: KeyMode::Csr,
        },
        request_id: RequestId::parse("0".repeat(32)).unwrap(),
        certificate_pem: "CERTIFICATE\n".to_owned(),
        private_key: PrivateKeyPem::new("KEY\n".to_owned()),
        ca_pem: "CA\n".to_owned(),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("new/device");
    (temp, path)
}

#[test]
fn keys_are_for_their_owner_alone() {
    let (_temp, path) = fresh();
    let dir = InstallDir::open(&path).unwrap();
    let what = installation();
    dir.save_pending_key(&what.private_key).unwrap();
    dir.install(&what).unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("pending.key")), 0o600);
    assert_eq!(mode(&path.join("private.key")), 0o600);
    assert_eq!(mode(&path.join("certificate.pem")), 0o644);
}

#[test]
fn what_was_installed_reads_back_and_nothing_else_is_left() {
    let (_temp, path) = fresh();
    let dir = InstallDir::open(&path).unwrap();
    let what = installation();
    dir.save_pending_key(&what.private_key).unwrap();
    dir.save_pending(&pending(None)).unwrap();
    dir.install(&what).unwrap();
    dir.finish().unwrap();
    assert_eq!(dir.device().unwrap().unwrap(), what.device);
    assert_eq!(read_device(&path).unwrap().unwrap(), what.device);
    let mut names: Vec<String> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        ".lock",
        "ca.pem",
        "certificate.pem",
        "device.json",
        "private.key",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_cut_after_any_step_of_the_install_is_no_complete_install() {
    for steps in 0..INSTALL_STEPS {
        let (_temp, path) = fresh();
        let dir = InstallDir::open(&path).unwrap();
        let what = installation();
        dir.save_pending_key(&what.private_key).unwrap();
        dir.save_pending(&pending(None)).unwrap();
        for step in 0..steps {
            dir.install_step(&what, step).unwrap();
        }
        drop(dir);
        let dir = InstallDir::open(&path).unwrap();
        assert_eq!(dir.device().unwrap(), None, "after {steps} steps");
        assert!(dir.pending().unwrap().is_some(), "after {steps} steps");
        assert!(dir.pending_key().unwrap().is_some(), "after {steps} steps");
        dir.install(&what).unwrap();
        let found = dir.pending().unwrap().unwrap();
        assert_eq!(found.request_id, Some(what.request_id));
        assert!(dir.device().unwrap().is_some());
    }
}

#[test]
fn a_cut_while_finishing_still_says_what_to_confirm() {
    let (_temp, path) = fresh();
    let dir = InstallDir::open(&path).unwrap();
    let what = installation();
    dir.save_pending_key(&what.private_key).unwrap();
    dir.install(&what).unwrap();
    remove(&path.join(PENDING_KEY_FILE)).unwrap();
    let found = dir.pending().unwrap().unwrap();
    assert_eq!(found.request_id, Some(what.request_id));
    dir.finish().unwrap();
    dir.finish().unwrap();
    assert_eq!(dir.pending().unwrap(), None);
}

#[test]
fn half_a_file_of_a_killed_run_is_removed() {
    let (_temp, path) = fresh();
    drop(InstallDir::open(&path).unwrap());
    let half = path.join(".cvm-AbCdEf");
    fs::write(&half, "half a key").unwrap();
    let dir = InstallDir::open(&path).unwrap();
    assert!(!half.exists());
    assert_eq!(dir.path(), path);
}

#[test]
fn two_runs_do_not_share_a_directory() {
    let (_temp, path) = fresh();
    let first = InstallDir::open(&path).unwrap();
    let refused = InstallDir::open(&path).unwrap_err();
    assert_eq!(refused.exit_code(), 3);
    drop(first);
    assert!(InstallDir::open(&path).is_ok());
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let (_temp, path) = fresh();
    fs::create_dir_all(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o770)).unwrap();
    let refused = InstallDir::open(&path).unwrap_err();
    assert_eq!(refused.exit_code(), 2);
    assert_eq!(mode(&path), 0o770);
}

#[test]
fn a_broken_file_is_named() {
    let (_temp, path) = fresh();
    let dir = InstallDir::open(&path).unwrap();
    fs::write(path.join(DEVICE_FILE), "{").unwrap();
    let error = dir.device().unwrap_err().to_string();
    assert!(error.contains("device.json: "), "{error}");
}
