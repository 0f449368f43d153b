//! A row of the catalogue: what is sent, what must come back, and what may be left.

use cvm_shared::record::Record;
use serde_json::Value;

use crate::event::Request;

/// What must come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A refusal of the closed list.
    Refused {
        /// The status.
        status: u16,
        /// The stable code.
        code: &'static str,
        /// The field that `detail` may name; none if there must be no detail.
        fields: &'static [&'static str],
        /// What `detail` must say beside the field, or nothing in particular.
        rule: &'static str,
    },
    /// 202 and an open request.
    Accepted,
    /// Another good answer with this status.
    Answered(u16),
}

/// What may be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Nothing.
    Nothing,
    /// Nothing, but the device was looked up.
    Lookup,
    /// One used nonce: the login was good, what came after it was not.
    Nonce,
    /// An open request of the device.
    Request,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number in the catalogue.
    pub id: &'static str,
    /// What is bad about it.
    pub what: String,
    /// The event.
    pub event: Value,
    /// What must come back.
    pub expected: Expected,
    /// What may be left.
    pub leaves: Leaves,
    /// Devices to import before.
    pub devices: Vec<Record>,
    /// Texts that must not come back.
    pub hidden: Vec<String>,
}

impl Row {
    /// The same, noticed only after the device was looked up.
    pub fn after_lookup(&mut self) -> &mut Self {
        self.leaves = Leaves::Lookup;
        self
    }

    /// The same, with a nonce used.
    pub fn uses_nonce(&mut self) -> &mut Self {
        self.leaves = Leaves::Nonce;
        self
    }

    /// The same, with a device of its own.
    pub fn with(&mut self, device: Record) -> &mut Self {
        self.devices.push(device);
        self
    }

    /// The same, with a text that must not come back.
    pub fn hides(&mut self, text: impl Into<String>) -> &mut Self {
        self.hidden.push(text.into());
        self
    }
}

/// Rows of one number.
#[derive(Clone, Debug)]
pub struct Rows {
    id: &'static str,
    /// The rows so far.
    pub list: Vec<Row>,
}

impl Rows {
    /// None yet.
    pub fn of(id: &'static str) -> Self {
        Self {
            id,
            list: Vec::new(),
        }
    }

    /// One more.
    pub fn add(
        &mut self,
        what: impl Into<String>,
        request: &Request,
        expected: Expected,
    ) -> &mut Row {
        self.add_event(what, request.event(), expected)
    }

    /// One more, of an event that no gateway would send.
    pub fn add_event(
        &mut self,
        what: impl Into<String>,
        event: Value,
        expected: Expected,
    ) -> &mut Row {
        let leaves = match expected {
            Expected::Accepted => Leaves::Request,
            Expected::Refused { .. } | Expected::Answered(_) => Leaves::Nothing,
        };
        self.list.push(Row {
            id: self.id,
            what: what.into(),
            event,
            expected,
            leaves,
            devices: Vec::new(),
            hidden: Vec::new(),
        });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }
}

/// Every field that a broken body may be told by: which one depends on where it breaks.
pub const ANY_FIELD: &[&str] = &["body", "serialNumber", "deviceToken", "csr"];

const fn refused(
    status: u16,
    code: &'static str,
    fields: &'static [&'static str],
    rule: &'static str,
) -> Expected {
    Expected::Refused {
        status,
        code,
        fields,
        rule,
    }
}

/// 400 for one of these fields.
pub const fn bad(fields: &'static [&'static str]) -> Expected {
    refused(400, "bad_request", fields, "")
}

/// 400 for a moment or a nonce.
pub const fn bad_nonce(fields: &'static [&'static str]) -> Expected {
    refused(400, "bad_nonce", fields, "")
}

/// The one 401.
pub const fn unauthorized() -> Expected {
    refused(401, "unauthorized", &[], "")
}

/// 404.
pub const fn not_found() -> Expected {
    refused(404, "not_found", &[], "")
}

/// 405.
pub const fn wrong_method() -> Expected {
    refused(405, "method_not_allowed", &[], "")
}

/// 409 with this code.
pub const fn conflict(code: &'static str) -> Expected {
    refused(409, code, &[], "")
}

/// 413.
pub const fn too_large() -> Expected {
    refused(413, "too_large", &[], "")
}

/// 415.
pub const fn wrong_type() -> Expected {
    refused(415, "unsupported_media_type", &[], "")
}

/// 422 for breaking this rule.
pub const fn bad_csr(rule: &'static str) -> Expected {
    refused(422, "bad_csr", &["csr"], rule)
}
