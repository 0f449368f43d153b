//! The device table as the janitor needs it: its rows, and which of them wait.

use cvm_shared::care::Group;
use cvm_shared::failure::Failure;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Backlog;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;

/// Both ports in one.
#[derive(Clone, Debug)]
pub struct Table<R, B> {
    /// The rows.
    pub rows: R,
    /// Those that wait.
    pub backlog: B,
}

impl<R: Registry, B: Backlog> Registry for Table<R, B> {
    async fn load(&self, serial: &SerialNumber) -> Result<Option<Record>, Failure> {
        self.rows.load(serial).await
    }

    async fn swap(&self, before: &Record, after: &Record) -> Result<Swap, Failure> {
        self.rows.swap(before, after).await
    }
}

impl<R: Registry, B: Backlog> Backlog for Table<R, B> {
    async fn waiting(
        &self,
        group: Group,
        before: UnixMillis,
        most: usize,
    ) -> Result<Vec<SerialNumber>, Failure> {
        self.backlog.waiting(group, before, most).await
    }

    async fn names(&self, certificate: &CertificateId) -> Result<bool, Failure> {
        self.backlog.names(certificate).await
    }

    async fn mark(&self) -> Result<Option<UnixMillis>, Failure> {
        self.backlog.mark().await
    }

    async fn set_mark(&self, mark: UnixMillis) -> Result<(), Failure> {
        self.backlog.set_mark(mark).await
    }
}
