//! All of it put together: a door and a worker on a queue of their own, as the template wires them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use cvm_local::functions::Functions;

use crate::backend::Backend;
use crate::backend::Queues;
use crate::environment::Surroundings;
use crate::error::Error;
use crate::front::Front;
use crate::front::Observer;
use crate::function::Function;
use crate::function::Spec;
use crate::poller::Loss;
use crate::poller::Mapping;
use crate::poller::Poller;
use crate::proxy::Proxy;
use crate::proxy::wire::Phase;
use crate::proxy::wire::Wire;

/// How a lane differs from the template.
#[derive(Clone, Copy, Debug)]
pub struct LaneOptions {
    /// How long a worker's run may take, in seconds (`WorkerTimeoutSeconds`).
    pub run_seconds: u64,
    /// How long a claim lasts, in seconds (`LeaseSeconds`).
    pub lease_seconds: u64,
    /// How long a message stays hidden, in seconds (`VisibilityTimeoutSeconds`).
    pub visibility_seconds: u64,
    /// The pace of all workers together against each rate-bound API, or 0 for what Service Quotas says
    /// (`IotCallsPerSecond`).
    pub iot_rate: u32,
    /// How many certificates may be created for a device in a day.
    pub creates_per_day: u32,
    /// The least seconds between two polls of a device (`PollAfterSeconds`).
    pub poll_seconds: u64,
    /// How many requests the door handles at once.
    pub doors: usize,
    /// How many batches are worked on at once (`MaximumConcurrency`).
    pub workers: usize,
    /// How many messages a batch holds at most (`BatchSize`).
    pub batch: usize,
    /// The fraction of messages that are delivered twice.
    pub duplicate: f64,
    /// What becomes of a dead worker's messages.
    pub loss: Loss,
    /// Whether the functions' calls go through proxies that note and strike them.
    pub proxied: bool,
    /// The seed of what is left to chance.
    pub seed: u64,
}

impl Default for LaneOptions {
    fn default() -> Self {
        Self {
            run_seconds: 30,
            lease_seconds: 45,
            visibility_seconds: 180,
            iot_rate: 10,
            creates_per_day: 12,
            poll_seconds: 2,
            doors: 4,
            workers: 4,
            batch: crate::poller::BATCH_MAX,
            duplicate: 0.0,
            loss: Loss::WaitOut,
            proxied: false,
            seed: 0,
        }
    }
}

impl LaneOptions {
    /// The shortest times that the worker accepts: what a crash costs is mostly its lease.
    pub fn impatient() -> Self {
        Self {
            run_seconds: 10,
            lease_seconds: 11,
            visibility_seconds: 60,
            iot_rate: 100,
            poll_seconds: 1,
            doors: 1,
            workers: 1,
            loss: Loss::ComeBack,
            ..Self::default()
        }
    }
}

/// A running lane. Dropping it ends all of it.
#[derive(Debug)]
pub struct Lane {
    /// Where devices ask.
    pub front: Front,
    /// The door.
    pub ingest: Function,
    /// The worker.
    pub worker: Function,
    /// What feeds the worker.
    pub poller: Poller,
    /// The queue and its dead letters.
    pub queues: Queues,
    /// What the functions call, if they are proxied.
    pub wire: Arc<Wire>,
    _proxies: Option<(Proxy, Proxy)>,
}

impl Lane {
    /// A door and a worker on these queues with nothing around them: whoever has them gives them their events.
    pub fn functions(
        backend: &Backend,
        functions: &Functions,
        queues: &Queues,
        dir: &Path,
        options: LaneOptions,
    ) -> (Function, Function) {
        let place = Place {
            backend,
            queues,
            dir,
            name: "bare",
            options,
        };
        let endpoint = backend.functions_endpoint();
        (
            place.ingest(&functions.ingest, endpoint),
            place.worker(&functions.worker, endpoint),
        )
    }

