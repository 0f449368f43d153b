//! What a run came to, in numbers, and whether all of it is as it must be.

use std::collections::BTreeSet;
use std::time::Duration;

use cvm_device::install::KeyMode;
use serde_json::Value;
use serde_json::json;

use crate::proof::Proof;
use crate::vending::Journey;

/// A run's result.
#[derive(Debug)]
pub(crate) struct Figures {
    /// What became of each device.
    pub(crate) journeys: Vec<Journey>,
    /// How long the devices took until all were vended.
    pub(crate) vending: Duration,
    /// How long they then took until all had connected.
    pub(crate) connecting: Duration,
    /// The ids of all certificates that are ACTIVE.
    pub(crate) active: BTreeSet<String>,
    /// Messages left in the work queue.
    pub(crate) queued: u64,
    /// Messages left in the dead letters.
    pub(crate) dead: u64,
    /// Whether impostors were kept out.
    pub(crate) proof: Proof,
}

impl Figures {
    /// Whether all of it is as it must be.
    pub(crate) fn is_good(&self) -> bool {
        self.vended() == self.journeys.len()
            && self.connected() == self.journeys.len()
            && self.active == self.certificates()
            && (self.queued, self.dead) == (0, 0)
            && self.proof.other_name.is_refused()
            && self.proof.forged.is_refused()
    }

    /// How many devices have a certificate.
    pub(crate) fn vended(&self) -> usize {
        let vended = self
            .journeys
            .iter()
            .filter(|journey| journey.vended.is_ok());
        vended.count()
    }

    /// How many devices got their message back.
    pub(crate) fn connected(&self) -> usize {
        let connected = self
            .journeys
            .iter()
            .filter(|journey| journey.connected.is_ok());
        connected.count()
    }

    /// The certificates that the devices have.
    fn certificates(&self) -> BTreeSet<String> {
        let vended = self
            .journeys
            .iter()
            .filter_map(|journey| journey.vended.as_ref().ok());
        vended
            .map(|vended| vended.device.certificate_id.to_string())
            .collect()
    }

    /// How long it took from submission to readiness, of this mode's devices or of all, sorted.
    pub(crate) fn ready(&self, mode: Option<KeyMode>) -> Vec<Duration> {
        let meant = self
            .journeys
            .iter()
            .filter(|journey| mode.is_none_or(|mode| journey.mode == mode));
        let vended = meant.filter_map(|journey| journey.vended.as_ref().ok());
        let mut times: Vec<Duration> = vended.filter_map(|vended| vended.ready_after).collect();
        times.sort_unstable();
        times
    }

    /// All of it, for programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "ok": self.is_good(),
            "devices": self.journeys.len(),
            "vended": self.vended(),
            "connected": self.connected(),
            "vendingMillis": millis(self.vending),
            "connectingMillis": millis(self.connecting),
            "submitToReadyMillis": {
                "all": spread(&self.ready(None)),
                "csr": spread(&self.ready(Some(KeyMode::Csr))),
                "keys": spread(&self.ready(Some(KeyMode::Keys))),
            },
            "activeCertificates": self.active.len(),
            "queued": self.queued,
            "deadLetters": self.dead,
            "impostorsRefused": {
                "otherName": self.proof.other_name.reason(),
                "forgedCertificate": self.proof.forged.reason(),
            },
            "rows": self.journeys.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

fn row(journey: &Journey) -> Value {
    let (vended, connected) = (journey.vended.as_ref(), journey.connected.as_ref());
    json!({
        "serialNumber": journey.serial,
        "mode": journey.mode,
        "certificateId": vended.ok().map(|vended| &vended.device.certificate_id),
        "thingName": vended.ok().map(|vended| &vended.device.thing_name),
        "submitToReadyMillis": vended.ok().and_then(|vended| vended.ready_after).map(millis),
        "polls": vended.ok().map(|vended| vended.polls),
        "mqttConnectMillis": connected.ok().map(|connected| millis(connected.connected_after)),
        "mqttRoundTripMillis": connected.ok().map(|connected| millis(connected.round_trip)),
        "error": vended.err().or(connected.err()),
    })
}

fn spread(sorted: &[Duration]) -> Value {
    json!({
        "p50": percentile(sorted, 50).map(millis),
        "p99": percentile(sorted, 99).map(millis),
        "max": sorted.last().copied().map(millis),
    })
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The least of the sorted values that `percent` of them do not exceed (the nearest rank).
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Verdict;

    fn good() -> Figures {
        Figures {
            journeys: Vec::new(),
            vending: Duration::from_secs(2),
            connecting: Duration::from_secs(1),
            active: BTreeSet::new(),
            queued: 0,
            dead: 0,
            proof: Proof {
                other_name: Verdict::Refused(String::new()),
                forged: Verdict::Refused(String::new()),
            },
        }
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<Duration> = (1..=10).map(Duration::from_secs).collect();
        let seconds = |percent| percentile(&values, percent).map(|span| span.as_secs());
        assert_eq!(seconds(50), Some(5));
        assert_eq!(seconds(99), Some(10));
        assert_eq!(seconds(0), Some(1));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn one_flaw_spoils_it() {
        assert!(good().is_good());
        let flaws: [fn(&mut Figures); 5] = [
            |figures| figures.queued = 1,
            |figures| figures.dead = 1,
            |figures| figures.proof.other_name = Verdict::LetIn,
            |figures| figures.proof.forged = Verdict::Unknown(String::new()),
            |figures| _ = figures.active.insert("nobody's".to_owned()),
        ];
        for flaw in flaws {
            let mut figures = good();
            flaw(&mut figures);
            assert!(!figures.is_good(), "{figures:?}");
            assert_eq!(figures.json()["ok"], false);
        }
    }

    #[test]
    fn a_device_without_certificate_or_message_spoils_it() {
        let mut figures = good();
        figures.journeys.push(Journey {
            serial: cvm_shared::ids::SerialNumber::parse("SN-1").expect("a serial number"),
            mode: KeyMode::Csr,
            vended: Err("refused".to_owned()),
            connected: Err("not tried".to_owned()),
        });
        assert!(!figures.is_good());
        assert_eq!(figures.json()["rows"][0]["error"], "refused");
    }
}
