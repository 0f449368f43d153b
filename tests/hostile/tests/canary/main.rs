//! I4: no secret and no private key anywhere but where it belongs, whatever goes wrong and whoever prints what.
//!
//! The real binaries live through whole lives of devices, all kinds of mischief and a failing AWS, at the highest
//! log level; then every secret is sought in all its shapes in everything they said, sent, got and left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod lives;
mod mischief;
mod play;
mod prints;
mod secrets;

use std::time::Duration;

use cvm_hostile::cast::device;
use cvm_hostile::cast::weak_device;
use cvm_hostile::evidence::judge;
use cvm_standin::FaultOptions;

use crate::lives::Life;
use crate::play::Play;

/// Three who make their own keys, four whose keys AWS makes (the stand-in has four), and one with a weak secret.
const LIVES: [Life; 8] = [
    Life::csr("SN-csr-token").by_token(),
    Life::csr("SN-csr-proof"),
    Life::csr("SN-csr-inline").inline(),
    Life::keys("SN-keys-token").by_token(),
    Life::keys("SN-keys-proof"),
    Life::keys("SN-keys-inline").inline(),
    Life::keys("SN-keys-4").by_token().inline(),
    Life::keys("SN-keys-weak").by_token().weak(),
];

/// One that speaks to a published machine.
const LEGACY: &str = "SN-legacy";

#[tokio::test(flavor = "multi_thread")]
async fn i4_no_secret_is_anywhere_but_where_it_belongs() {
    let mut play = Box::pin(Play::start()).await;
    for life in LIVES {
        let record = if life.weak {
            weak_device(life.serial)
        } else {
            device(life.serial)
        };
        play.stage.backend.put(&record).await.unwrap();
    }
    for life in LIVES {
        Box::pin(lives::live(&mut play, life)).await;
    }
    play.stage.backend.put(&device(LEGACY)).await.unwrap();
    Box::pin(lives::live_as_of_old(&mut play, LEGACY)).await;
    Box::pin(mischief::all(&mut play)).await;
    Box::pin(storm(&mut play)).await;
    Box::pin(play.sweep()).await;
    assert!(
        play.keys.len() >= 4,
        "only {} private keys are known",
        play.keys.len()
    );
    let (secrets, places) = (secrets::all(&play), play.places());
    let faults = judge(&secrets, &places);
    assert!(
        faults.is_empty(),
        "{} finds:\n{}",
        faults.len(),
        faults.join("\n")
    );
    play.check_logs();
}

/// The same again while every other call fails, is lost or throttled. Nobody need succeed.
async fn storm(play: &mut Play) {
    let faults = FaultOptions {
        throttle: 0.2,
        lose_response: 0.15,
        fail: 0.2,
    };
    for (serial, life) in [
        ("SN-storm-1", LIVES[0]),
        ("SN-storm-2", LIVES[1]),
        ("SN-storm-3", LIVES[4]),
        ("SN-storm-4", LIVES[6]),
    ] {
        let life = life.of_another(serial);
        play.stage.backend.put(&device(serial)).await.unwrap();
        play.stage.account().set_faults(faults);
        let tried = tokio::time::timeout(Duration::from_secs(8), lives::try_to_live(play, life));
        // One that takes too long has been in the storm for long enough.
        let _late = Box::pin(tried).await;
        play.stage.account().set_faults(FaultOptions::default());
    }
}
