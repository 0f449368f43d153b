//! Who waits how long, and who asks too often.

use std::time::Duration;

use cvm_shared::proof::Stamp;
use cvm_testkit::proofs::proven;
use cvm_testkit::proofs::prover;
use cvm_testkit::sample;
use cvm_testkit::site::submission;
use cvm_testkit::site::view;
use http::Method;
use http::StatusCode;

use crate::ask;
use crate::code;
use crate::proofs::PATH;
use crate::proofs::nonce;
use crate::proofs::now;
use crate::proofs::on_time;
use crate::proofs::submit;
use crate::quiet;

/// B100 to B103: a device that hammers is told to slow down, and only that device.
#[tokio::test]
async fn a_device_that_asks_far_too_fast_is_told_so_and_no_other() {
    let site = quiet();
    site.world.registry.put(sample::device("SN-2"));
    let door = site.door();
    let id = view(&door.answer(Ok(on_time(&site, 1))).await).request_id;
    let path = format!("{PATH}/{id}");
    let poll = || {
        let moment = (Stamp::At(now(&site)), &nonce(2));
        proven(&prover("SN-1"), Method::GET, &path, moment, b"")
    };
    let mut told = None;
    for _ in 0..100 {
        let answer = door.answer(Ok(poll())).await;
        if answer.status != StatusCode::ACCEPTED {
            told = Some(answer);
        }
    }
    let told = told.expect("a hundred polls in no time are too many");
    assert_eq!(code(&told), (429, "too_many_requests".to_owned()));
    let wait: u64 = told.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let stranger = submission("SN-1", "wrong", None);
    let refused = door.answer(Ok(stranger)).await;
    assert_eq!(
        refused.status,
        StatusCode::UNAUTHORIZED,
        "strangers learn nothing of it"
    );
    let other = submit("SN-2", Stamp::At(now(&site)), &nonce(3), None);
    assert_eq!(door.answer(Ok(other)).await.status, StatusCode::ACCEPTED);
    site.world.clock.advance(Duration::from_secs(wait));
    assert_eq!(door.answer(Ok(poll())).await.status, StatusCode::ACCEPTED);
    assert_eq!(
        site.world.queue.len(),
        2,
        "one order for each, however often they ask"
    );
}

/// Many waiting devices are told to wait longer: all together, they may poll so often and no more.
#[tokio::test]
async fn the_wait_follows_the_backlog() {
    let site = quiet();
    for _ in 0..10_000 {
        site.world.queue.push("x", Duration::ZERO);
    }
    let answer = ask(&site, on_time(&site, 1)).await;
    let wait: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        (100..=200).contains(&wait),
        "{wait} s among 10,000 at 100 polls a second"
    );
}

/// B71: who has failed a hundred times for a device whose secret could be guessed is not checked any
/// more, wherever the device stands; another address is.
#[tokio::test]
async fn a_guesser_is_turned_away_and_locks_nobody_out() {
    let mut site = quiet();
    site.weak_secrets = true;
    let door = site.door();
    for serial in ["SN-1", "SN-unknown"] {
        for _ in 0..100 {
            let wrong = door.answer(Ok(submission(serial, "wrong", None))).await;
            assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        }
        let right = || submission(serial, sample::TOKEN, None);
        let barred = door.answer(Ok(right())).await;
        assert_eq!(code(&barred), (429, "too_many_requests".to_owned()));
        let mut elsewhere = right();
        elsewhere.source = "192.0.2.2".to_owned();
        let answer = door.answer(Ok(elsewhere)).await;
        assert_ne!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    }
}
