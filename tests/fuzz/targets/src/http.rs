//! The door: a script of requests, with the worker and the janitor between them.

use std::time::Duration;

use cvm_ingest::http::Answer;
use futures_executor::block_on;

use crate::rules::Exchange;
use crate::rules::Outside;
use crate::script::Step;
use crate::script::steps;
use crate::stage::Sent;
use crate::stage::Stage;
use crate::told::Told;

/// Plays the script.
pub fn run(input: &[u8], told: &mut Told) {
    let mut play = Play {
        stage: Stage::new(),
        last: None,
    };
    for step in steps(input) {
        play.step(step, told);
    }
    let most = play.stage.site.world.issuer.most_active_of_a_thing();
    let allowed = if play.stage.replaces { 2 } else { 1 };
    assert!(most <= allowed, "{most} ACTIVE certificates of one device");
}

struct Play {
    stage: Stage,
    last: Option<(Sent, u16)>,
}

impl Play {
    fn step(&mut self, step: Step<'_>, told: &mut Told) {
        match step {
            Step::Work => drop(block_on(self.stage.site.work())),
            Step::Sweep => drop(block_on(self.stage.site.sweep())),
            Step::Wait(seconds) => {
                let clock = &self.stage.site.world.clock;
                clock.advance(Duration::from_secs(seconds));
            }
            Step::Fault(number) => self.stage.fault(number),
            Step::Set(change) => self.stage.set(change),
            Step::Legacy => self.stage.switch_legacy_on(),
            Step::Ask(ask) => {
                let sent = self.stage.request(&ask);
                self.send(sent, told);
            }
            Step::Again => self.again(told),
        }
    }

    fn send(&mut self, sent: Sent, told: &mut Told) -> Answer {
        let before = Outside::of(&self.stage.site);
        let answer = self.stage.answer(&sent);
        let exchange = Exchange {
            sent: &sent,
            answer: &answer,
            before: &before,
            after: &Outside::of(&self.stage.site),
            faulty: self.stage.faulty,
            legacy: self.stage.legacy,
        };
        exchange.check();
        told.end(answer.status.as_str());
        self.last = Some((sent, answer.status.as_u16()));
        answer
    }

    /// A proven request that did something does nothing when it comes again.
    fn again(&mut self, told: &mut Told) {
        let Some((sent, status)) = self.last.take() else {
            return;
        };
        let is_post = sent.event.request_context.http.method == http::Method::POST;
        let used_up = sent.proven.is_some() && is_post && status < 300 && !self.stage.faulty;
        let answer = self.send(sent, told);
        let refused = [400, 401].contains(&answer.status.as_u16());
        assert!(refused || !used_up, "a proof is good twice");
    }
}
