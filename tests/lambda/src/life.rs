//! One device's whole life on a lane, with a strike in the middle of it, and what came of it.

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_device::auth::Auth;
use cvm_device::install::KeyMode;
use cvm_device::vend::VendConfig;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Clock as _;
use cvm_shared::record::PolicyFrom;
use cvm_shared::record::Record;
use cvm_shared::secret::DeviceToken;
use cvm_shared::time::UnixMillis;
use cvm_testkit::sample;

use crate::backend::Backend;
use crate::backend::Certificate;
use crate::backend::Row;
use crate::error::Error;
use crate::fleet::obtain;
use crate::lane::Lane;
use crate::proxy::wire::Point;
use crate::proxy::wire::Strike;

/// How often the certificates of the device are looked at while it lives.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// What a device waits at first when it is told nothing; it doubles from there.
const RETRY_BASE: Duration = Duration::from_millis(200);

/// A life to be lived.
#[derive(Clone, Debug)]
pub struct Life {
    /// The device; nobody else may have its name.
    pub serial: SerialNumber,
    /// Who makes its key.
    pub mode: KeyMode,
    /// What goes wrong, if anything.
    pub aim: Option<(Point, Strike)>,
    /// How long it may take in all.
    pub limit: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether the call that was aimed at was made; nothing is proved by a strike that never came.
    pub struck: bool,
    /// What is wrong with the end, if anything.
    pub flaw: Option<Flaw>,
    /// From the first request to the last message done with.
    pub took: Duration,
    /// How many certificates were created.
    pub created: usize,
    /// Those of them that still exist and that no row names.
    pub orphans: Vec<Certificate>,
    /// The most ACTIVE certificates that its Thing was seen with.
    pub most_active: usize,
    /// All calls of its functions.
    pub calls: Vec<Point>,
}

impl Verdict {
    /// Whether the device is as well off as if nothing had happened.
    pub fn is_good(&self) -> bool {
        self.struck && self.flaw.is_none() && self.most_active <= 1
    }
}

/// What is wrong with the end of a life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The device gave up.
    GaveUp(String),
    /// The row is not Vended and confirmed.
    Row,
    /// The Thing has not exactly the row's certificate, ACTIVE.
    Certificates(usize),
    /// A certificate that no row names is ACTIVE.
    ActiveOrphan,
    /// A message is still in the queue.
    MessageLeft,
    /// A message went to the dead letters.
    DeadLetter,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GaveUp(cause) => write!(f, "gave up: {cause}"),
            Self::Row => f.write_str("row not vended and confirmed"),
            Self::Certificates(count) => write!(f, "{count} certificates, not the row's one"),
            Self::ActiveOrphan => f.write_str("an orphan is ACTIVE"),
            Self::MessageLeft => f.write_str("a message is left"),
            Self::DeadLetter => f.write_str("a dead letter"),
        }
    }
}

/// A device as an operator imports it, with the samples' token.
pub fn device(serial: &SerialNumber, policy: &PolicyName) -> Record {
    let mut device = sample::device(serial.as_str());
    device.binding.policy = PolicyFrom::Certificate(policy.clone());
    device
}

/// What that device needs to know; it installs into `dir`.
pub fn config(
    url: &str,
    serial: &SerialNumber,
    mode: KeyMode,
    dir: &Path,
) -> Result<VendConfig, Error> {
    let token = DeviceToken::parse(sample::TOKEN);
    let token = token.map_err(|_| Error::Usage("the samples' token is none".to_owned()))?;
    let mut config = VendConfig::new(url, serial.clone(), token, dir.join(serial.as_str()));
    config.key_mode = mode;
    // Who makes its own key proves its secret, too; the others send it, as the first devices did.
    config.auth = match mode {
        KeyMode::Csr => Auth::Proof,
        KeyMode::Keys => Auth::Token,
    };
    config.retry_base = RETRY_BASE;
    Ok(config)
}

/// Lives it to its end, and looks at what is left. The functions are started afresh, so that every life
/// makes the same calls.
pub async fn live(
    backend: &Backend,
    lane: &Lane,
    life: &Life,
    dir: &Path,
) -> Result<Verdict, Error> {
    let record = device(&life.serial, &backend.names().policy);
    live_as(backend, lane, life, &record, dir).await
}

