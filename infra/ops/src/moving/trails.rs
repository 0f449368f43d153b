//! Trails, copied and compared, entry by entry.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use backon::Retryable as _;
use cvm_shared::failure::Failure;
use cvm_shared::operate::trails::ENTRIES;
use cvm_shared::operate::trails::Placed;
use cvm_shared::operate::trails::Trails as _;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::moving::side::Side;
use crate::moving::side::owner;
use crate::moving::tally::Part;
use crate::moving::tally::Tally;
use crate::patience::is_passing;
use crate::patience::patience;
use crate::trouble::Trouble;

/// How many trails are read at once.
const AT_ONCE: usize = 8;

/// What there is to say about an entry on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Same,
    New,
    Other,
    Missing,
}

/// Adds each entry of `from` at `to`; whether it came to the end.
pub(super) async fn copy(
    from: &Side,
    to: &Side,
    tally: &mut Tally<'_>,
    stop: &AtomicBool,
) -> Result<bool, Trouble> {
    walk((from, to), tally, stop, true, async |part: &[Placed]| {
        let add = || to.trails.add(part);
        let new = add.retry(patience()).when(is_passing).await?;
        let told: Vec<&Placed> = part
            .iter()
            .zip(&new)
            .filter(|(_, new)| !**new)
            .map(|(entry, _)| entry)
            .collect();
        let mut told = beside(to, &told).await?.into_iter();
        let fate = |new: bool| {
            if new {
                Fate::New
            } else {
                told.next().unwrap_or(Fate::Missing)
            }
        };
        Ok(new.into_iter().map(fate).collect())
    })
    .await
}

/// Looks for each entry of `here` at `there`. What differs is told from one side only.
pub(super) async fn compare(
    (here, there): (&Side, &Side),
    tally: &mut Tally<'_>,
    stop: &AtomicBool,
    is_first: bool,
) -> Result<bool, Trouble> {
    walk(
        (here, there),
        tally,
        stop,
        is_first,
        async |part: &[Placed]| beside(there, &part.iter().collect::<Vec<_>>()).await,
    )
    .await
}

async fn walk(
    (here, there): (&Side, &Side),
    tally: &mut Tally<'_>,
    stop: &AtomicBool,
    tells_others: bool,
    handle: impl AsyncFn(&[Placed]) -> Result<Vec<Fate>, Failure>,
) -> Result<bool, Trouble> {
    let mut next = None;
    loop {
        let page = || here.trails.page(next.clone());
        let page = page.retry(patience()).when(is_passing).await;
        let page = page.map_err(|failure| here.trouble(&failure))?;
        for part in page.entries.chunks(ENTRIES) {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let fates = handle(part).await;
            let fates = fates.map_err(|failure| there.trouble(&failure))?;
            tally.looked_at(Part::Trails, part.len());
            for (entry, fate) in part.iter().zip(fates) {
                let name = format!("{} {}", owner(entry), entry.place);
                match fate {
                    Fate::New => tally.of(Part::Trails).new += 1,
                    Fate::Other if tells_others => {
                        let problem = format!("another entry stands there at {}", there.name);
                        tally.problem(Part::Trails, &name, &problem);
                    }
                    Fate::Same | Fate::Other => {}
                    Fate::Missing => {
                        let problem = format!("missing at {}", there.name);
                        tally.problem(Part::Trails, &name, &problem);
                    }
                }
            }
        }
        next = page.next;
        if next.is_none() {
            return Ok(true);
        }
    }
}

/// What stands there where these entries stand here, in their order.
async fn beside(there: &Side, entries: &[&Placed]) -> Result<Vec<Fate>, Failure> {
    let names: BTreeSet<&str> = entries.iter().map(|entry| owner(entry)).collect();
    let read = async |name: &str| Ok((name.to_owned(), there.trail(name).await?));
    let reads: Vec<_> = names.into_iter().map(read).collect();
    let trails: Vec<Result<_, Failure>> = stream::iter(reads).buffered(AT_ONCE).collect().await;
    let trails: BTreeMap<String, BTreeMap<String, Placed>> =
        trails.into_iter().collect::<Result<_, _>>()?;
    let fate = |entry: &&Placed| {
        let found = trails.get(owner(entry));
        match found.and_then(|trail| trail.get(&entry.place)) {
            None => Fate::Missing,
            Some(found) if found == *entry => Fate::Same,
            Some(_) => Fate::Other,
        }
    };
    Ok(entries.iter().map(fate).collect())
}
