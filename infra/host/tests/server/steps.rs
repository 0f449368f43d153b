//! A server killed at one command to its database after another, before and after the database has carried it out.

use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_device::install::KeyMode;
use cvm_local::host::HostServer;
use cvm_maria::proxy::Strike;
use cvm_shared::ports::Clock as _;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::lab::Lab;
use crate::lab::until;
use crate::lives::is_served;

/// How many lives are lived side by side: most of each is the wait for a lease to end.
const AT_ONCE: usize = 6;

/// A life has about this many commands, those of an idle queue's looks among them.
const COMMANDS: usize = 90;

const SERIAL: &str = "SN-1";

/// One life: the server dies at this command, and another one takes its place.
async fn life(number: usize, strike: Strike, mode: KeyMode) -> Option<String> {
    let lab = Lab::start().await;
    let proxy = lab.proxy().await;
    let mut options = lab.options("a");
    options.database_url = lab.url_through(&proxy);
    let first = HostServer::start(&options).await.unwrap();
    options.ports = Some(first.ports());
    lab.import(SERIAL).await;
    let mut config = lab.device(&first.url(), SERIAL, mode);
    config.timeout = Duration::from_mins(2);
    proxy.strike(number, strike);
    let device =
        tokio::spawn(
            async move { cvm_device::vend(&config, &|| SystemClock.now(), &|_| {}).await },
        );
    // A life that has fewer commands is over before.
    let reached = tokio::time::timeout(Duration::from_secs(20), proxy.struck()).await;
    first.kill().await;
    let struck = proxy.calm();
    let second = HostServer::start(&options).await.unwrap();
    let ended = until(Duration::from_mins(2), async || {
        SystemClock.sleep(Duration::from_millis(500)).await;
        lab.show_hidden().await;
        device.is_finished()
    });
    assert!(
        ended.await,
        "{number}, {strike:?}, {struck:?}: {}",
        second.log()
    );
    device
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("{number}, {strike:?}, {struck:?}: {error}"));
    is_served(&lab, SERIAL).await;
    assert_eq!(lab.account().most_active_of_a_thing(), 1);
    assert_eq!(lab.count("cvm_dead_letters").await, 0);
    let empty = until(Duration::from_secs(20), async || {
        lab.show_hidden().await;
        lab.count("cvm_orders").await == 0
    });
    assert!(empty.await, "{number}, {strike:?}, {struck:?}");
    reached.is_ok().then_some(struck).flatten()
}

/// Every so many commands; how many lives there were, and how many of them were struck.
async fn lives(every: usize) -> (usize, usize) {
    let mut cases = Vec::new();
    for (place, number) in (0..COMMANDS).step_by(every).enumerate() {
        let mode = if place % 3 == 2 {
            KeyMode::Keys
        } else {
            KeyMode::Csr
        };
        for strike in [Strike::StallBefore, Strike::StallAfter] {
            cases.push((number, strike, mode));
        }
    }
    let all = cases.len();
    let ended = stream::iter(cases).map(|(number, strike, mode)| life(number, strike, mode));
    let ended: Vec<_> = ended.buffer_unordered(AT_ONCE).collect().await;
    let struck = ended.into_iter().flatten().count();
    println!("{all} lives, {struck} of them struck");
    (all, struck)
}

/// The machine loses its power in the middle of a transaction: the database is told nothing, keeps the row locked, and lets go
/// of it in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_vanishes_in_a_transaction_locks_no_device_out() {
    let lab = Lab::start().await;
    let proxy = lab.proxy().await;
    let mut options = lab.options("a");
    options.database_url = lab.url_through(&proxy);
    let first = HostServer::start(&options).await.unwrap();
    options.ports = Some(first.ports());
    lab.import(SERIAL).await;
    let mut config = lab.device(&first.url(), SERIAL, KeyMode::Csr);
    config.timeout = Duration::from_mins(2);
    proxy.strike_first("COMMIT", Strike::Vanish);
    let device =
        tokio::spawn(
            async move { cvm_device::vend(&config, &|| SystemClock.now(), &|_| {}).await },
        );
    proxy.struck().await;
    first.kill().await;
    assert_eq!(proxy.calm().as_deref(), Some("COMMIT"));
    let _second = HostServer::start(&options).await.unwrap();
    let ended = until(Duration::from_mins(2), async || {
        SystemClock.sleep(Duration::from_millis(500)).await;
        lab.show_hidden().await;
        device.is_finished()
    });
    assert!(ended.await);
    device.await.unwrap().unwrap();
    is_served(&lab, SERIAL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_at_some_commands_leaves_its_device_served() {
    let (all, struck) = lives(13).await;
    assert!(struck * 2 > all, "{struck} of {all} lives were struck");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "some minutes: every command of a life"]
async fn a_server_killed_at_every_command_leaves_its_device_served() {
    let (all, struck) = lives(1).await;
    assert!(struck * 2 > all, "{struck} of {all} lives were struck");
}
