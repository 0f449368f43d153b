//! One of the two stores of a move.

use std::collections::BTreeMap;

use backon::Retryable as _;
use cvm_aws::system::SystemClock;
use cvm_shared::entry::fact;
use cvm_shared::failure::Failure;
use cvm_shared::ids::SerialNumber;
use cvm_shared::operate::rows::Found;
use cvm_shared::operate::rows::Rows as _;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails as _;

use crate::batch::insist::Throttles;
use crate::batch::insist::insist;
use crate::patience::is_passing;
use crate::patience::patience;
use crate::site::Site;
use crate::store::DeviceTable;
use crate::store::KeyGuard;
use crate::store::TrailStore;
use crate::trouble::Trouble;

/// A store with all that is moved.
pub(super) struct Side {
    /// What it is called in messages.
    pub(super) name: String,
    pub(super) table: DeviceTable,
    pub(super) trails: TrailStore,
    pub(super) keys: KeyGuard,
    throttles: Throttles,
}

impl Side {
    /// The store of this site.
    pub(super) async fn of(site: &Site) -> Result<Self, Trouble> {
        let table = site.table().await?;
        Ok(Self {
            name: table.name().to_owned(),
            table,
            trails: site.trails().await?,
            keys: site.guard().await?,
            throttles: Throttles::default(),
        })
    }

    /// The rows of these devices, in their order, asked for until each has its answer.
    pub(super) async fn rows(&self, serials: &[SerialNumber]) -> Vec<Found> {
        let asked: Vec<&SerialNumber> = serials.iter().collect();
        insist(&SystemClock, &self.throttles, &asked, async |open| {
            let serials: Vec<_> = open.into_iter().cloned().collect();
            self.table.load_many(&serials).await
        })
        .await
    }

    /// This trail by its places.
    pub(super) async fn trail(&self, name: &str) -> Result<BTreeMap<String, Placed>, Failure> {
        let read = || self.trails.read(name);
        let read = read.retry(patience()).when(is_passing).await?;
        let placed = read.into_iter();
        Ok(placed.map(|entry| (entry.place.clone(), entry)).collect())
    }

    /// What a failed call means.
    pub(super) fn trouble(&self, failure: &Failure) -> Trouble {
        Trouble::calling(&self.name, failure)
    }
}

/// Whose trail an entry belongs to.
pub(super) fn owner(entry: &Placed) -> &str {
    entry.facts.get(fact::SERIAL).map_or("", String::as_str)
}
