//! The operator: resets, revokes, makes what is missing, sends dead letters again.

use std::cell::Cell;
use std::time::Duration;

use cvm_shared::event::Event;
use cvm_shared::ports::Registry as _;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::OperatorName;
use cvm_shared::write::Written;
use cvm_shared::write::write;

use crate::fleet;
use crate::scenario::Act;
use crate::world::Site;

/// How long an operator waits before a call that failed is made again.
const AGAIN: Duration = Duration::from_secs(30);

/// An operator at the console.
#[derive(Debug)]
pub struct Operator {
    site: Site,
    replayed: Cell<usize>,
}

impl Operator {
    /// The operator of this site.
    pub fn new(site: &Site) -> Self {
        Self {
            site: site.clone(),
            replayed: Cell::new(0),
        }
    }

    /// Does what is planned, when it is.
    pub async fn work(&self) {
        for (at, act) in self.site.scenario.acts.clone() {
            self.site.at(at).await;
            self.site.tell(|| format!("operator: {act:?}"));
            self.act(act).await;
        }
    }

    async fn act(&self, act: Act) {
        match act {
            Act::Reset(number) => {
                self.site.count("operator", "reset");
                self.put(number, &Event::Reset).await;
            }
            Act::Revoke(number, keep) => {
                self.site.count("operator", "revoked");
                self.put(number, &Event::Revoke { keep }).await;
            }
            Act::AddPolicy => {
                self.site.count("operator", "made the missing policy");
                self.site.outside.issuer.add_policy(fleet::LATER_POLICY);
            }
            Act::ReplayDeadLetters => self.replay(),
        }
    }

    /// Until it is done: an operator who got an error tries again.
    async fn put(&self, number: usize, event: &Event) {
        let serial = fleet::serial(number);
        loop {
            let process = self.site.process("operator");
            let registry = self.site.port(&self.site.outside.registry, &process);
            let work = async {
                let row = registry.load(&serial).await?.unwrap();
                let name = OperatorName::parse("arn:aws:iam::000000000000:user/operator").unwrap();
                let hand = Hand::new(Author::Operator(name), UnixMillis(self.site.time.now()));
                write(&registry, &hand, row, |_| event.clone()).await
            };
            let done = process.run(None, Box::pin(work));
            match done.await {
                Some(Ok(Written::Applied(_) | Written::Refused(..))) => return,
                Some(Err(_)) | None => self.site.time.sleep(AGAIN).await,
            }
        }
    }

    /// Sends the dead letters that were not sent again yet.
    pub fn replay(&self) {
        let letters = self.site.outside.queue.dead_letters();
        for letter in letters.iter().skip(self.replayed.replace(letters.len())) {
            self.site.count("operator", "dead letters sent again");
            self.site.push(&letter.body, None);
        }
    }
}
