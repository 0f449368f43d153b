//! `cvmctl devices reset|disable|enable|revoke`: one conditional write a device, in the operator's name.

use std::sync::atomic::Ordering;

use clap::Args;
use clap::ValueEnum;
use cvm_shared::event::Event;
use cvm_shared::event::Refusal;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Registry;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Disuse;
use cvm_shared::trail::Hand;
use cvm_shared::transition::next;
use cvm_shared::write::Written;
use cvm_shared::write::write;
use serde_json::Value;

use crate::cli::Care;
use crate::cli::Exit;
use crate::cli::serial;
use crate::context::Context;
use crate::trouble::Trouble;

pub(super) const REVOKING: &str = "\
The device can log in no more from this moment on. Its certificate is put out of use by the janitor's next
round, at the latest after SweepMinutes; cvmctl sweep sends it round now. Without --keep it is deleted.
With --keep it stays in AWS IoT, INACTIVE or REVOKED, until the device is enabled again. Of a device that is
revoked already, what is left can be treated otherwise by another call.";

const COLUMNS: &[&str] = &["productid", "result", "state", "certificateId"];

/// Which devices to change.
#[derive(Args, Debug)]
pub struct Change {
    /// The devices
    #[arg(value_name = "SERIAL", value_parser = serial, required = true)]
    serials: Vec<SerialNumber>,
    #[command(flatten)]
    care: Care,
}

/// Which devices to revoke, and what becomes of their certificates.
#[derive(Args, Debug)]
pub struct Revoke {
    /// Keep the certificate in AWS IoT, with this status, instead of deleting it
    #[arg(long, value_enum, value_name = "STATUS")]
    keep: Option<Status>,
    #[command(flatten)]
    change: Change,
}

/// The status of a certificate that nobody can use.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Inactive,
    Revoked,
}

impl From<Status> for Disuse {
    fn from(status: Status) -> Self {
        match status {
            Status::Inactive => Self::Inactive,
            Status::Revoked => Self::Revoked,
        }
    }
}

/// What to do to them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Reset,
    Disable,
    Enable,
    Revoke { keep: Option<Disuse> },
}

impl Deed {
    fn event(self) -> Event {
        match self {
            Self::Reset => Event::Reset,
            Self::Disable => Event::Disable,
            Self::Enable => Event::Enable,
            Self::Revoke { keep } => Event::Revoke { keep },
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Revoke { .. } => "revoke",
        }
    }
}

/// What became of one device.
enum Fate {
    Done(Record),
    Would(Record),
    Refused(Record, Refusal),
    Unknown,
}

impl Revoke {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let keep = self.keep.map(Disuse::from);
        self.change.run(context, Deed::Revoke { keep }).await
    }
}

impl Change {
    pub(super) async fn run(self, context: &Context, deed: Deed) -> Result<Exit, Trouble> {
        let site = context.site().await?;
        let registry = site.table().await?;
        let hand = if self.care.dry_run {
            None
        } else {
            context.consent(&self.care, &question(deed, &self.serials))?;
            Some(site.hand(self.care.reason.clone()).await?)
        };
        let stop = context.stop();
        let mut rows = Vec::new();
        let mut end = Ok(Exit::Done);
        for serial in &self.serials {
            if stop.load(Ordering::Relaxed) {
                end = Ok(Exit::Stopped);
                break;
            }
            match one(&registry, hand.as_ref(), serial, &deed.event()).await {
                Ok(fate) => {
                    rows.push(row(serial, deed, &fate));
                    end = end.map(|exit| if fate.is_well() { exit } else { Exit::Refused });
                }
                Err(failure) => {
                    end = Err(Trouble::calling(&format!("device {serial}"), &failure));
                    break;
                }
            }
        }
        // Whatever stopped it: what was done until then is told.
        context.printer(COLUMNS).page(&rows);
        end
    }
}

fn question(deed: Deed, serials: &[SerialNumber]) -> String {
    let what = match serials {
        [one] => format!("device {one}"),
        _ => format!("{} devices", serials.len()),
    };
    match deed {
        Deed::Reset => format!("Reset {what}? A certificate that is in use stops working."),
        Deed::Revoke { .. } => {
            format!("Revoke {what}? A certificate that is in use stops working.")
        }
        Deed::Disable => format!("Disable {what}?"),
        Deed::Enable => format!("Enable {what}?"),
    }
}

async fn one(
    registry: &impl Registry,
    hand: Option<&Hand>,
    serial: &SerialNumber,
    event: &Event,
) -> Result<Fate, Failure> {
    let Some(row) = registry.load(serial).await? else {
        return Ok(Fate::Unknown);
    };
    let Some(hand) = hand else {
        return Ok(match next(&row, event) {
            Ok(after) => Fate::Would(after),
            Err(refusal) => Fate::Refused(row, refusal),
        });
    };
    Ok(match write(registry, hand, row, |_| event.clone()).await? {
        Written::Applied(row) => Fate::Done(row),
        Written::Refused(row, refusal) => Fate::Refused(row, refusal),
    })
}

impl Fate {
    /// Whether the device is now, or would be, as the operator wants it.
    fn is_well(&self) -> bool {
        match self {
            Self::Done(_) | Self::Would(_) | Self::Refused(_, Refusal::Already) => true,
            Self::Refused(..) | Self::Unknown => false,
        }
    }
}

fn row(serial: &SerialNumber, deed: Deed, fate: &Fate) -> Vec<Value> {
    let result = match fate {
        Fate::Done(_) => "done".to_owned(),
        Fate::Would(_) => format!("would {}", deed.verb()),
        Fate::Refused(_, Refusal::Already) => "was so already".to_owned(),
        Fate::Refused(_, Refusal::HasCertificate) => {
            "has a certificate: revoke or reset it".to_owned()
        }
        Fate::Refused(_, refusal) => format!("refused: {refusal:?}"),
        Fate::Unknown => "no such device".to_owned(),
    };
    let (Fate::Done(row) | Fate::Would(row) | Fate::Refused(row, _)) = fate else {
        return vec![
            serial.as_str().into(),
            result.into(),
            Value::Null,
            Value::Null,
        ];
    };
    let certificate = row
        .state
        .issued()
        .map(|issued| issued.certificate_id.to_string());
    vec![
        serial.as_str().into(),
        result.into(),
        row.state.name().into(),
        certificate.into(),
    ]
}
