//! AWS IoT as one worker sees it: each call at its turn by the pacer that ships, then before the account's quota.

use std::sync::Arc;

use cvm_shared::csr::Csr;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::NewCertificate;
use cvm_shared::record::Binding;
use cvm_shared::record::Issued;
use cvm_shared::reprovision::Disuse;
use cvm_shared::secret::PrivateKeyPem;
use cvm_sim::dice::Dice;
use cvm_sim::time::SimClock;
use cvm_sim::time::Time;
use cvm_worker::pacer::Pacer;
use cvm_worker::rates::Rates;
use futures_util::join;

use crate::account::Account;
use crate::account::Call;
use crate::latency::Latency;
use crate::latency::Service;
use crate::plan::Plan;
use crate::stock::Stock;
use crate::ticks::Ticks;

/// AWS IoT behind one worker's pacer.
#[derive(Clone, Debug)]
pub struct PacedIssuer {
    pacer: Arc<Pacer<Ticks>>,
    account: Account,
    latency: Latency,
    time: Time,
    dice: Dice,
    stock: &'static Stock,
}

impl PacedIssuer {
    /// The issuer of one of the plan's workers.
    pub fn new(plan: &Plan, account: Account, latency: Latency, time: Time, dice: Dice) -> Self {
        let rates = Rates::aws_defaults().scaled(plan.quota_scale * plan.pace_scale);
        let pacer = Pacer::on(&rates.shared_by(plan.workers), &Ticks(time.clone()));
        Self {
            pacer: Arc::new(pacer),
            account,
            latency,
            time,
            dice,
            stock: Stock::shared(),
        }
    }

    async fn call(&self, call: Call) -> Result<(), Failure> {
        let clock = SimClock::new(&self.time, 0);
        let seed = Some(self.dice.roll());
        let once = || async {
            self.latency.of(Service::Iot).await;
            if self.account.admits(call, self.time.now()) {
                Ok(())
            } else {
                Err(Failure::Throttled { service: "iot" })
            }
        };
        self.pacer.paced(call.api(), &clock, seed, once).await
    }
}

impl Issuer for PacedIssuer {
    async fn create_from_csr(&self, _: &Csr) -> Result<NewCertificate, Failure> {
        self.call(Call::CreateCertificateFromCsr).await?;
        Ok(self.stock.signed.clone())
    }

    async fn create_with_keys(&self) -> Result<(NewCertificate, PrivateKeyPem), Failure> {
        self.call(Call::CreateKeysAndCertificate).await?;
        Ok(self.stock.made.clone())
    }

    async fn ensure_thing(&self, _: &Binding) -> Result<(), Failure> {
        self.call(Call::CreateThing).await
    }

    async fn attach(&self, _: &Issued, _: &Binding) -> Result<(), Failure> {
        let (policy, thing) = join!(
            self.call(Call::AttachPolicy),
            self.call(Call::AttachThingPrincipal)
        );
        policy.and(thing)
    }

    async fn activate(&self, _: &CertificateId) -> Result<(), Failure> {
        self.call(Call::UpdateCertificate).await
    }

    async fn put_out_of_use(&self, _: &CertificateId, _: Disuse) -> Result<(), Failure> {
        self.call(Call::UpdateCertificate).await
    }

    async fn retire(&self, _: &CertificateRef, _: &Binding) -> Result<(), Failure> {
        self.call(Call::DeleteCertificate).await
    }

    /// A process asks once in its life, and takes no time for it here.
    async fn endpoint(&self) -> Result<String, Failure> {
        Ok("x-ats.iot.eu-west-1.test".to_owned())
    }
}
