//! What differs for the calls of the published machines, once they are switched on.

use std::time::Duration;

use cvm_ingest::http::Answer;
use cvm_shared::record::Record;
use cvm_testkit::site::TestDoor;
use serde_json::Value;

/// Their paths.
const PATHS: [&str; 2] = ["/getcert", "/"];

/// The codes of refusals in the words of the ancestor, by their statuses.
const CHECKS: [(u16, &str); 5] = [
    (401, "40030"),
    (409, "40010"),
    (410, "40010"),
    (429, "50010"),
    (503, "50010"),
];

/// Switches them on, with a wait that nobody is served in: the worker runs between two requests.
pub fn switch_on(door: &mut TestDoor) {
    door.terms.legacy = Some(Duration::from_secs(20));
}

/// Whether this path is one of theirs.
pub fn is_call(path: &str) -> bool {
    PATHS.contains(&path)
}

/// Whether this is a refusal in the ancestor's words; panics if it is one in wrong words.
pub fn is_checked(path: &str, answer: &Answer) -> bool {
    let status = answer.status.as_u16();
    let known = CHECKS.iter().find(|(of, _)| path == "/" && *of == status);
    let Some((_, code)) = known else {
        return false;
    };
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(body["conCheck"].as_str(), Some(*code));
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2));
    true
}

/// What is handed over is a certificate of a device here.
pub fn check_handed_over(answer: &Answer, rows: &[Record]) {
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    let certificate = body.get("certdata").unwrap_or(&body);
    let id = certificate["certificateId"].as_str().expect("an id");
    let issued = rows.iter().filter_map(|row| row.state.issued());
    let mut ids = issued.map(|issued| issued.certificate_id.as_str());
    assert!(ids.any(|known| known == id), "nobody's certificate");
}
