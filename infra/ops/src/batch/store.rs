//! The batch as any operator finds it: its page and its rows where the site keeps them.

use cvm_shared::operate::work::Batches;
use cvm_shared::trail::Hand;

use crate::batch::about::About;
use crate::batch::id::BatchId;
use crate::batch::manifest;
use crate::batch::manifest::Manifest;
use crate::site::Site;
use crate::trouble::Trouble;

/// The page about a batch, if it was ever begun.
pub(crate) async fn about(batches: &impl Batches, id: &BatchId) -> Result<Option<About>, Trouble> {
    let text = batches.about(id.as_str()).await;
    let text = text.map_err(|failure| Trouble::calling(&format!("batch {id}"), &failure))?;
    let read = |text: Vec<u8>| About::decode(&text);
    let about = text.map(read).transpose();
    about.map_err(|refusal| Trouble::refused(format!("batch {id}: {refusal}")))
}

/// The page and the rows of a batch.
pub(crate) async fn open(site: &Site, id: &BatchId) -> Result<(About, Manifest), Trouble> {
    let batches = site.batches().await?;
    let Some(about) = about(&batches, id).await? else {
        let message = format!("there is no batch {id}; cvmctl batch list has them all");
        return Err(Trouble::refused(message));
    };
    let mut file = manifest::empty()?;
    let fetched = batches.rows(id.as_str(), &mut file).await;
    fetched.map_err(|failure| Trouble::calling(&format!("batch {id}"), &failure))?;
    let manifest = Manifest::fetched(file, about.digest.clone())?;
    Ok((about, manifest))
}

/// Whether the batch was begun before with these very rows. With others, it is another batch of the same name.
pub(crate) async fn is_begun(
    batches: &impl Batches,
    id: &BatchId,
    manifest: &Manifest,
) -> Result<bool, Trouble> {
    let Some(about) = about(batches, id).await? else {
        return Ok(false);
    };
    if about.digest.rows_sha256 == manifest.digest.rows_sha256 {
        return Ok(true);
    }
    let rows = about.digest.rows;
    let message = format!("batch {id} has {rows} other rows already: give this file another --id");
    Err(Trouble::refused(message))
}

/// Begins the batch: first its rows, then its page, so that a page has its rows.
pub(crate) async fn begin(
    batches: &impl Batches,
    id: &BatchId,
    manifest: &Manifest,
    hand: &Hand,
) -> Result<(), Trouble> {
    let trouble = |failure| Trouble::calling(&format!("batch {id}"), &failure);
    let put = batches.put_rows(id.as_str(), manifest.path()).await;
    put.map_err(trouble)?;
    let by = hand.author.as_str().to_owned();
    let reason = hand
        .reason
        .as_ref()
        .map(|reason| reason.as_str().to_owned());
    let about = About::new(by, hand.at, reason, manifest.digest.clone());
    let begun = batches.begin(id.as_str(), about.encode()).await;
    if begun.map_err(trouble)? {
        return Ok(());
    }
    // Somebody was faster, or it was we and the answer was lost.
    is_begun(batches, id, manifest).await.map(|_| ())
}
