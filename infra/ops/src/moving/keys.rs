//! Whose public key is whose, copied and compared.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use backon::Retryable as _;
use cvm_shared::failure::Failure;
use cvm_shared::operate::moving::Bound;
use cvm_shared::operate::moving::Keys as _;
use cvm_shared::ports::Guard as _;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::moving::side::Side;
use crate::moving::tally::Part;
use crate::moving::tally::Tally;
use crate::patience::is_passing;
use crate::patience::patience;
use crate::trouble::Trouble;

/// How many keys are looked after at once.
const AT_ONCE: usize = 16;

/// What there is to say about a key on the other side.
enum Fate {
    Same,
    New,
    Other,
    Missing,
}

/// Binds each key of `from` at `to`; whether it came to the end.
pub(super) async fn copy(
    from: &Side,
    to: &Side,
    tally: &mut Tally<'_>,
    stop: &AtomicBool,
) -> Result<bool, Trouble> {
    walk((from, to), tally, stop, true, async |bound: &Bound| {
        let fate = look(to, bound).await?;
        match fate {
            Fate::Missing if bind(to, bound).await? => Ok(Fate::New),
            Fate::Missing => Ok(Fate::Other),
            Fate::Same | Fate::New | Fate::Other => Ok(fate),
        }
    })
    .await
}

/// Looks for each key of `here` at `there`. Who differs is told from one side only.
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
        async |bound: &Bound| look(there, bound).await,
    )
    .await
}

async fn walk(
    (here, there): (&Side, &Side),
    tally: &mut Tally<'_>,
    stop: &AtomicBool,
    tells_others: bool,
    handle: impl AsyncFn(&Bound) -> Result<Fate, Failure>,
) -> Result<bool, Trouble> {
    let mut next = None;
    loop {
        let page = || here.keys.bound(next.clone());
        let page = page.retry(patience()).when(is_passing).await;
        let (page, after) = page.map_err(|failure| here.trouble(&failure))?;
        for part in page.chunks(AT_ONCE * 8) {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let fates: Vec<_> = part.iter().map(|bound| handle(bound)).collect();
            let fates: Vec<_> = stream::iter(fates).buffered(AT_ONCE).collect().await;
            tally.looked_at(Part::Keys, part.len());
            for ((key, serial), fate) in part.iter().zip(fates) {
                let name = key.to_hex();
                match fate.map_err(|failure| there.trouble(&failure))? {
                    Fate::Same => {}
                    Fate::New => tally.of(Part::Keys).new += 1,
                    Fate::Other if !tells_others => {}
                    Fate::Other => {
                        let problem = format!(
                            "is bound to {serial} here, and to another device at {}",
                            there.name
                        );
                        tally.problem(Part::Keys, &name, &problem);
                    }
                    Fate::Missing => {
                        let problem = format!("of {serial}: missing at {}", there.name);
                        tally.problem(Part::Keys, &name, &problem);
                    }
                }
            }
        }
        next = after;
        if next.is_none() {
            return Ok(true);
        }
    }
}

async fn look(there: &Side, (key, serial): &Bound) -> Result<Fate, Failure> {
    let look = || there.keys.holder(*key);
    let holder = look.retry(patience()).when(is_passing).await?;
    Ok(match holder {
        None => Fate::Missing,
        Some(holder) if holder == *serial => Fate::Same,
        Some(_) => Fate::Other,
    })
}

async fn bind(there: &Side, (key, serial): &Bound) -> Result<bool, Failure> {
    let bind = || there.keys.bind_key(*key, serial);
    bind.retry(patience()).when(is_passing).await
}