/// The same of a device that was imported so.
pub async fn live_as(
    backend: &Backend,
    lane: &Lane,
    life: &Life,
    record: &Record,
    dir: &Path,
) -> Result<Verdict, Error> {
    lane.ingest.kill_all().await;
    lane.worker.kill_all().await;
    backend.put(record).await?;
    let dead_before = backend.depth(&lane.queues.dead).await?;
    lane.wire.begin(life.aim.clone());
    let began = SystemClock.now();
    let until = began.plus(life.limit);
    let config = config(lane.front.url(), &life.serial, life.mode, dir)?;
    let thing = record.binding.thing.as_str();
    let ended = Box::pin(async {
        let obtained = obtain(config, until).await.map(drop);
        (obtained, drained(backend, &lane.queues.work, until).await)
    });
    let mut most_active = 0;
    let (obtained, drained) = tokio::select! {
        ended = ended => ended,
        never = watch(backend, thing, &mut most_active) => match never {},
    };
    let left = Left {
        took: SystemClock.now().since(began),
        drained: drained?,
        dead_letter: backend.depth(&lane.queues.dead).await? > dead_before,
        row: backend.row(&life.serial).await?,
        attached: backend.certificates_of(thing).await?,
    };
    judged(backend, lane, life, obtained, most_active, left).await
}

/// What is there at the end of a life.
struct Left {
    took: Duration,
    drained: bool,
    dead_letter: bool,
    row: Row,
    attached: Vec<Certificate>,
}

impl Left {
    fn flaw(&self, obtained: Result<(), String>, orphans: &[Certificate]) -> Option<Flaw> {
        let its = |certificate: &Certificate| {
            certificate.active && self.row.certificate.as_ref() == Some(&certificate.id)
        };
        match obtained {
            Err(cause) => Some(Flaw::GaveUp(cause)),
            Ok(()) if !(self.row.vended && self.row.confirmed) => Some(Flaw::Row),
            Ok(()) if self.attached.len() != 1 || !self.attached.iter().all(its) => {
                Some(Flaw::Certificates(self.attached.len()))
            }
            Ok(()) if orphans.iter().any(|orphan| orphan.active) => Some(Flaw::ActiveOrphan),
            Ok(()) if !self.drained => Some(Flaw::MessageLeft),
            Ok(()) if self.dead_letter => Some(Flaw::DeadLetter),
            Ok(()) => None,
        }
    }
}

async fn judged(
    backend: &Backend,
    lane: &Lane,
    life: &Life,
    obtained: Result<(), String>,
    seen_active: usize,
    left: Left,
) -> Result<Verdict, Error> {
    let record = lane.wire.record();
    let others = record.certificates.iter();
    let others = others.filter(|id| left.row.certificate.as_ref() != Some(*id));
    let orphans = backend.existing(others).await?;
    let active = left
        .attached
        .iter()
        .filter(|certificate| certificate.active)
        .count();
    Ok(Verdict {
        struck: life.aim.is_none() || record.struck,
        flaw: left.flaw(obtained, &orphans),
        took: left.took,
        created: record.certificates.len(),
        orphans,
        most_active: seen_active.max(active),
        calls: record.calls,
    })
}

/// Whether the queue was empty in time.
async fn drained(backend: &Backend, queue: &str, until: UnixMillis) -> Result<bool, Error> {
    while backend.depth(queue).await? > 0 {
        if SystemClock.now() >= until {
            return Ok(false);
        }
        SystemClock.sleep(Duration::from_millis(200)).await;
    }
    Ok(true)
}

/// Looks at the Thing's certificates again and again. A look that fails is followed by another one.
async fn watch(backend: &Backend, thing: &str, most_active: &mut usize) -> Infallible {
    loop {
        if let Ok(attached) = backend.certificates_of(thing).await {
            let active = attached
                .iter()
                .filter(|certificate| certificate.active)
                .count();
            *most_active = active.max(*most_active);
        }
        SystemClock.sleep(LOOK_EVERY).await;
    }
}
