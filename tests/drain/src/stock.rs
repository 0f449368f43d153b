//! What all devices of a run share: a key, a signing request, a certificate for it. Only their names differ.

use std::sync::OnceLock;

use cvm_shared::csr::Csr;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingName;
use cvm_shared::message::Order;
use cvm_shared::ports::Issuer as _;
use cvm_shared::ports::NewCertificate;
use cvm_shared::record::Record;
use cvm_shared::request::Generation;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::secret::PrivateKeyPem;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_testkit::issuer::MemoryIssuer;
use cvm_testkit::sample;
use cvm_testkit::time::HandClock;
use futures_util::FutureExt as _;

/// The golden ratio in 32 bits: its multiples are spread evenly.
const SPREAD: u32 = 0x9e37_79b9;

/// The shared things. The worker checks certificate against key as it always does.
#[derive(Debug)]
pub struct Stock {
    csr: Csr,
    prototype: Record,
    /// The certificate for the signing request.
    pub signed: NewCertificate,
    /// A certificate with a key of AWS IoT's making, and that key.
    pub made: (NewCertificate, PrivateKeyPem),
}

impl Stock {
    /// The stock of this process. Making its RSA key takes a moment, so there is one.
    pub fn shared() -> &'static Self {
        static STOCK: OnceLock<Stock> = OnceLock::new();
        STOCK.get_or_init(Self::new)
    }

    #[expect(
        clippy::expect_used,
        reason = "the testkit's issuer neither waits nor fails"
    )]
    fn new() -> Self {
        let issuer = MemoryIssuer::new(&[sample::POLICY], HandClock::new());
        let csr = sample::csr();
        let signed = issuer.create_from_csr(&csr).now_or_never();
        let made = issuer.create_with_keys().now_or_never();
        Self {
            signed: signed.and_then(Result::ok).expect("a certificate"),
            made: made.and_then(Result::ok).expect("a certificate and a key"),
            csr,
            prototype: sample::device("prototype"),
        }
    }

    /// What the device of this number asks for; such a part of all leave their keys to AWS IoT.
    pub fn order(&self, number: u32, keys: f64) -> Result<Order, Malformed> {
        let serial = serial(number)?;
        let key = if is_keyless(number, keys) {
            KeySource::Service
        } else {
            KeySource::Device(self.csr.clone())
        };
        Ok(Order {
            request: Request::new(&serial, Generation::FIRST, key),
            generation: Generation::FIRST,
            serial,
        })
    }

    /// Its row, as the door or the operator left it.
    pub fn row(&self, number: u32, keys: f64, asked_at: UnixMillis) -> Result<Record, Malformed> {
        let order = self.order(number, keys)?;
        let mut row = self.prototype.clone();
        row.binding.thing = ThingName::parse(order.serial.as_str())?;
        row.serial = order.serial;
        row.requested_at = Some(asked_at);
        row.state = State::Requested {
            request: order.request,
            issued: None,
        };
        Ok(row)
    }
}

fn is_keyless(number: u32, keys: f64) -> bool {
    f64::from(number.wrapping_mul(SPREAD)) < keys * f64::from(u32::MAX)
}

/// The serial number of the device of this number.
pub fn serial(number: u32) -> Result<SerialNumber, Malformed> {
    SerialNumber::parse(format!("D{number:08}"))
}

/// The number of the device with this serial number.
pub fn number(serial: &SerialNumber) -> Option<u32> {
    serial.as_str().strip_prefix('D')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names_and_kinds_of_their_own() {
        let stock = Stock::shared();
        let all = (0..1000).map(|number| stock.order(number, 0.3).unwrap());
        let keyless = all.filter(|order| order.request.key == KeySource::Service);
        assert!((280..320).contains(&keyless.count()));
        assert_eq!(number(&serial(4_000_000_000).unwrap()), Some(4_000_000_000));
        let row = stock.row(7, 0.0, UnixMillis(5)).unwrap();
        let order = stock.order(7, 0.0).unwrap();
        assert_eq!(row.state.request_id(), Some(&order.request.id));
    }
}
