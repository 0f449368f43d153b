//! What has gone over the wire since the last device, and where to strike.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;

use super::name::Call;
use crate::runtime::locked;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strike {
    /// It is answered by an error and has no effect.
    Before,
    /// It has its effect, and its answer is lost.
    After,
    /// The caller is killed, and the call has no effect.
    KillBefore,
    /// The call has its effect, and the caller is killed before it learns of it.
    KillAfter,
    /// It has its effect twice.
    Twice,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "fails",
            Self::After => "answer lost",
            Self::KillBefore => "killed before",
            Self::KillAfter => "killed after",
            Self::Twice => "twice",
        })
    }
}

/// What a device's life is made of, as its functions see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The device asks.
    Submit,
    /// The worker issues.
    Work,
    /// The device asks how it stands.
    Poll,
    /// The device has all it needs, and says so.
    Confirm,
    /// The device asks for something else.
    Other,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submit => "submit",
            Self::Work => "work",
            Self::Poll => "poll",
            Self::Confirm => "confirm",
            Self::Other => "other",
        })
    }
}

/// One call of a life: the `nth` of its name (from 1) in its phase. Calls that run side by side come in any
/// order; this names them all the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The phase.
    pub phase: Phase,
    /// The call.
    pub call: Call,
    /// Which of several alike.
    pub nth: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.phase, self.call.operation)?;
        if self.nth > 1 {
            write!(f, " ({})", self.nth)?;
        }
        Ok(())
    }
}

/// The calls of all functions that one device needs, in one list, and the strike among them.
#[derive(Debug)]
pub struct Wire(Mutex<State>);

#[derive(Debug)]
struct State {
    phase: Phase,
    calls: Vec<Point>,
    aim: Option<(Point, Strike)>,
    struck: bool,
    certificates: BTreeSet<String>,
}

/// What was written down since the wire began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// All calls, in the order in which they came.
    pub calls: Vec<Point>,
    /// Whether the strike has come.
    pub struck: bool,
    /// The certificates that were created, known to the caller or not.
    pub certificates: BTreeSet<String>,
}

impl Default for Wire {
    fn default() -> Self {
        Self(Mutex::new(State {
            phase: Phase::Other,
            calls: Vec::new(),
            aim: None,
            struck: false,
            certificates: BTreeSet::new(),
        }))
    }
}

impl Wire {
    /// Begins anew, for another device: forgets all calls and takes aim, if there is anything to strike at.
    pub fn begin(&self, aim: Option<(Point, Strike)>) {
        let mut state = locked(&self.0);
        state.calls.clear();
        state.certificates.clear();
        state.struck = false;
        state.aim = aim;
    }

    /// What comes of no phase of its own is of this one from now on.
    pub fn enter(&self, phase: Phase) {
        locked(&self.0).phase = phase;
    }

    /// Writes a call down, of this phase or the one that was entered last; what is to happen to it.
    pub(crate) fn note(&self, phase: Option<Phase>, call: Call) -> Option<Strike> {
        let mut state = locked(&self.0);
        let phase = phase.unwrap_or(state.phase);
        let alike = |known: &&Point| known.phase == phase && known.call == call;
        let nth = state.calls.iter().filter(alike).count() + 1;
        let point = Point { phase, call, nth };
        let strike = state.aim.as_ref().filter(|(aim, _)| *aim == point);
        let strike = strike.map(|(_, strike)| *strike);
        state.struck |= strike.is_some();
        state.calls.push(point);
        strike
    }

    /// Looks through an answer for a certificate that was created.
    pub(crate) fn answered(&self, answer: &[u8]) {
        let text = String::from_utf8_lossy(answer);
        // Only the answers that create one hold it beside its PEM text.
        if let Some(id) = created(&text) {
            locked(&self.0).certificates.insert(id.to_owned());
        }
    }

    /// What has come so far.
    pub fn record(&self) -> Record {
        let state = locked(&self.0);
        Record {
            calls: state.calls.clone(),
            struck: state.struck,
            certificates: state.certificates.clone(),
        }
    }
}

fn created(answer: &str) -> Option<&str> {
    const NAME: &str = "\"certificateId\"";
    if !answer.contains("\"certificatePem\"") || answer.contains("\"certificateDescription\"") {
        return None;
    }
    let (_, rest) = answer.split_once(NAME)?;
    let id = rest.trim_start_matches([':', ' ', '"']).split('"').next()?;
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str) -> Call {
        Call {
            service: "iot".to_owned(),
            operation: operation.to_owned(),
        }
    }

    #[test]
    fn the_strike_falls_on_the_call_it_was_aimed_at_and_on_no_other() {
        let wire = Wire::default();
        let (phase, nth) = (Phase::Work, 2);
        let aim = Point {
            phase,
            call: call("a"),
            nth,
        };
        wire.begin(Some((aim.clone(), Strike::After)));
        wire.enter(Phase::Work);
        assert_eq!(wire.note(None, call("a")), None);
        wire.enter(Phase::Poll);
        assert_eq!(wire.note(None, call("a")), None);
        wire.enter(Phase::Work);
        assert_eq!(wire.note(None, call("b")), None);
        assert!(!wire.record().struck);
        assert_eq!(wire.note(Some(Phase::Confirm), call("a")), None);
        assert_eq!(wire.note(None, call("a")), Some(Strike::After));
        assert_eq!(wire.note(None, call("a")), None);
        assert!(wire.record().struck);
        assert!(wire.record().calls.contains(&aim));
        wire.begin(None);
        assert_eq!(wire.record().calls, []);
    }

    #[test]
    fn created_certificates_are_read_off_the_answers() {
        let id = "ab".repeat(32);
        let answer = format!(
            "HTTP/1.1 200 OK\r\n\r\n{{\"certificateId\": \"{id}\", \"certificatePem\": \"p\"}}"
        );
        assert_eq!(created(&answer), Some(id.as_str()));
        let described = format!(
            "{{\"certificateDescription\":{{\"certificateId\":\"{id}\",\"certificatePem\":\"p\"}}}}"
        );
        assert_eq!(created(&described), None);
    }
}
