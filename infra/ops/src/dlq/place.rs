//! Where the dead letters of this site are, and the table that tells of their devices.

use cvm_aws::queue::SqsQueue;
use cvm_aws::registry::DynamoRegistry;
use cvm_shared::ports::Depth as _;

use crate::dlq::post::SqsPost;
use crate::dlq::report::calling;
use crate::site::Part;
use crate::site::Site;
use crate::trouble::Trouble;

/// What every command about dead letters looks at.
pub(super) struct Place {
    /// The dead letters' queue.
    pub(super) url: String,
    /// The dead letters.
    pub(super) post: SqsPost,
    /// The device table.
    pub(super) registry: DynamoRegistry,
    queue: SqsQueue,
}

impl Place {
    /// The place of this site.
    pub(super) async fn open(site: &Site) -> Result<Self, Trouble> {
        let url = site.name(Part::DeadLetters).await?;
        Ok(Self {
            post: SqsPost::new(site.sqs(), url.clone()),
            registry: site.registry().await?,
            queue: SqsQueue::new(site.sqs(), url.clone()),
            url,
        })
    }

    /// About how many letters there are.
    pub(super) async fn depth(&self) -> Result<u64, Trouble> {
        let depth = self.queue.depth().await;
        depth.map_err(|failure| calling(&failure))
    }
}
