//! Imports into a table in memory: what is counted, told, repeated and given up.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

use cvm_shared::operate::rows::Inserted;
use cvm_shared::ports::Random;
use cvm_shared::record::Record;
use cvm_shared::secret::DeviceToken;

use super::*;

const HEADER: &str = "productid,secret,thingName,policyName";

/// A table in memory. Its first answers are the failures that it was given.
#[derive(Default)]
struct Table {
    rows: Mutex<BTreeMap<String, Record>>,
    failures: Mutex<Vec<Failure>>,
}

impl Table {
    fn failing(failures: Vec<Failure>) -> Self {
        Self {
            failures: Mutex::new(failures),
            ..Self::default()
        }
    }

    fn insert(&self, record: &Record) -> Result<Inserted, Failure> {
        let failure = self.failures.lock().unwrap().pop();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = failure {
            return Err(failure);
        }
        let key = record.serial.as_str().to_owned();
        if let Some(stored) = rows.get(&key) {
            return Ok(Inserted::beside(record, stored.clone()));
        }
        rows.insert(key, record.clone());
        Ok(Inserted::New)
    }
}

impl Roster for Table {
    fn at_once(&self) -> usize {
        25
    }

    async fn insert_batch(&self, records: &[Record]) -> Vec<Result<Inserted, Failure>> {
        records.iter().map(|record| self.insert(record)).collect()
    }
}

/// Remembers what it is told, and stops after so many bytes.
#[derive(Default)]
struct Witness {
    told: Mutex<Vec<String>>,
    stop_at: Option<u64>,
    bytes: Mutex<u64>,
}

impl Progress for Witness {
    fn refused(&self, refusal: &Refusal) {
        let line = format!("{}: {}", refusal.line, refusal.reason);
        self.told.lock().unwrap().push(line);
    }
    fn settled(&self, _: &Summary, bytes: u64) {
        *self.bytes.lock().unwrap() = bytes;
    }
    fn wants_stop(&self) -> bool {
        let bytes = *self.bytes.lock().unwrap();
        self.stop_at.is_some_and(|limit| bytes >= limit)
    }
}

