//! Table and queue as the product's ports, in front of the testkit's; some rules can be broken here.

use std::time::Duration;

use cvm_shared::care::Group;
use cvm_shared::csr::PublicKeyDigest;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::message::Order;
use cvm_shared::nonce::NonceKey;
use cvm_shared::ports::Backlog;
use cvm_shared::ports::Delivery;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Queue;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;
use cvm_testkit::guard::TestGuard;
use cvm_testkit::queue::TestQueue;
use cvm_testkit::registry::TestRegistry;
use cvm_testkit::sample::TOKEN;
use futures_util::FutureExt as _;

use crate::calls::Call;
use crate::port::Port;
use crate::scenario::Flaw;
use crate::world::Site;

/// The result of a fake, or of an adapter that blocks: neither waits.
pub(crate) fn at_once<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().unwrap()
}

impl Registry for Port<TestRegistry> {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        let (inner, serial) = (self.inner.clone(), serial.clone());
        let what = self.site.text(|| serial.to_string());
        self.call(Call::Load, what, move || at_once(inner.load(&serial)))
            .await
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        let what = self.site.text(|| {
            format!(
                "{} {} -> {} e{} r{}",
                after.serial,
                before.state.name(),
                after.state.name(),
                after.epoch.0,
                after.revision
            )
        });
        let (site, before, after) = (self.site.clone(), before.clone(), after.clone());
        self.call(Call::Swap, what, move || site.swap(&before, &after))
            .await
    }
}

impl Site {
    fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        let registry = &self.outside.registry;
        let mut after = after.clone();
        if self.scenario.flaw == Flaw::CountsNothing {
            after.creates.count = 0;
        }
        let swap = if self.scenario.flaw == Flaw::BlindSwap {
            registry.put(after.clone());
            Ok(Swap::Done)
        } else {
            at_once(registry.swap(before, &after))
        };
        if let Some(row) = registry.row(&after.serial) {
            self.row_is(&row);
            self.show_in_indexes(row);
        }
        swap
    }

    /// The indexes follow some time later, each write by itself, never going back.
    fn show_in_indexes(&self, row: Record) {
        let Some(indexes) = self.indexes.clone() else {
            return;
        };
        let lag = self.scenario.weather.index_lag;
        if lag.is_zero() || self.is_calm() {
            indexes.put(&row);
            return;
        }
        let lag = self.dice.span(Duration::ZERO, lag);
        self.time.later(lag, move || indexes.put(&row));
    }
}

impl Backlog for Port<TestRegistry> {
    async fn waiting(
        &self,
        group: Group,
        before: UnixMillis,
        most: usize,
    ) -> Result<Vec<SerialNumber>, Failure> {
        let (inner, indexes) = (self.inner.clone(), self.site.indexes.clone());
        let what = self.site.text(|| group.as_str().to_owned());
        self.call(Call::Waiting, what, move || match &indexes {
            Some(indexes) => Ok(indexes.waiting(group, before, most)),
            None => at_once(inner.waiting(group, before, most)),
        })
        .await
    }

    async fn names(&self, certificate: &CertificateId) -> Result<bool, Failure> {
        let (inner, indexes) = (self.inner.clone(), self.site.indexes.clone());
        let certificate = certificate.clone();
        let what = self.site.text(|| self.site.label(&certificate));
        self.call(Call::Names, what, move || match &indexes {
            Some(indexes) => Ok(indexes.names(&certificate)),
            None => at_once(inner.names(&certificate)),
        })
        .await
    }

    async fn mark(&self) -> Result<Option<UnixMillis>, Failure> {
        let inner = self.inner.clone();
        self.call(Call::Mark, String::new(), move || at_once(inner.mark()))
            .await
    }

    async fn set_mark(&self, mark: UnixMillis) -> Result<(), Failure> {
        let inner = self.inner.clone();
        self.call(Call::SetMark, String::new(), move || {
            at_once(inner.set_mark(mark))
        })
        .await
    }
}

impl Guard for Port<TestGuard> {
    async fn nonce_key(&self) -> Result<NonceKey, Failure> {
        let inner = self.inner.clone();
        self.call(Call::NonceKey, String::new(), move || {
            at_once(inner.nonce_key())
        })
        .await
    }

    async fn consume(&self, used: &str, forget_at: UnixMillis) -> Result<bool, Failure> {
        let (inner, used) = (self.inner.clone(), used.to_owned());
        self.call(Call::Consume, String::new(), move || {
            at_once(inner.consume(&used, forget_at))
        })
        .await
    }

    async fn bind_key(&self, key: PublicKeyDigest, serial: &SerialNumber) -> Result<bool, Failure> {
        let (inner, serial) = (self.inner.clone(), serial.clone());
        let what = self.site.text(|| serial.to_string());
        self.call(Call::BindKey, what, move || {
            at_once(inner.bind_key(key, &serial))
        })
        .await
    }
}

impl Queue for Port<TestQueue> {
    async fn send(&self, order: &Order) -> Result<(), Failure> {
        let (site, order) = (self.site.clone(), order.clone());
        let what = self.site.text(|| order.serial.to_string());
        self.call(Call::Send, what, move || {
            let text = order.encode();
            match site.scenario.flaw {
                Flaw::LosesSends => {}
                Flaw::LeaksToken => site.push(&text.replace('}', &format!("{TOKEN}}}")), None),
                Flaw::None
                | Flaw::BlindSwap
                | Flaw::CreatesActive
                | Flaw::RetiresNothing
                | Flaw::ShredsNothing
                | Flaw::AttachesAstray
                | Flaw::NoJanitor
                | Flaw::CountsNothing
                | Flaw::DeletesUnfenced => site.push(&text, None),
            }
            Ok(())
        })
        .await
    }
}

impl Depth for Port<TestQueue> {
    async fn depth(&self) -> Result<u64, Failure> {
        let inner = self.inner.clone();
        self.call(Call::Depth, String::new(), move || at_once(inner.depth()))
            .await
    }
}

impl Delivery for Port<TestQueue> {
    async fn postpone(&self, receipt: &str, after: Duration) -> Result<(), Failure> {
        let (site, receipt) = (self.site.clone(), receipt.to_owned());
        let what = self
            .site
            .text(|| format!("{receipt} for {} s", after.as_secs()));
        self.call(Call::Postpone, what, move || {
            let done = at_once(site.outside.queue.postpone(&receipt, after));
            site.bell.ring();
            done
        })
        .await
    }

    async fn renew(
        &self,
        body: &str,
        _tenant: Option<&str>,
        after: Duration,
    ) -> Result<(), Failure> {
        let (site, body) = (self.site.clone(), body.to_owned());
        let what = self.site.text(|| format!("for {} s", after.as_secs()));
        self.call(Call::Renew, what, move || {
            site.count("messages", "renewed");
            site.push(&body, Some(after));
            Ok(())
        })
        .await
    }

    async fn park(&self, body: &str, reason: &'static str) -> Result<(), Failure> {
        let (site, body) = (self.site.clone(), body.to_owned());
        self.call(Call::Park, reason.to_owned(), move || {
            site.count("dead letters", reason);
            site.seen_in_queue(&body);
            at_once(site.outside.queue.park(&body, reason))
        })
        .await
    }
}

impl Site {
    /// Puts a text into the work queue.
    pub fn push(&self, body: &str, after: Option<Duration>) {
        self.seen_in_queue(body);
        self.outside.queue.push(body, after.unwrap_or_default());
        self.bell.ring();
    }
}
