//! The dead letters in the database, worked off like a queue.

use std::time::Duration;

use cvm_shared::failure::Failure;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Intake;

use crate::dlq::letter::Letter;
use crate::dlq::post::HIDDEN;
use crate::dlq::post::PAGE;
use crate::dlq::post::Post;

/// A queue of dead letters that its taker reads itself.
#[derive(Clone, Debug)]
pub(crate) struct Shelf<Q>(pub(crate) Q);

impl<Q: Intake + Delivery> Post for Shelf<Q> {
    async fn take(&self) -> Result<Vec<Letter>, Failure> {
        let most = u32::try_from(PAGE).unwrap_or(1);
        let taken = self.0.receive(most, HIDDEN, Duration::ZERO).await?;
        Ok(taken.into_iter().map(Letter::from).collect())
    }

    async fn give_back(&self, receipts: &[String]) -> Result<(), Failure> {
        for receipt in receipts {
            self.0.postpone(receipt, Duration::ZERO).await?;
        }
        Ok(())
    }

    async fn remove(&self, receipt: &str) -> Result<(), Failure> {
        self.0.remove(receipt).await
    }
}
