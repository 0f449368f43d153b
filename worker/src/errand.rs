//! What the janitor is sent to do: the event that its function is called with.

use cvm_shared::ids::Malformed;
use serde_json::Value;

/// How one round differs from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errand {
    /// Only counts what it would do.
    pub report_only: bool,
}

impl Errand {
    /// Reads an event. The schedule's says nothing of it; one that says it wrongly is refused, for who wanted only a
    /// report must not have certificates deleted.
    pub fn read(event: &Value) -> Result<Self, Malformed> {
        let report_only = match event.get("reportOnly") {
            None => false,
            Some(Value::Bool(wanted)) => *wanted,
            Some(_) => return Err(Malformed::new("reportOnly", "must be true or false")),
        };
        Ok(Self { report_only })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_schedule_wants_all_done() {
        let event = json!({ "source": "aws.events", "detail": { "reportOnly": true } });
        assert_eq!(Errand::read(&event), Ok(Errand::default()));
        assert_eq!(Errand::read(&Value::Null), Ok(Errand::default()));
    }

    #[test]
    fn an_operator_may_want_a_report() {
        let read = |wanted: Value| Errand::read(&json!({ "reportOnly": wanted }));
        assert_eq!(read(json!(true)), Ok(Errand { report_only: true }));
        assert_eq!(read(json!(false)), Ok(Errand::default()));
        for wrong in [json!("true"), json!(1), json!(null)] {
            assert!(read(wrong).is_err());
        }
    }
}
