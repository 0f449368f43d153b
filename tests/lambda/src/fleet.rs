//! Many devices at once, each with the device's own library, over HTTP, with the waits it is told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_device::install::KeyMode;
use cvm_device::vend::VendConfig;
use cvm_device::vend::vend;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Clock as _;
use cvm_shared::time::UnixMillis;
use futures_util::StreamExt as _;
use futures_util::TryStreamExt as _;
use futures_util::stream;
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::backend::Row;
use crate::error::Error;
use crate::life::config;
use crate::life::device;

/// How many calls of our own are under way at once.
const AT_ONCE: usize = 32;

/// A device of a fleet.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who it is.
    pub serial: SerialNumber,
    /// Who makes its key.
    pub mode: KeyMode,
}

/// What became of a device.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Who it is.
    pub serial: SerialNumber,
    /// From its first accepted request to the answer that held the certificate, if one run of it saw both; or why
    /// it has none.
    pub ended: Result<Option<Duration>, String>,
}

/// So many devices, this fraction of them in keys mode, spread evenly.
pub fn members(count: usize, keys: f64) -> Result<Vec<Member>, Error> {
    let member = |number: usize| {
        let made = keys_among(number + 1, keys) > keys_among(number, keys);
        let mode = if made { KeyMode::Keys } else { KeyMode::Csr };
        let name = format!("burst-{number:05}");
        let serial = SerialNumber::parse(&*name);
        let serial = serial.map_err(|_| Error::Usage(format!("{name} is no serial number")))?;
        Ok(Member { serial, mode })
    };
    (0..count).map(member).collect()
}

/// How many of the first so many devices are in keys mode.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of devices"
)]
fn keys_among(count: usize, keys: f64) -> usize {
    // A tenth is a little less than a tenth in binary: ten of them must still be one.
    (count as f64 * keys + 1e-6).floor() as usize
}

/// Imports them all.
pub async fn import(backend: &Backend, members: &[Member]) -> Result<(), Error> {
    let policy = &backend.names().policy;
    let put = async |member: &Member| backend.put(&device(&member.serial, policy)).await;
    let puts = stream::iter(members).map(put).buffer_unordered(AT_ONCE);
    Box::pin(puts.try_collect::<()>()).await
}

/// The rows of all of them, in their order.
pub async fn rows(backend: &Backend, members: &[Member]) -> Result<Vec<Row>, Error> {
    let row = async |member: &Member| backend.row(&member.serial).await;
    let rows = stream::iter(members).map(row).buffered(AT_ONCE);
    Box::pin(rows.try_collect()).await
}

/// Has all of them ask at the same moment, and waits until each has its certificate or time is up. `confirmed`
/// counts those that have. `ca_pem` has the authority of the server's certificate, if it is none that all know.
pub async fn vend_all(
    url: &str,
    ca_pem: &str,
    members: &[Member],
    dir: &Path,
    until: UnixMillis,
    confirmed: &Arc<AtomicUsize>,
) -> Result<Vec<Journey>, Error> {
    let mut under_way = JoinSet::new();
    for member in members {
        let mut config = config(url, &member.serial, member.mode, dir)?;
        config.retry_base = Duration::from_secs(1);
        ca_pem.clone_into(&mut config.ca_pem);
        let confirmed = confirmed.clone();
        under_way.spawn(async move {
            let serial = config.serial.clone();
            let ended = Box::pin(obtain(config, until)).await;
            confirmed.fetch_add(usize::from(ended.is_ok()), Ordering::SeqCst);
            Journey { serial, ended }
        });
    }
    Ok(under_way.join_all().await)
}

/// As a device does that is started again whenever it gave up.
pub(crate) async fn obtain(
    mut config: VendConfig,
    until: UnixMillis,
) -> Result<Option<Duration>, String> {
    loop {
        config.timeout = until.since(SystemClock.now());
        let vended = Box::pin(vend(&config, &|| SystemClock.now(), &|_| ())).await;
        match vended {
            Ok(vended) => return Ok(vended.ready_after),
            Err(error) if SystemClock.now().plus(Duration::from_secs(1)) >= until => {
                return Err(error.to_string());
            }
            Err(_) => SystemClock.sleep(Duration::from_secs(1)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modes_are_spread_evenly() {
        let keys = |count, fraction| {
            let members = members(count, fraction).unwrap();
            members
                .iter()
                .filter(|member| member.mode == KeyMode::Keys)
                .count()
        };
        assert_eq!(keys(10, 0.0), 0);
        assert_eq!(keys(10, 1.0), 10);
        assert_eq!(keys(400, 0.25), 100);
        assert_eq!(keys(20, 0.1), 2);
    }
}
