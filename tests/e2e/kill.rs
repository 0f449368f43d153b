//! Workers killed -9 in the middle of their work, in an emulator of their own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cvm_shared::state::State;
use cvm_testkit::sample;

use crate::lab::Lab;
use crate::lab::until;

/// How many devices lose their worker.
const DEVICES: usize = 4;

/// Short enough that a message of a dead worker comes back within the test's time.
const IMPATIENT: [(&str, &str); 5] = [
    ("WorkerTimeoutSeconds", "10"),
    ("VisibilityTimeoutSeconds", "60"),
    ("LeaseSeconds", "15"),
    ("IotCallsPerSecond", "50"),
    ("PollAfterSeconds", "1"),
];

pub(crate) async fn a_worker_killed_in_the_middle_loses_nothing() {
    let lab = Lab::with(&IMPATIENT).await;
    let names: Vec<String> = (0..DEVICES).map(|n| format!("E2E-killed-{n}")).collect();
    for name in &names {
        lab.put(&lab.device(name)).await;
        lab.submit(name, sample::TOKEN, Some(&sample::csr_pem_of(name)))
            .await
            .error_for_status()
            .unwrap();
        kill_at_work(&lab, name).await;
    }
    let mut claims = 0;
    for name in &names {
        claims += lab.vended(name, Duration::from_mins(3)).await.epoch.0;
        lab.assert_one_certificate(name).await;
    }
    assert!(
        claims > DEVICES as u64,
        "no worker was killed between its claim and its end"
    );
    assert_eq!(lab.active().await.len(), DEVICES, "nothing else is ACTIVE");
    Lab::stop(Arc::new(lab)).await;
}

/// Kills the workers as soon as this device's row is claimed. The worker may be quicker than us: then
/// the next device has its turn, and the epochs tell that at least one was struck in the middle.
async fn kill_at_work(lab: &Lab, name: &str) {
    let caught = until(Duration::from_mins(1), async || {
        match lab.row(name).await.state {
            State::Issuing { .. } => Some(true),
            State::Vended { .. } => Some(false),
            State::Disabled
            | State::Registered
            | State::Requested { .. }
            | State::Failed { .. } => None,
        }
    });
    assert!(caught.await.is_some(), "{name} was never worked on");
    let struck = kill_workers(lab).await;
    assert!(struck > 0, "no worker to kill");
}

/// Kills every process of this lab's worker, and of no other lab's: the emulator tells name and
/// endpoint in their environment.
async fn kill_workers(lab: &Lab) -> usize {
    let function = &lab.site.outputs.worker_function;
    let marks = [
        format!("AWS_LAMBDA_FUNCTION_NAME={function}\0"),
        format!("AWS_ENDPOINT_URL={}\0", lab.site.emulator.endpoint()),
    ];
    let mut struck = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned() + "\0";
        let is_ours = marks.iter().all(|mark| environment.contains(mark));
        if is_ours && is_bootstrap(&entry.path()) {
            let pid = entry.file_name().into_string().unwrap();
            let killed = tokio::process::Command::new("kill")
                .args(["-9", &pid])
                .status()
                .await;
            struck += usize::from(killed.unwrap().success());
        }
    }
    struck
}

fn is_bootstrap(process: &Path) -> bool {
    let program = std::fs::read_link(process.join("exe")).unwrap_or_default();
    program.file_name().is_some_and(|name| name == "bootstrap")
}
