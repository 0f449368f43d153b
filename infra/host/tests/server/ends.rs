//! How servers end: asked to, killed, with others beside them, and without their database.

use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_device::install::KeyMode;
use cvm_shared::ports::Clock as _;
use cvm_shared::state::State;
use cvm_standin::Options;
use tokio::task::JoinSet;

use crate::lab::Lab;
use crate::lab::until;

/// An AWS that takes its time, so that there is something in flight.
async fn slow() -> Lab {
    let latency = Duration::from_millis(150);
    Lab::with(Options {
        latency,
        ..Options::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_to_stop_finishes_what_is_in_flight() {
    let lab = slow().await;
    let server = lab.server("a").await;
    lab.import("SN-1").await;
    let config = lab.device(&server.url(), "SN-1", KeyMode::Csr);
    let device =
        tokio::spawn(
            async move { cvm_device::vend(&config, &|| SystemClock.now(), &|_| {}).await },
        );
    let begun = until(Duration::from_secs(10), async || {
        matches!(lab.row("SN-1").await.state, State::Issuing { .. })
    });
    assert!(begun.await);
    let status = server.stop().await.unwrap();
    assert!(status.success(), "{status}");
    assert!(matches!(lab.row("SN-1").await.state, State::Vended { .. }));
    assert_eq!(lab.count("cvm_orders").await, 0);
    device.abort();
}

/// What cannot be finished in time is given back: the next server has it at once, not when its hiding ends.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_finished_in_time_is_given_back() {
    let lab = Lab::with(Options {
        latency: Duration::from_millis(1500),
        ..Options::default()
    })
    .await;
    let options = lab.options("a").set("shutdown_seconds", 1);
    let server = cvm_local::host::HostServer::start(&options).await.unwrap();
    lab.import("SN-1").await;
    let mut config = lab.device(&server.url(), "SN-1", KeyMode::Csr);
    config.timeout = Duration::from_secs(2);
    lab.vend(&config).await.unwrap_err();
    let begun = until(Duration::from_secs(10), async || {
        matches!(lab.row("SN-1").await.state, State::Issuing { .. })
    });
    assert!(begun.await);
    assert!(server.stop().await.unwrap().success());
    let text = "SELECT COUNT(*) FROM cvm_orders WHERE visibleAt <= ?";
    let now = i64::try_from(SystemClock.now().0).unwrap();
    let visible = sqlx::query_scalar::<_, i64>(text).bind(now);
    assert_eq!(visible.fetch_one(lab.database.pool()).await.unwrap(), 1);
}

/// A burst on two servers with one database; one is killed in the middle of it, and another takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_a_burst_leaves_nothing_undone() {
    const DEVICES: usize = 40;
    let lab = slow().await;
    let (first, second) = (lab.server("a").await, lab.server("b").await);
    let mut devices = JoinSet::new();
    for n in 0..DEVICES {
        let serial = format!("SN-{n}");
        lab.import(&serial).await;
        let mode = if n % 4 == 0 {
            KeyMode::Keys
        } else {
            KeyMode::Csr
        };
        let mut config = lab.device(&second.url(), &serial, mode);
        config.timeout = Duration::from_mins(2);
        devices
            .spawn(async move { cvm_device::vend(&config, &|| SystemClock.now(), &|_| {}).await });
    }
    let text = "SELECT COUNT(*) FROM cvm_devices WHERE applyState = 3";
    let busy = until(Duration::from_secs(30), async || {
        let busy = sqlx::query_scalar::<_, i64>(text).fetch_one(lab.database.pool());
        busy.await.unwrap() > 8
    });
    assert!(busy.await, "nothing is being worked on");
    first.kill().await;
    let _third = lab.server("c").await;
    let shown = async {
        loop {
            SystemClock.sleep(Duration::from_secs(3)).await;
            lab.show_hidden().await;
        }
    };
    tokio::select! {
        ended = devices.join_all() => {
            for vended in ended {
                vended.unwrap();
            }
        }
        () = shown => {}
    }
    assert_eq!(lab.account().most_active_of_a_thing(), 1);
    let active = lab
        .account()
        .certificates()
        .into_iter()
        .filter(|known| known.active);
    assert_eq!(active.count(), DEVICES);
    assert_eq!(lab.count("cvm_dead_letters").await, 0);
    let empty = until(Duration::from_secs(30), async || {
        lab.show_hidden().await;
        lab.count("cvm_orders").await == 0
    });
    assert!(empty.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_of_all_goes_round() {
    let lab = Lab::start().await;
    let (one, other) = (lab.server("a").await, lab.server("b").await);
    let client = reqwest::Client::new();
    let sweep = async |url: String| client.post(url).send().await.unwrap();
    let told = sweep(one.admin("/sweep?reportOnly=true")).await;
    assert_eq!(told.status(), 200);
    let summary: serde_json::Value = serde_json::from_str(&told.text().await.unwrap()).unwrap();
    assert_eq!(summary["reportOnly"], true);
    assert_eq!(summary["complete"], true);
    let told = sweep(one.admin("/sweep?reportonly=true")).await;
    assert_eq!(told.status(), 400);
    // Held by a connection of our own, as by a server that is on a round.
    let lock = cvm_mysql::lock::Lock::take(&lab.database, "cvm-janitor")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(sweep(other.admin("/sweep")).await.status(), 409);
    lock.release().await;
    let free = until(Duration::from_secs(5), async || {
        sweep(other.admin("/sweep")).await.status() == 200
    });
    assert!(free.await);
}
