//! The sign to stop: given once, seen by all parts of the server.

use tokio::sync::watch;

/// Gives the sign.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Sees it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// A sign, not given yet.
pub fn sign() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Gives it.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether it was given.
    pub fn is_given(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is given; also when nobody is left who could.
    pub async fn given(&mut self) {
        let _gone = self.0.wait_for(|given| *given).await;
    }
}
