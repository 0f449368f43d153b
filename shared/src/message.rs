//! The queue message: an order to a worker. It holds no secret, and it alone is enough to start.
//!
//! The order carries the public signing request because it is sent *before* the row is marked: if
//! the door dies in between, the worker can still do what was asked.

use serde::Deserialize;
use serde::Serialize;

use crate::csr::Csr;
use crate::ids::Malformed;
use crate::ids::SerialNumber;
use crate::request::Generation;
use crate::request::KeySource;
use crate::request::Request;

/// The version that this code writes and reads.
const VERSION: u32 = 1;

/// An order: issue this device's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The device.
    pub serial: SerialNumber,
    /// Its generation when it asked; an order of an earlier one is moot.
    pub generation: Generation,
    /// What it asked for.
    pub request: Request,
}

/// The order as JSON. Unknown fields are let through, so that version 1 may grow optional ones.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    v: u32,
    request_id: String,
    serial_number: SerialNumber,
    generation: Generation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    csr: Option<String>,
}

impl Order {
    /// The text of the message.
    pub fn encode(&self) -> String {
        let wire = Wire {
            v: VERSION,
            request_id: self.request.id.to_string(),
            serial_number: self.serial.clone(),
            generation: self.generation,
            csr: match &self.request.key {
                KeySource::Device(csr) => Some(csr.pem().to_owned()),
                KeySource::Service => None,
            },
        };
        serde_json::json!(wire).to_string()
    }

    /// Reads a message. A refusal says what is wrong with its form and repeats nothing of it.
    pub fn decode(text: &str) -> Result<Self, Malformed> {
        let refuse = |rule: &str| Malformed::new("message", rule);
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|_| refuse("is not JSON"))?;
        if value.get("v").and_then(serde_json::Value::as_u64) != Some(VERSION.into()) {
            return Err(refuse("is not of version 1"));
        }
        let wire: Wire =
            serde_json::from_value(value).map_err(|_| refuse("lacks a field or has a bad one"))?;
        let key = match wire.csr {
            Some(pem) => KeySource::Device(Csr::parse(&pem)?),
            None => KeySource::Service,
        };
        let request = Request::new(&wire.serial_number, wire.generation, key);
        if request.id.as_str() != wire.request_id {
            return Err(refuse("names a request that it does not hold"));
        }
        Ok(Self {
            serial: wire.serial_number,
            generation: wire.generation,
            request,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        let serial = SerialNumber::parse("SN-1").unwrap();
        let request = Request::new(&serial, Generation::FIRST, KeySource::Service);
        Order {
            serial,
            generation: Generation::FIRST,
            request,
        }
    }

    #[test]
    fn an_order_reads_back() {
        assert_eq!(Order::decode(&order().encode()).unwrap(), order());
    }

    /// Messages outlive deployments: this text must be readable for as long as version 1 lives.
    #[test]
    fn its_text_is_pinned() {
        let expected = concat!(
            r#"{"generation":1,"requestId":"c7cd19babd275c2b93a9008e96ec224e","#,
            r#""serialNumber":"SN-1","v":1}"#
        );
        assert_eq!(order().encode(), expected);
    }

    #[test]
    fn what_is_no_order_says_why_and_repeats_nothing() {
        let other = order().encode().replace("SN-1", "SN-2");
        let future = order().encode().replace("\"v\":1", "\"v\":2");
        for (text, rule) in [
            ("", "is not JSON"),
            ("[]", "is not of version 1"),
            (future.as_str(), "is not of version 1"),
            ("{\"v\":1}", "lacks a field or has a bad one"),
            (other.as_str(), "names a request that it does not hold"),
        ] {
            assert_eq!(
                Order::decode(text).unwrap_err(),
                Malformed::new("message", rule)
            );
        }
    }

    #[test]
    fn a_field_from_a_later_writer_is_let_through() {
        let text = order()
            .encode()
            .replace("\"v\":1", "\"v\":1,\"later\":true");
        assert_eq!(Order::decode(&text).unwrap(), order());
    }
}