    /// Starts a lane on these queues; logs go to files in `dir` that begin with `name`.
    pub async fn start(
        backend: &Backend,
        functions: &Functions,
        queues: Queues,
        dir: &Path,
        name: &str,
        options: LaneOptions,
    ) -> Result<Self, Error> {
        let wire = Arc::new(Wire::default());
        let proxies = if options.proxied {
            let door = Proxy::start(backend.endpoint(), wire.clone(), None).await?;
            let worker = Proxy::start(backend.endpoint(), wire.clone(), Some(Phase::Work)).await?;
            Some((door, worker))
        } else {
            None
        };
        let place = Place {
            backend,
            queues: &queues,
            dir,
            name,
            options,
        };
        let urls = proxies
            .as_ref()
            .map(|(door, worker)| (door.url(), worker.url()));
        let (door_url, worker_url) =
            urls.unwrap_or((backend.functions_endpoint(), backend.functions_endpoint()));
        let ingest = place.ingest(&functions.ingest, door_url);
        let worker = place.worker(&functions.worker, worker_url);
        if let Some((door, work)) = &proxies {
            door.kills(ingest.clone());
            work.kills(worker.clone());
        }
        let front = Front::start(ingest.clone(), Some(observer(wire.clone()))).await?;
        let poller = Poller::start(backend.sdk(), mapping(&worker, &queues, options));
        Ok(Self {
            front,
            ingest,
            worker,
            poller,
            queues,
            wire,
            _proxies: proxies,
        })
    }
}

fn mapping(worker: &Function, queues: &Queues, options: LaneOptions) -> Mapping {
    Mapping {
        queue_url: queues.work.clone(),
        function: worker.clone(),
        batch: options.batch,
        concurrency: options.workers,
        duplicate: options.duplicate,
        loss: options.loss,
        seed: options.seed,
    }
}

/// Tells the wire which of a device's requests the door is at.
fn observer(wire: Arc<Wire>) -> Observer {
    Arc::new(move |method: &Method, path: &str| {
        wire.enter(match (method, path) {
            (&Method::POST, "/v1/certificates") => Phase::Submit,
            (&Method::POST, path) if path.ends_with("/confirm") => Phase::Confirm,
            (&Method::GET, path) if path.starts_with("/v1/certificates/") => Phase::Poll,
            _ => Phase::Other,
        });
    })
}

/// Where a lane's functions are.
struct Place<'a> {
    backend: &'a Backend,
    queues: &'a Queues,
    dir: &'a Path,
    name: &'a str,
    options: LaneOptions,
}

impl Place<'_> {
    fn surroundings<'a>(&'a self, endpoint: &'a str) -> Surroundings<'a> {
        Surroundings {
            endpoint,
            names: self.backend.names(),
            queues: self.queues,
            named: self.backend.account().is_some(),
            trust: self.backend.trust(),
        }
    }

    fn ingest(&self, binary: &Path, endpoint: &str) -> Function {
        let environment = self.surroundings(endpoint).ingest(&self.options);
        self.function("ingest", binary, environment, 10, self.options.doors)
    }

    fn worker(&self, binary: &Path, endpoint: &str) -> Function {
        let environment = self.surroundings(endpoint).worker(&self.options);
        let (timeout, concurrency) = (self.options.run_seconds, self.options.workers);
        self.function("worker", binary, environment, timeout, concurrency)
    }

    fn function(
        &self,
        kind: &str,
        binary: &Path,
        environment: Vec<(String, String)>,
        timeout_seconds: u64,
        concurrency: usize,
    ) -> Function {
        let name = format!("{}-{kind}", self.name);
        Function::new(Spec {
            log: self.dir.join(format!("{name}.log")),
            name,
            binary: binary.to_owned(),
            environment,
            memory_mb: 256,
            timeout: Duration::from_secs(timeout_seconds),
            concurrency,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_and_the_template_have_as_many_workers_and_messages() {
        let template = include_str!("../../../infra/template.yaml");
        let LaneOptions { workers, batch, .. } = LaneOptions::default();
        for line in [
            "CVM_WORKERS: !Ref Workers ".to_owned(),
            "MaximumConcurrency: !Ref Workers\n".to_owned(),
            format!("BatchSize: {batch}\n"),
        ] {
            assert_eq!(template.matches(&line).count(), 1, "{line}");
        }
        let (_, parameter) = template.split_once("\n  Workers:\n").unwrap();
        let (_, default) = parameter.split_once("    Default: ").unwrap();
        assert!(default.starts_with(&format!("{workers}\n")), "{default:.9}");
    }
}
