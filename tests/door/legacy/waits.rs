//! Legacy calls that wait, come again, get lost, or meet a row that moves on without them.

use std::time::Duration;

use cvm_shared::failure::FailureCode;
use cvm_shared::ports::Clock as _;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use cvm_testkit::site::confirmation;
use cvm_testkit::site::submission;
use futures_util::future::join;
use futures_util::future::join3;
use http::StatusCode;

use crate::code;
use crate::legacy::WAIT;
use crate::legacy::ask;
use crate::legacy::certificate;
use crate::legacy::con_check;
use crate::legacy::con_check_of;
use crate::legacy::getcert;
use crate::legacy::row;
use crate::legacy::served;
use crate::legacy::told_now;
use crate::legacy::work;
use crate::quiet;
use crate::told;

/// B105: a wait that is over leaves the request, and whoever comes again has what came of it.
#[tokio::test]
async fn a_wait_has_an_end_and_asking_again_goes_on_with_it() {
    let site = quiet();
    let begun = site.world.clock.now();
    let answer = told_now(&site, getcert(sample::TOKEN)).await;
    assert_eq!(code(&answer), told(503, "unavailable"));
    let waited = site.world.clock.now().since(begun);
    assert!(
        (WAIT..=WAIT + Duration::from_secs(2)).contains(&waited),
        "{waited:?}"
    );
    let seconds: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(seconds >= 2);
    let answer = told_now(&site, con_check(sample::TOKEN)).await;
    assert_eq!(con_check_of(&answer), told(503, "50010"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(
        site.world.queue.len(),
        1,
        "asking again orders nothing again"
    );
    site.settle(5).await;
    let first = told_now(&site, getcert(sample::TOKEN)).await;
    let before = site.faults.calls().len();
    let again = told_now(&site, getcert(sample::TOKEN)).await;
    assert_eq!((first.status, &first.body), (StatusCode::OK, &again.body));
    assert_eq!(
        site.faults.calls()[before..],
        ["registry.load", "vault.fetch"]
    );
    assert_eq!(site.world.issuer.created(), 1);
}

/// An answer that is lost anywhere costs nothing: there is one certificate, and it stays.
#[tokio::test]
async fn a_lost_get_destroys_nothing() {
    // Killed in the login, at the order, at the mark, while it waits, and with the key in its hands.
    for number in 0..5 {
        let site = Site::new(Faults::at(number, Fault::KillAfter));
        assert!(ask(&site, getcert(sample::TOKEN)).await.is_none());
        the_rest_is_as_if_nothing_was_lost(&site).await;
    }
    let site = Site::new(Faults::first("vault.fetch", 1, Fault::KillAfter));
    let (lost, ()) = join(ask(&site, getcert(sample::TOKEN)), work(&site)).await;
    assert!(lost.is_none());
    the_rest_is_as_if_nothing_was_lost(&site).await;
}

async fn the_rest_is_as_if_nothing_was_lost(site: &Site) {
    let untouched = row(site).state == State::Registered && site.world.queue.is_empty();
    let first = if untouched {
        served(site, getcert(sample::TOKEN)).await
    } else {
        // The worker meets what is left of the first call, whatever that is.
        let (answer, ()) = join(ask(site, getcert(sample::TOKEN)), site.settle(5)).await;
        answer.unwrap()
    };
    let first = certificate(&first);
    let again = certificate(&told_now(site, con_check(sample::TOKEN)).await);
    assert_eq!(first["certificateId"], again["certificateId"]);
    assert_eq!(site.world.issuer.created(), 1);
    assert_eq!(site.world.issuer.active(), 1);
}

#[tokio::test]
async fn two_at_once_have_the_same_certificate() {
    let site = quiet();
    let (one, other, ()) = join3(
        ask(&site, getcert(sample::TOKEN)),
        ask(&site, getcert(sample::TOKEN)),
        work(&site),
    )
    .await;
    assert_eq!(one.unwrap().body, other.unwrap().body);
    assert_eq!(site.world.issuer.created(), 1);
}

/// The door never confirms: what ends a bundle is its device by the newer API, or time.
#[tokio::test]
async fn a_confirmed_or_expired_bundle_is_told() {
    let site = quiet();
    let first = certificate(&served(&site, getcert(sample::TOKEN)).await);
    assert!(matches!(
        row(&site).state,
        State::Vended {
            delivery: Delivery::Waiting { .. },
            ..
        }
    ));
    let mut never = row(&site);
    never.reprovision = Some(Reprovision::Never);
    site.world.registry.put(never);
    site.world.clock.advance(Duration::from_hours(8 * 24));
    assert_eq!(site.sweep().await.unwrap().expired, 1);
    let answer = told_now(&site, getcert(sample::TOKEN)).await;
    assert_eq!(code(&answer), told(410, "bundle_expired"));
    let answer = told_now(&site, con_check(sample::TOKEN)).await;
    assert_eq!(con_check_of(&answer), told(410, "40010"));

    let mut redeliver = row(&site);
    redeliver.reprovision = None;
    site.world.registry.put(redeliver);
    let second = certificate(&served(&site, getcert(sample::TOKEN)).await);
    assert_ne!(first["certificateId"], second["certificateId"]);
    assert_eq!(
        site.world.issuer.certificates().len(),
        1,
        "the old one is gone"
    );

    let id = row(&site).state.request_id().unwrap().to_string();
    let confirmed = site.ask(confirmation(&id)).await.unwrap();
    assert_eq!(confirmed.status, StatusCode::NO_CONTENT);
    let answer = told_now(&site, getcert(sample::TOKEN)).await;
    assert_eq!(code(&answer), told(409, "already_confirmed"));
    let answer = told_now(&site, con_check(sample::TOKEN)).await;
    assert_eq!(con_check_of(&answer), told(409, "40010"));
}

#[tokio::test]
async fn another_request_and_a_failure_are_told() {
    let site = quiet();
    let own = submission("SN-1", sample::TOKEN, Some(&sample::csr_pem()));
    site.ask(own).await.unwrap();
    let answer = told_now(&site, getcert(sample::TOKEN)).await;
    assert_eq!(code(&answer), told(409, "other_request"));

    for (failure, retry_at, expected) in [
        (FailureCode::BudgetSpent, Some(99), "100"),
        (FailureCode::KeyMismatch, None, "3600"),
    ] {
        let site = quiet();
        told_now(&site, getcert(sample::TOKEN)).await;
        let mut row = row(&site);
        let now = site.world.clock.now();
        row.state = State::Failed {
            request: row.state.request_id().unwrap().clone(),
            issued: None,
            failure,
            failed_at: now,
            retry_at: retry_at.map(|seconds| now.plus(Duration::from_secs(seconds))),
        };
        site.world.registry.put(row);
        let answer = told_now(&site, getcert(sample::TOKEN)).await;
        assert_eq!(code(&answer), told(503, "unavailable"));
        assert_eq!(answer.headers["retry-after"], expected);
    }
}

/// What happens to a row while the door waits for it: an operator's hand shows at the next look.
#[tokio::test]
async fn a_row_that_is_taken_away_ends_the_wait() {
    let site = quiet();
    let disable = async {
        while site.world.queue.is_empty() {
            tokio::task::yield_now().await;
        }
        let mut row = row(&site);
        row.state = State::Disabled;
        site.world.registry.put(row);
    };
    let (answer, ()) = join(ask(&site, getcert(sample::TOKEN)), disable).await;
    assert_eq!(code(&answer.unwrap()), told(401, "unauthorized"));
}

/// A bundle that was changed or lost is not handed over, and nothing is made in its place.
#[tokio::test]
async fn a_bundle_that_is_not_the_rows_own_is_not_handed_over() {
    let site = quiet();
    served(&site, getcert(sample::TOKEN)).await;
    let mut changed = row(&site);
    if let State::Vended { issued, .. } = &mut changed.state {
        issued.bundle.sha256 = "0".repeat(64);
    }
    site.world.registry.put(changed);
    let answer = told_now(&site, getcert(sample::TOKEN)).await;
    assert_eq!(code(&answer), told(503, "unavailable"));
    let key = row(&site).state.issued().unwrap().bundle.key.clone();
    site.world.vault.lose(&key);
    let answer = told_now(&site, getcert(sample::TOKEN)).await;
    assert_eq!(code(&answer), told(410, "bundle_expired"));
    assert_eq!(site.world.issuer.created(), 1);
}
