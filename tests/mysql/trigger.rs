//! One write of an issue fails in the database itself: the issue goes on from there (security table B115).

use cvm_maria::blocking::wait;
use cvm_maria::ground::Ground;
use cvm_maria::ground::Parts;
use cvm_mysql::database::Database;
use cvm_shared::entry;
use cvm_shared::state::State;
use cvm_testkit::faults::Faults;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use cvm_testkit::site::submission;
use sqlx::AssertSqlSafe;
use sqlx::Executor as _;

/// The writes of an issue: the door's mark, then claim, commit and finish.
const FIRST: u64 = 1;
const LAST: u64 = 4;

fn execute(database: &Database, text: String) {
    let database = database.clone();
    wait(async move {
        let done = database.pool().execute(AssertSqlSafe(text));
        done.await.unwrap();
    });
}

/// Fails the write that makes this revision, with the number of a server that is read-only.
fn fail_at(database: &Database, revision: u64) {
    let text = format!(
        "CREATE TRIGGER stop BEFORE UPDATE ON cvm_devices FOR EACH ROW \
         IF NEW.revision = {revision} THEN \
         SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'stopped'; END IF"
    );
    execute(database, text);
}

async fn issued_in_spite_of(ground: &Ground, database: &Database, revision: u64) {
    let site = Site::on(ground.world(), Faults::default());
    let serial = sample::serial("SN-1");
    let begin = site.world.registry.row(&serial).unwrap().revision;
    fail_at(database, begin + revision);
    let csr = sample::csr_pem();
    let ask = || site.ask(submission("SN-1", sample::TOKEN, Some(&csr)));
    let first = ask().await.unwrap();
    for _ in 0..3 {
        site.work().await;
        site.world.clock.advance(std::time::Duration::from_mins(1));
    }
    let stopped = site.world.registry.row(&serial).unwrap();
    assert_eq!(stopped.revision, begin + revision - 1, "{stopped:?}");
    assert_eq!(site.world.issuer.active(), usize::from(revision == LAST));
    execute(database, "DROP TRIGGER stop".to_owned());
    if !first.status.is_success() {
        assert!(ask().await.unwrap().status.is_success());
    }
    site.settle(60).await;
    let row = site.world.registry.row(&serial).unwrap();
    assert!(matches!(row.state, State::Vended { .. }), "{row:?}");
    let certificates = site.world.issuer.certificates();
    assert!(certificates[&row.state.issued().unwrap().certificate_id].active);
    assert_eq!(site.world.issuer.active(), 1);
    assert_eq!(site.world.issuer.most_active_of_a_thing(), 1);
    let trail = site.world.registry.trail(&serial).unwrap();
    assert_eq!(entry::check(&trail, &row), Ok(()));
}

#[tokio::test]
async fn an_issue_goes_on_from_the_write_that_failed() {
    let ground = Ground::maria(Parts::All);
    let Ground::Maria(database, _) = &ground else {
        panic!("no database")
    };
    for revision in FIRST..=LAST {
        issued_in_spite_of(&ground, database, revision).await;
    }
}
