//! One run: from the first submission until each device knows of its certificate.

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::backlog::Backlog;
use crate::calendar::Calendar;
use crate::calendar::Event;
use crate::device::Device;
use crate::doors::Doors;
use crate::figures::Figures;
use crate::gateway::Gateway;
use crate::meter::Call;
use crate::meter::Meter;
use crate::plan::Plan;

/// The longest wait that anybody is told or decides on, in seconds, and the way there.
const REACH_SECONDS: u64 = 7_200 + 1;

struct World {
    calendar: Calendar,
    devices: Vec<Device>,
    gateway: Gateway,
    backlog: Backlog,
    doors: Doors,
    meter: Meter,
    dice: StdRng,
}

/// Plays the plan to its end; `progress` hears now and then how many devices are done.
pub fn play(plan: &Plan, progress: impl Fn(usize)) -> Figures {
    let mut world = World::new(plan);
    while let Some((second, events)) = world.calendar.advance() {
        world.meter.tick();
        world.backlog.tick(second);
        for event in events {
            world.handle(event);
        }
        progress(world.meter.late_millis.len());
    }
    let readings = world.backlog.readings();
    Figures::new(plan, world.meter, readings)
}

impl World {
    fn new(plan: &Plan) -> Self {
        let mut dice = StdRng::seed_from_u64(plan.seed);
        let mut calendar = Calendar::new(plan.window_seconds.max(REACH_SECONDS));
        let window_millis = (plan.window_seconds * 1000).max(1);
        let mut devices = Vec::new();
        for device in 0..plan.devices {
            let is_rude = dice.random_range(0.0..100.0) < plan.rude_percent;
            devices.push(Device::new(is_rude));
            let at_millis = dice.random_range(0..window_millis);
            calendar.push(Event { at_millis, device });
        }
        Self {
            calendar,
            devices,
            gateway: Gateway::new(plan),
            backlog: Backlog::new(plan),
            doors: Doors::new(plan),
            meter: Meter::default(),
            dice,
        }
    }

    /// A device asks, and decides when to ask again.
    fn handle(&mut self, event: Event) {
        let Some(pause_millis) = self.ask(event) else {
            return;
        };
        self.calendar.push(Event {
            at_millis: event.at_millis + pause_millis,
            device: event.device,
        });
    }

    fn ask(&mut self, Event { at_millis, device }: Event) -> Option<u64> {
        let device = self.devices.get_mut(device as usize)?;
        let ready_at = device.ready_at();
        let call = ready_at.map_or(Call::Submit, |_| Call::Poll);
        let is_admitted = self.gateway.admits(at_millis);
        self.meter.asked(call, is_admitted);
        if !is_admitted {
            return Some(device.sent_away(&mut self.dice));
        }
        let (backlog, dice) = (&mut self.backlog, &mut self.dice);
        let told = match ready_at {
            None => {
                device.let_in(backlog.accept(at_millis));
                self.doors.accepted(backlog, at_millis, dice)
            }
            Some(ready_at) if ready_at <= at_millis => {
                self.meter.seen(at_millis - ready_at);
                return None;
            }
            Some(_) => self.doors.pending(backlog, at_millis, dice),
        };
        Some(device.told(told, &mut self.dice))
    }
}
