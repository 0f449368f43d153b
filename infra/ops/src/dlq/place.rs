//! Where the dead letters of this site are, and the table that tells of their devices.

use cvm_shared::operate::work::Levels;

use crate::dlq::report::calling;
use crate::site::Site;
use crate::store::DeviceTable;
use crate::store::Letters;
use crate::trouble::Trouble;

/// What every command about dead letters looks at.
pub(super) struct Place {
    /// The dead letters.
    pub(super) post: Letters,
    /// The device table.
    pub(super) registry: DeviceTable,
}

impl Place {
    /// The place of this site.
    pub(super) async fn open(site: &Site) -> Result<Self, Trouble> {
        Ok(Self {
            post: site.letters().await?,
            registry: site.table().await?,
        })
    }
}

/// About how many letters there are.
pub(super) async fn depth(site: &Site) -> Result<u64, Trouble> {
    let levels = site.letter_gauge().await?.levels().await;
    levels.map(Levels::all).map_err(|failure| calling(&failure))
}