fn file(rows: impl IntoIterator<Item = String>) -> String {
    let rows: Vec<_> = rows.into_iter().collect();
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

fn device(n: u32) -> String {
    format!("SN-{n},secret-of-this-device-{n},,p")
}

async fn run(file: &str, table: &Table, witness: &Witness) -> Summary {
    let options = Options::default();
    let import = import(file.as_bytes(), table, &options, witness);
    fit_to_spawn(import).await.unwrap()
}

/// Another salt each time.
#[derive(Default)]
struct Salts(AtomicU8);

impl Random for Salts {
    fn bytes(&self) -> [u8; 16] {
        [self.0.fetch_add(1, Ordering::Relaxed); 16]
    }
}

/// Stretches weak secrets.
async fn stretch(file: &str, table: &Table, salts: &Salts, witness: &Witness) -> Summary {
    let (options, salts) = (Options::default(), Some(salts as &dyn Random));
    let login = Login {
        salts,
        ..Login::default()
    };
    let import = import_with(file.as_bytes(), table, &options, &login, witness);
    fit_to_spawn(import).await.unwrap()
}

/// Who calls the import in process may want to run it beside other work.
fn fit_to_spawn<T: Send>(future: T) -> T {
    future
}

#[tokio::test]
async fn a_file_imported_twice_is_there_once() {
    let (table, file) = (Table::default(), file((0..1_000).map(device)));
    let first = run(&file, &table, &Witness::default()).await;
    assert_eq!((first.imported, first.rows()), (1_000, 1_000));
    let again = run(&file, &table, &Witness::default()).await;
    assert_eq!((again.already_there, again.rows()), (1_000, 1_000));
}

#[tokio::test]
async fn conflicts_are_refused_by_line_and_column_and_change_nothing() {
    let table = Table::default();
    run(&file((0..60).map(device)), &table, &Witness::default()).await;
    let before = table.rows.lock().unwrap().clone();
    let mut rows: Vec<_> = (0..60).map(device).collect();
    rows[3] = "SN-3,another-secret-of-device-3,other,p".to_owned();
    rows[40] = "SN-40,weak,,p".to_owned();
    rows[50] = "SN-50,secret-of-this-device-50,,q".to_owned();
    let witness = Witness::default();
    let summary = run(&file(rows), &table, &witness).await;
    assert_eq!(
        *witness.told.lock().unwrap(),
        [
            "5: productid: already in the table with another secret, thingName",
            "42: secret: too weak, must have 112 bits and has at most 18",
            "52: productid: already in the table with another policyName",
        ]
    );
    assert_eq!(
        (summary.conflicting, summary.bad, summary.rows()),
        (2, 1, 60)
    );
    assert_eq!(*table.rows.lock().unwrap(), before);
}

#[tokio::test]
async fn what_passes_is_repeated_row_by_row() {
    let throttled = Failure::Throttled { service: "x" };
    let table = Table::failing(vec![throttled, Failure::Contended, Failure::Contended]);
    let summary = run(&file((0..5).map(device)), &table, &Witness::default()).await;
    assert_eq!((summary.imported, summary.rows()), (5, 5));
    assert_eq!(summary.end, End::Complete);
}

#[tokio::test]
async fn what_does_not_pass_ends_the_import() {
    let denied = Failure::Denied {
        service: "x",
        detail: "y".to_owned(),
    };
    let table = Table::failing(vec![denied.clone(); 25]);
    let summary = run(&file((0..1_000).map(device)), &table, &Witness::default()).await;
    assert_eq!((summary.unsettled, summary.imported), (25, 75));
    assert_eq!(summary.end, End::Failed(denied));
}

#[tokio::test]
async fn a_row_that_is_no_device_of_ours_is_a_conflict() {
    let corrupt = Failure::CorruptRow {
        field: "accessToken",
    };
    let table = Table::failing(vec![corrupt]);
    let summary = run(&file((0..3).map(device)), &table, &Witness::default()).await;
    assert_eq!((summary.conflicting, summary.imported), (1, 2));
    assert_eq!(summary.end, End::Complete);
}

#[tokio::test]
async fn a_stop_finishes_what_is_on_its_way() {
    let witness = Witness {
        stop_at: Some(1),
        ..Witness::default()
    };
    let table = Table::default();
    let summary = run(&file((0..1_000).map(device)), &table, &witness).await;
    assert_eq!(summary.end, End::Stopped);
    assert_eq!(summary.imported, 100);
    assert_eq!(table.rows.lock().unwrap().len(), 100);
}

#[tokio::test]
async fn a_dry_run_needs_no_table() {
    let rows = [device(1), "a b,x,,p".to_owned()];
    let summary = import(file(rows).as_bytes(), &DryRun, &Options::default(), &Silent).await;
    let summary = summary.unwrap();
    assert_eq!((summary.imported, summary.bad), (1, 1));
}

#[tokio::test]
async fn a_bad_header_is_an_error() {
    let file = "productid,secret\n";
    let refused = import(file.as_bytes(), &DryRun, &Options::default(), &Silent).await;
    let refused = refused.unwrap_err().to_string();
    assert_eq!(refused, "missing column thingName, policyName");
}

#[tokio::test]
async fn weak_secrets_are_stretched_with_a_salt_each_and_strong_ones_are_not() {
    let (table, salts) = (Table::default(), Salts::default());
    let rows = ["SN-A,1234,,p", "SN-B,1234,,p", &device(1)].map(str::to_owned);
    let summary = stretch(&file(rows), &table, &salts, &Witness::default()).await;
    assert_eq!((summary.imported, summary.rows()), (3, 3));
    let rows = table.rows.lock().unwrap();
    let [a, b, strong] = ["SN-A", "SN-B", "SN-1"].map(|serial| &rows[serial]);
    let salt = |row: &Record| row.verifier.to_text().split('.').nth(1).map(str::to_owned);
    assert!(a.verifier.is_stretched() && b.verifier.is_stretched());
    assert_ne!(salt(a), salt(b));
    assert!(!strong.verifier.is_stretched());
    let token = DeviceToken::parse("1234").unwrap();
    assert!(a.verifier.accepts_slowly(&a.serial, &token));
}

#[tokio::test]
async fn a_stretched_row_imported_again_is_already_there_and_another_secret_is_not() {
    let (table, salts) = (Table::default(), Salts::default());
    let first = file(["SN-A,1234,,p", "SN-B,1234,,p"].map(str::to_owned));
    stretch(&first, &table, &salts, &Witness::default()).await;
    let before = table.rows.lock().unwrap().clone();
    let again = file(["SN-A,1234,,p", "SN-B,1235,,q"].map(str::to_owned));
    let witness = Witness::default();
    let summary = stretch(&again, &table, &salts, &witness).await;
    assert_eq!((summary.already_there, summary.conflicting), (1, 1));
    let told = "3: productid: already in the table with another secret, policyName";
    assert_eq!(*witness.told.lock().unwrap(), [told]);
    assert_eq!(*table.rows.lock().unwrap(), before);
}

#[tokio::test]
async fn a_secret_that_must_be_proven_is_not_stretched() {
    let (table, witness) = (Table::default(), Witness::default());
    let file = format!("{HEADER},auth\nSN-A,1234,,p,proof\n");
    let summary = stretch(&file, &table, &Salts::default(), &witness).await;
    assert_eq!((summary.bad, summary.rows()), (1, 1));
    let told = "2: auth: proof needs a secret of 112 bits, this one has at most 13 and cannot be \
                proven once it is stretched";
    assert_eq!(*witness.told.lock().unwrap(), [told]);
}
