//! The rows of a kept batch beside their devices' rows, a hundred at a time.

use cvm_aws::system::SystemClock;
use cvm_shared::failure::Failure;
use cvm_shared::operate::rows::Found;
use cvm_shared::operate::rows::ROWS;
use cvm_shared::operate::rows::Rows as _;

use crate::batch::insist::Throttles;
use crate::batch::insist::insist;
use crate::batch::manifest::Manifest;
use crate::batch::manifest::Rows;
use crate::batch::row::Bad;
use crate::batch::row::Row;
use crate::batch::row::Wanted;
use crate::batch::standing::Standing;
use crate::site::Site;
use crate::store::DeviceTable;
use crate::trouble::Trouble;

/// A row of a batch, and what the table has for it.
#[derive(Clone, Debug)]
pub(crate) enum Pair {
    /// A sound row, what was found, and how it stands.
    Sound(Box<Wanted>, Box<Found>, Standing),
    /// A bad one.
    Bad(Bad),
}

impl Pair {
    /// How the row stands.
    pub(crate) fn standing(&self) -> Standing {
        match self {
            Self::Sound(_, _, standing) => *standing,
            Self::Bad(_) => Standing::Bad,
        }
    }
}

/// A read through a batch.
pub(crate) struct Reading {
    /// The device table.
    pub(crate) table: DeviceTable,
    throttles: Throttles,
    rows: Rows,
}

impl Reading {
    /// A read of this batch from its beginning.
    pub(crate) async fn new(site: &Site, manifest: &Manifest) -> Result<Self, Trouble> {
        Ok(Self {
            table: site.table().await?,
            throttles: Throttles::default(),
            rows: manifest.rows()?,
        })
    }

    /// The next rows; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Pair>>, Trouble> {
        let Some(rows) = self.rows.next_rows(ROWS)? else {
            return Ok(None);
        };
        let pairs = self.pairs(rows).await;
        let pairs = pairs.map_err(|failure| Trouble::calling("the device table", &failure));
        pairs.map(Some)
    }

    async fn pairs(&self, rows: Vec<Row>) -> Result<Vec<Pair>, Failure> {
        let sound = |row: &'_ Row| match row {
            Row::Sound(wanted) => Some(wanted.serial.clone()),
            Row::Bad(_) => None,
        };
        let serials: Vec<_> = rows.iter().filter_map(sound).collect();
        let asked: Vec<&_> = serials.iter().collect();
        let found = insist(&SystemClock, &self.throttles, &asked, async |open| {
            let serials: Vec<_> = open.into_iter().cloned().collect();
            self.table.load_many(&serials).await
        });
        let mut found = found.await.into_iter();
        let pair = |row: Row| match row {
            Row::Sound(wanted) => {
                let found = found.next().unwrap_or(Err(Failure::OutOfTime));
                let standing = Standing::found(&found, wanted.public_key())?;
                Ok(Pair::Sound(Box::new(wanted), Box::new(found), standing))
            }
            Row::Bad(bad) => Ok(Pair::Bad(bad)),
        };
        rows.into_iter().map(pair).collect()
    }
}
