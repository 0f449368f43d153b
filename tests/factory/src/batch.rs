//! A large batch: its devices imported, submitted, cut off twice while it is sending, gone on with by its name, and
//! accounted for row by row.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_lambda::backend::QUEUE_RECEIVES;
use cvm_lambda::backend::Queues;
use cvm_lambda::error::Error;
use cvm_lambda::lane::Lane;
use cvm_lambda::lane::LaneOptions;
use cvm_local::functions::Functions;
use cvm_shared::ports::Clock as _;
use cvm_standin::Account;
use cvm_testkit::sample;
use serde_json::Value;
use serde_json::json;

use crate::child::Answer;
use crate::import::devices;
use crate::site::Site;

/// The batch's name.
const NAME: &str = "night";
/// How many orders one call sends.
const ORDERS: u64 = 10;
/// How many seconds the sending would take in the runs that are cut off.
const SECONDS: u64 = 10;

/// One run of the submit.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it counted.
    pub tally: BTreeMap<String, u64>,
    /// How long it took.
    pub took: Duration,
    /// The most memory that it had in use, in bytes.
    pub peak: u64,
}

impl Run {
    /// How many devices it counted so.
    pub fn count(&self, what: &str) -> u64 {
        self.tally.get(what).copied().unwrap_or_default()
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Devices in the file.
    pub devices: u64,
    /// The runs of the submit: two that were cut off, and the one that went on.
    pub runs: Vec<Run>,
    /// From the first submit to the end of the last.
    pub took: Duration,
    /// Rows that `results` told.
    pub results: u64,
    /// Rows among them that are where and what they were in the file, vended, with a certificate that no other has and
    /// that is ACTIVE on the device's own Thing.
    pub right: u64,
    /// Messages that workers were given.
    pub messages: u64,
    /// Certificates that were ever created; a worker that runs out of time makes one that the next one deletes.
    pub created: u64,
    /// The most ACTIVE certificates that a Thing ever had at once.
    pub most_active: usize,
    /// Dead letters.
    pub dead_letters: usize,
}

impl Outcome {
    /// How many orders were sent, by the tool's own count.
    pub fn sent(&self) -> u64 {
        self.runs.iter().map(|run| run.count("sent")).sum()
    }

