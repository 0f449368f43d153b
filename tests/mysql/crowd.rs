//! Strangers in masses do not lock a device out (security table B110).

use cvm_ingest::door::Door;
use cvm_ingest::door::Own;
use cvm_maria::lab;
use cvm_mysql::database::Database;
use cvm_mysql::guard::MySqlGuard;
use cvm_mysql::links::Links;
use cvm_mysql::queue::MySqlQueue;
use cvm_mysql::registry::MySqlRegistry;
use cvm_mysql::vault::MySqlVault;
use cvm_shared::trust::TrustBundle;
use cvm_testkit::sample;
use cvm_testkit::site::TERMS;
use cvm_testkit::site::submission;
use cvm_testkit::time::CountedRandom;
use cvm_testkit::time::HandClock;
use futures_util::future::join_all;
use http::StatusCode;
use zeroize::Zeroizing;

type HostDoor = Door<
    MySqlRegistry,
    MySqlQueue<HandClock, CountedRandom>,
    MySqlVault<HandClock>,
    MySqlGuard<CountedRandom>,
    HandClock,
    CountedRandom,
>;

const CONNECTIONS: u32 = 10;
const STRANGERS: usize = 1000;

fn door(database: &Database) -> HostDoor {
    let (clock, random) = (HandClock::new(), CountedRandom::default());
    let links = Links::new(Zeroizing::new([1; 32]), "https://cvm.test".to_owned());
    Door {
        registry: MySqlRegistry::new(database.clone()),
        queue: MySqlQueue::orders(database.clone(), 30, clock.clone(), random.clone()),
        vault: MySqlVault::new(database.clone(), links, clock.clone()),
        guard: MySqlGuard::new(database.clone(), random.clone()),
        clock,
        own: Own::fresh(&random),
        random,
        terms: TERMS,
        trust: TrustBundle::with_extra("").unwrap(),
    }
}

#[tokio::test]
async fn a_device_is_served_in_a_crowd_of_strangers() {
    let name = lab::database_named().await.0;
    let mut terms = lab::terms(&name).await;
    terms.connections = CONNECTIONS;
    let database = Database::open(&terms, None).await.unwrap();
    let row = sample::device("SN-1");
    let registry = MySqlRegistry::new(database.clone());
    assert!(registry.add(&row).await.unwrap());
    let door = door(&database);
    // In the middle of them.
    let asked = (0..STRANGERS).map(|number| match number {
        500 => submission("SN-1", sample::TOKEN, None),
        _ => submission(&format!("XX-{number}"), sample::TOKEN, None),
    });
    let answers = join_all(asked.map(|asked| door.answer(Ok(asked)))).await;
    assert_eq!(answers[500].status, StatusCode::ACCEPTED);
    let strangers = answers.iter().enumerate().filter(|(at, _)| *at != 500);
    // A stranger may be told to come later: the door has not known it either way.
    let turned_away = [StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE];
    for (at, answer) in strangers {
        assert!(turned_away.contains(&answer.status), "{at}: {answer:?}");
    }
    assert!(database.pool().size() <= CONNECTIONS);
}
