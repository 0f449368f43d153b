//! The runbooks' commands, run against a deployed stack in the order in which they stand there.

use std::sync::Arc;
use std::time::Duration;

use cvm_local::workspace::Workspace;
use cvm_testkit::sample;

use crate::cvmctl::cvmctl;
use crate::lab::Lab;

/// The device that the pages speak of.
const DEVICE: &str = "SN-0001";

pub(crate) async fn every_command_of_the_runbooks_runs() {
    let lab = Arc::new(Lab::start().await);
    lab.put(&lab.device(DEVICE)).await;
    let csr = sample::csr_pem_of(DEVICE);
    let answer = lab.submit(DEVICE, sample::TOKEN, Some(&csr)).await;
    answer.error_for_status().unwrap();
    lab.vended(DEVICE, Duration::from_mins(1)).await;
    let books = Workspace::find()
        .await
        .unwrap()
        .root()
        .join("infra/runbooks");
    let mut ran = 0;
    for entry in books.read_dir().unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.starts_with("cvmctl ")) {
            run(&lab, line).await;
            ran += 1;
        }
    }
    assert!(ran > 15, "{ran}");
    Lab::stop(lab).await;
}

/// It does what it says, or says that there is nothing of the kind: never a wrong usage, never a refused call.
async fn run(lab: &Lab, line: &str) {
    let words = line.split(" \"").next().unwrap().split(' ').skip(1);
    let quoted = line.split('"').nth(1);
    let rest = line.rsplit('"').next().filter(|_| quoted.is_some());
    let rest = rest.unwrap_or_default().split_whitespace();
    let words: Vec<&str> = words.chain(quoted).chain(rest).collect();
    let answer = cvmctl(lab, &words).await;
    assert!(
        matches!(answer.code, 0 | 1),
        "{line}: {}\n{}\n{}",
        answer.code,
        answer.out,
        answer.err
    );
}
