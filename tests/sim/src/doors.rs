//! Door processes: one for each request, which lives on when its caller has stopped listening.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use cvm_ingest::http::Answer;
use cvm_ingest::http::Asked;

use crate::executor::Spawner;
use crate::process::Process;
use crate::time::Bell;
use crate::world::Site;

/// How long a request may take before the door's function is ended.
const RUN: Duration = Duration::from_secs(29);
/// How many calls a door makes at most for one request, about.
const CALLS: u64 = 6;

/// Starts doors.
#[derive(Clone, Debug)]
pub struct Doors {
    site: Site,
    spawner: Spawner,
}

impl Doors {
    /// The doors of this site.
    pub fn new(site: &Site, spawner: &Spawner) -> Self {
        Self {
            site: site.clone(),
            spawner: spawner.clone(),
        }
    }

    /// The answer of a fresh door; `None` if it died. Who stops waiting for it does not end the door.
    pub async fn answer(&self, asked: Asked) -> Option<Answer> {
        let (slot, bell) = (Rc::new(RefCell::new(None)), Bell::default());
        let (site, put, ring) = (self.site.clone(), slot.clone(), bell.clone());
        let (process, mortal) = self.process();
        self.spawner.spawn(async move {
            let door = site.door(&process);
            let limit = mortal.then(|| site.time.sleep(RUN));
            let answer = process.run(limit, door.answer(Ok(asked))).await;
            *put.borrow_mut() = answer;
            ring.ring();
        });
        bell.rung().await;
        slot.take()
    }

    /// Some stall and outlive their time.
    fn process(&self) -> (Process, bool) {
        if !self.site.chance(self.site.scenario.weather.zombies) {
            return (self.site.process("door"), true);
        }
        self.site.count("processes", "zombie doors");
        let call = i64::try_from(self.site.dice.below(CALLS)).unwrap_or_default();
        let number = self.site.next_process();
        (Process::stalling("zombie-door", number, call), false)
    }
}
