//! What is printed at the end: one line for people, one JSON object for programs.

use std::process::ExitCode;
use std::time::Duration;

use cvm_device::Connected;
use cvm_device::Error;
use cvm_device::Vended;
use cvm_device::conformance::Outcome;
use cvm_device::conformance::Verdict;
use cvm_device::vend;
use cvm_device::verify::Chain;
use serde_json::Value;
use serde_json::json;

/// A success, for people and for programs.
pub(crate) struct Report {
    text: String,
    json: Value,
    exit: ExitCode,
}

impl Report {
    /// Prints it.
    pub(crate) fn print(self, json: bool) -> ExitCode {
        if json {
            println!("{}", self.json);
        } else {
            println!("{}", self.text);
        }
        self.exit
    }
}

/// Says in one line why it failed.
pub(crate) fn fail(error: &Error, json: bool) -> ExitCode {
    eprintln!("cvm-device: {error}");
    if json {
        let message = error.to_string();
        let exit_code = error.exit_code();
        let error = json!({"error": error.code(), "message": message, "exitCode": exit_code});
        println!("{error}");
    }
    ExitCode::from(error.exit_code())
}

/// What `vend` came to.
pub(crate) fn vended_report(vended: &Vended) -> Report {
    let device = &vended.device;
    let did = match vended.outcome {
        vend::Outcome::Installed => "installed and confirmed",
        vend::Outcome::Confirmed => "was installed before, confirmed now",
        vend::Outcome::AlreadyDone => "was installed and confirmed before",
    };
    let note = match vended.chain {
        Some(Chain::IssuerUnknown) => {
            "\nnote: the certificate's issuer is not in the trust bundle (usual on AWS IoT)"
        }
        Some(Chain::Verified) | None => "",
    };
    let (serial, id, dir) = (
        &device.serial_number,
        &device.certificate_id,
        vended.dir.display(),
    );
    Report {
        text: format!("{serial}: certificate {id} {did} in {dir}{note}"),
        json: json!({
            "serialNumber": device.serial_number,
            "thingName": device.thing_name,
            "certificateId": device.certificate_id,
            "endpoint": device.endpoint,
            "keyMode": device.key_mode,
            "outcome": outcome_name(vended.outcome),
            "readyAfterMillis": vended.ready_after.map(millis),
            "polls": vended.polls,
            "issuerVerified": vended.chain.map(|chain| chain == Chain::Verified),
            "dir": vended.dir,
        }),
        exit: ExitCode::SUCCESS,
    }
}

fn outcome_name(outcome: vend::Outcome) -> &'static str {
    match outcome {
        vend::Outcome::Installed => "installed",
        vend::Outcome::Confirmed => "confirmed",
        vend::Outcome::AlreadyDone => "alreadyDone",
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What `connect` came to.
pub(crate) fn connected_report(connected: &Connected) -> Report {
    let Connected {
        device,
        host,
        port,
        topic,
        connected_after,
        round_trip,
    } = connected;
    let (thing, connected_ms, trip_ms) = (
        &device.thing_name,
        millis(*connected_after),
        millis(*round_trip),
    );
    Report {
        text: format!(
            "{thing}: connected to {host}:{port} with mutual TLS in {connected_ms} ms; \
             a message on {topic} came back in {trip_ms} ms"
        ),
        json: json!({
            "thingName": thing,
            "certificateId": device.certificate_id,
            "host": host,
            "port": port,
            "topic": topic,
            "connectedAfterMillis": connected_ms,
            "roundTripMillis": trip_ms,
        }),
        exit: ExitCode::SUCCESS,
    }
}

/// A rule and what came of it, as one line of a table.
pub(crate) fn judged_line(outcome: &Outcome) -> String {
    let (verdict, reason) = verdict_words(&outcome.verdict);
    let line = format!("{verdict:<7} {:<21} {}", outcome.rule.id, outcome.rule.what);
    match reason {
        Some(reason) => format!("{line}: {reason}"),
        None => line,
    }
}

fn verdict_words(verdict: &Verdict) -> (&'static str, Option<&str>) {
    match verdict {
        Verdict::Passed => ("passed", None),
        Verdict::Failed(reason) => ("FAILED", Some(reason)),
        Verdict::Skipped(reason) => ("skipped", Some(reason)),
    }
}

/// What `conformance` came to.
pub(crate) fn judged_report(outcomes: &[Outcome]) -> Report {
    let count = |wanted| {
        let words = outcomes.iter().map(|o| verdict_words(&o.verdict).0);
        words.filter(|word| *word == wanted).count()
    };
    let (passed, failed, skipped) = (count("passed"), count("FAILED"), count("skipped"));
    let rules = outcomes.iter().map(|outcome| {
        let (verdict, reason) = verdict_words(&outcome.verdict);
        let (id, what) = (outcome.rule.id, outcome.rule.what);
        let verdict = verdict.to_ascii_lowercase();
        json!({"id": id, "what": what, "verdict": verdict, "reason": reason})
    });
    let rules: Vec<Value> = rules.collect();
    Report {
        text: format!("{passed} rules passed, {failed} failed, {skipped} skipped"),
        json: json!({"passed": passed, "failed": failed, "skipped": skipped, "rules": rules}),
        exit: ExitCode::from(u8::from(failed > 0)),
    }
}
