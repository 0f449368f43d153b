//! A burst on servers of the host form: the same plan, the same devices, the same stand-in as the functions have.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;
use cvm_standin::Account;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::backend::Backend;
use crate::backend::Row;
use crate::burst::Outcome;
use crate::burst::Plan;
use crate::burst::Progress;
use crate::burst::lost;
use crate::burst::waits;
use crate::error::Error;
use crate::fleet;
use crate::fleet::Journey;
use crate::fleet::Member;
use crate::gauge::Gauge;
use crate::hosts::Hosts;
use crate::life::device;

/// A burst on servers with all that it needs.
#[derive(Debug)]
pub struct Rush<'a> {
    backend: &'a Backend,
    account: Account,
    plan: &'a Plan,
    hosts: Arc<Hosts>,
    servers: usize,
    members: Vec<Member>,
    dir: &'a Path,
}

impl<'a> Rush<'a> {
    /// Imports the devices and starts so many servers; files go to `dir`.
    pub async fn prepare(
        backend: &'a Backend,
        binary: &Path,
        plan: &'a Plan,
        servers: usize,
        dir: &'a Path,
    ) -> Result<Self, Error> {
        crate::burst::raise_file_limit();
        let account = backend.account().cloned();
        let account = account.ok_or_else(|| Error::Usage("only on the stand-in".to_owned()))?;
        let each = (plan.workers * plan.batch).div_ceil(servers);
        let settings = [
            ("servers", servers.to_string()),
            ("workers", each.to_string()),
            ("run_seconds", plan.run_seconds.to_string()),
            ("lease_seconds", plan.lease_seconds.to_string()),
            (
                "visibility_seconds",
                plan.visibility_seconds
                    .max(6 * plan.run_seconds)
                    .to_string(),
            ),
            ("creates_per_day", "100".to_owned()),
            ("max_receives", crate::backend::MAX_RECEIVES.to_string()),
            ("poll_seconds", plan.poll_seconds.to_string()),
            ("database_connections", (each + 8).to_string()),
            ("connections", "20000".to_owned()),
            // As the functions' janitor is told here, too.
            ("account_is_ours", "true".to_owned()),
        ];
        let hosts = Hosts::start(servers, binary, backend.endpoint(), dir, &settings).await?;
        let members = fleet::members(plan.devices, plan.keys)?;
        for member in &members {
            let record = device(&member.serial, &backend.names().policy);
            hosts.put(&record).await?;
        }
        Ok(Self {
            backend,
            account,
            plan,
            hosts: Arc::new(hosts),
            servers,
            members,
            dir,
        })
    }

    /// Lets it happen, and looks at what is left.
    pub async fn run(self, progress: &(dyn Fn(Progress) + Sync)) -> Result<Outcome, Error> {
        let began = SystemClock.now();
        let until = began.plus(self.plan.limit);
        let hosts = Arc::clone(&self.hosts);
        let gauge = Gauge::start_with(self.account.clone(), move || {
            let hosts = Arc::clone(&hosts);
            async move {
                let waiting = hosts.waiting().await.unwrap_or_default();
                usize::try_from(waiting).unwrap_or_default()
            }
        });
        let confirmed = Arc::new(AtomicUsize::new(0));
        let kills = AtomicUsize::new(0);
        let url = self.hosts.url()?;
        let journeys = fleet::vend_all(
            &url,
            self.hosts.ca_pem(),
            &self.members,
            self.dir,
            until,
            &confirmed,
        );
        let journeys = tokio::select! {
            journeys = Box::pin(journeys) => journeys?,
            error = self.harass(&kills) => return Err(error),
            error = self.watch(progress, &confirmed, &kills) => return Err(error),
        };
        let took = SystemClock.now().since(began);
        let left = self.drain().await?;
        self.outcome(&journeys, took, kills.into_inner(), left, &gauge)
            .await
    }

    /// Kills a server now and then, never the one that devices ask, for they would only wait; copies messages.
    async fn harass(&self, kills: &AtomicUsize) -> Error {
        let mut random = StdRng::seed_from_u64(self.plan.seed);
        let every = self.plan.kill_every.unwrap_or(Duration::from_secs(5));
        let mut seen = 0;
        loop {
            SystemClock
                .sleep(every.mul_f64(random.random_range(0.5..1.5)))
                .await;
            let done = async {
                self.hosts
                    .hide_at_most(self.plan.visibility_seconds)
                    .await?;
                seen = self.hosts.copy_messages(seen, self.plan.duplicate).await?;
                if self.plan.kill_every.is_some() && self.servers > 1 {
                    let victim = random.random_range(1..self.servers);
                    self.hosts.cut(victim).await?;
                    kills.fetch_add(1, Ordering::SeqCst);
                }
                Ok::<_, Error>(())
            };
            if let Err(error) = done.await {
                return error;
            }
        }
    }

    async fn watch(
        &self,
        progress: &(dyn Fn(Progress) + Sync),
        confirmed: &AtomicUsize,
        kills: &AtomicUsize,
    ) -> Error {
        loop {
            let queued = match self.hosts.depth().await {
                Ok(queued) => queued,
                Err(error) => return error,
            };
            progress(Progress {
                confirmed: confirmed.load(Ordering::SeqCst),
                queued,
                kills: kills.load(Ordering::SeqCst),
            });
            SystemClock.sleep(Duration::from_millis(500)).await;
        }
    }

    async fn drain(&self) -> Result<u64, Error> {
        let patience = Duration::from_secs(3 * self.plan.visibility_seconds.max(60));
        let until = SystemClock.now().plus(patience);
        loop {
            let depth = self.hosts.depth().await?;
            if depth == 0 || SystemClock.now() >= until {
                return Ok(depth);
            }
            SystemClock.sleep(Duration::from_millis(200)).await;
        }
    }

    async fn outcome(
        &self,
        journeys: &[Journey],
        took: Duration,
        kills: usize,
        left: u64,
        gauge: &Gauge,
    ) -> Result<Outcome, Error> {
        let mut rows: Vec<Row> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            rows.push(self.hosts.row(&member.serial).await?);
        }
        let named: BTreeSet<String> = rows
            .iter()
            .filter_map(|row| row.certificate.clone())
            .collect();
        let all = self
            .account
            .certificates()
            .into_iter()
            .map(|known| known.id);
        let orphans: Vec<String> = all.filter(|id| !named.contains(id)).collect();
        let usage = self.account.usages();
        let shares = gauge.shares(&self.plan.quotas(), self.plan.backlog());
        self.account.backdate_certificates(Duration::from_hours(48));
        self.hosts.sweep().await?;
        Ok(Outcome {
            devices: self.members.len(),
            vended: rows
                .iter()
                .filter(|row| row.vended && row.confirmed)
                .count(),
            lost: lost(journeys, &self.members, &rows),
            dead_letters: self.hosts.dead_letters().await?,
            left,
            most_active: self.account.most_active_of_a_thing(),
            created: usize::try_from(self.account.created()).unwrap_or(usize::MAX),
            orphans: orphans.len(),
            orphans_left: Some(self.backend.existing(&orphans).await?.len()),
            usage,
            shares,
            timeline: gauge.timeline(),
            took,
            waits: waits(journeys),
            requests: None,
            kills,
            tally: crate::poller::Tally::default(),
        })
    }
}