    /// Whether as much came out as went in, and nothing was asked for twice.
    pub fn is_sound(&self) -> bool {
        let Some((last, cut)) = self.runs.split_last() else {
            return false;
        };
        let is_cut = |run: &Run| {
            run.code == Some(130) && run.count("sent") > 0 && run.count("not come to") > 0
        };
        cut.len() == 2
            && cut.iter().all(is_cut)
            && last.code == Some(0)
            && last.count("Vended now") == self.devices
            && self.sent() == self.devices
            && (self.results, self.right) == (self.devices, self.devices)
            && self.most_active == 1
            && self.dead_letters == 0
    }
}

/// Carries it out with so many devices; every second one has a key of its own.
pub async fn batch(site: &Site, functions: &Functions, count: u64) -> Result<Outcome, Error> {
    let lane = lane(site, functions).await?;
    let known = site.file("devices.csv", &devices("SN", count))?;
    let imported = site.cvmctl.run(&import(&known)).await?;
    expect_done("the import", &imported)?;
    let file = site.file("night.ndjson", &wishes(count))?;
    let began = SystemClock.now();
    let rate = (count / SECONDS).max(1).to_string();
    let slowly = [submit(&file), vec!["--rate", &rate]].concat();
    let mut runs = Vec::new();
    for _ in 0..2 {
        let sending = site.after_calls("SendMessageBatch", (count / 4 / ORDERS).max(1));
        let cut = site.cvmctl.run_until(&slowly, sending).await?;
        runs.push(run(&cut));
    }
    runs.push(run(&site.cvmctl.run(&submit(&file)).await?));
    let took = SystemClock.now().since(began);
    let results = site
        .cvmctl
        .run(&["batch", "results", NAME, "--output", "json"]);
    let results = results.await?.objects();
    let account = site.account()?;
    Ok(Outcome {
        devices: count,
        runs,
        took,
        results: results.len() as u64,
        right: right(account, &results),
        messages: lane.poller.tally().messages,
        created: account.created(),
        most_active: account.most_active_of_a_thing(),
        dead_letters: account.dead_letters().len(),
    })
}

/// Workers on the site's queue, as many as the template has; AWS IoT sets no pace here.
async fn lane(site: &Site, functions: &Functions) -> Result<Lane, Error> {
    let account = site.account()?;
    let options = LaneOptions {
        iot_rate: 10_000,
        ..LaneOptions::default()
    };
    account.set_visibility(Duration::from_secs(options.visibility_seconds));
    account.set_max_receives(QUEUE_RECEIVES);
    let queues = Queues {
        work: account.queue_url(),
        dead: account.dead_letter_queue_url(),
    };
    let dir = site.dir();
    Box::pin(Lane::start(
        &site.backend,
        functions,
        queues,
        dir,
        "factory",
        options,
    ))
    .await
}

fn import(file: &Path) -> Vec<&str> {
    let words = ["devices", "import", "--default-policy", Account::POLICY];
    words.into_iter().chain(file.to_str()).collect()
}

fn submit(file: &Path) -> Vec<&str> {
    let words = ["batch", "submit", "--id", NAME, "--yes", "--output", "json"];
    words.into_iter().chain(file.to_str()).collect()
}

fn expect_done(what: &str, answer: &Answer) -> Result<(), Error> {
    if answer.code == Some(0) {
        return Ok(());
    }
    Err(Error::Usage(format!("{what} failed: {}", answer.err)))
}

fn serial(number: u64) -> String {
    format!("SN-{number:07}")
}

/// The batch's file.
fn wishes(count: u64) -> String {
    let wish = |number: u64| {
        let serial = serial(number);
        let mut wish = json!({ "productid": serial });
        if number % 2 == 1 {
            wish["csr"] = sample::csr_pem_of(&serial).into();
        }
        format!("{wish}\n")
    };
    (0..count).map(wish).collect()
}

fn run(answer: &Answer) -> Run {
    let pair = |row: Value| Some((row["result"].as_str()?.to_owned(), row["devices"].as_u64()?));
    Run {
        code: answer.code,
        tally: answer.objects().into_iter().filter_map(pair).collect(),
        took: answer.took,
        peak: answer.peak,
    }
}

/// Held against AWS IoT itself, not against the table that the results come from.
fn right(account: &Account, results: &[Value]) -> u64 {
    let all = account.certificates().into_iter();
    let active: BTreeMap<String, BTreeSet<String>> = all
        .filter(|certificate| certificate.active)
        .map(|certificate| (certificate.id, certificate.things))
        .collect();
    let mut seen = BTreeSet::new();
    let is_right = |(number, row): (usize, &Value)| {
        let serial = serial(number as u64);
        let id = row["certificateId"].as_str().unwrap_or_default().to_owned();
        let is_its_own = active
            .get(&id)
            .is_some_and(|things| things.iter().eq([&serial]));
        row["line"] == number + 1
            && row["productid"] == *serial
            && row["state"] == "Vended"
            && row["error"].is_null()
            && is_its_own
            && seen.insert(id)
    };
    results
        .iter()
        .enumerate()
        .map(is_right)
        .filter(|right| *right)
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(code: i32, tally: &[(&str, u64)]) -> Run {
        let tally = tally
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        Run {
            code: Some(code),
            tally: tally.collect(),
            took: Duration::from_secs(1),
            peak: 1,
        }
    }

    fn outcome() -> Outcome {
        Outcome {
            devices: 40,
            runs: vec![
                run(130, &[("sent", 10), ("not come to", 30)]),
                run(130, &[("sent", 10), ("not come to", 20)]),
                run(0, &[("sent", 20), ("Vended now", 40)]),
            ],
            took: Duration::from_secs(3),
            results: 40,
            right: 40,
            messages: 40,
            created: 40,
            most_active: 1,
            dead_letters: 0,
        }
    }

    #[test]
    fn each_broken_promise_is_seen() {
        assert!(outcome().is_sound());
        let breaks: [fn(&mut Outcome); 9] = [
            |outcome| outcome.runs.truncate(2),
            |outcome| outcome.runs[0].code = Some(0),
            |outcome| outcome.runs[1].tally.clear(),
            |outcome| outcome.runs[2] = run(0, &[("sent", 20), ("Vended now", 39)]),
            |outcome| outcome.runs[2] = run(0, &[("sent", 21), ("Vended now", 40)]),
            |outcome| outcome.results = 39,
            |outcome| outcome.right = 39,
            |outcome| outcome.most_active = 2,
            |outcome| outcome.dead_letters = 1,
        ];
        for broken in breaks {
            let mut outcome = outcome();
            broken(&mut outcome);
            assert!(!outcome.is_sound(), "{outcome:?}");
        }
    }
}
