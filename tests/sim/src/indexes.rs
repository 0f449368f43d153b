//! The table's indexes: which rows wait, and which row names a certificate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use cvm_shared::care::Group;
use cvm_shared::care::Waiting;
use cvm_shared::care::waiting;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::record::Record;
use cvm_shared::time::UnixMillis;

/// What the indexes hold of a row.
#[derive(Clone, Debug)]
struct Entry {
    revision: u64,
    waits: Option<Waiting>,
    certificate: Option<CertificateId>,
}

/// The indexes. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Indexes(Arc<Mutex<BTreeMap<SerialNumber, Entry>>>);

impl Indexes {
    /// Shows this row, unless a newer one is shown already.
    pub fn put(&self, row: &Record) {
        let entry = Entry {
            revision: row.revision,
            waits: waiting(row),
            certificate: row
                .state
                .issued()
                .map(|issued| issued.certificate_id.clone()),
        };
        let mut entries = self.0.lock().unwrap();
        let newest = entries.get(&row.serial).map_or(0, |shown| shown.revision);
        if newest < entry.revision {
            entries.insert(row.serial.clone(), entry);
        }
    }

    /// As `Backlog::waiting`.
    pub fn waiting(&self, group: Group, before: UnixMillis, most: usize) -> Vec<SerialNumber> {
        let entries = self.0.lock().unwrap();
        let found = entries.iter().filter_map(|(serial, entry)| {
            let waits = entry.waits.filter(|waits| waits.group == group)?;
            (waits.since < before).then(|| (waits.since, serial.clone()))
        });
        let mut found: Vec<(UnixMillis, SerialNumber)> = found.collect();
        found.sort();
        let serials = found.into_iter().map(|(_, serial)| serial);
        serials.take(most).collect()
    }

    /// As `Backlog::names`.
    pub fn names(&self, certificate: &CertificateId) -> bool {
        let entries = self.0.lock().unwrap();
        let mut named = entries.values().filter_map(|it| it.certificate.as_ref());
        named.any(|named| named == certificate)
    }
}
