//! Certificates, as either AWS tells of them.

use std::collections::BTreeSet;

use cvm_local::iot;
use cvm_local::watch;
use cvm_standin::Account;
use reqwest::Method;
use serde_json::Value;

use super::Backend;
use super::Side;
use crate::error::Error;

/// A certificate of a Thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Certificate {
    /// Its id.
    pub id: String,
    /// Whether it opens a session.
    pub active: bool,
}

impl Backend {
    /// The certificates that are attached to a Thing.
    pub async fn certificates_of(&self, thing: &str) -> Result<Vec<Certificate>, Error> {
        let endpoint = match &self.side {
            Side::StandIn(stand_in) => return Ok(attached(stand_in.account(), thing)),
            Side::Emulator(site) => site.emulator.endpoint(),
        };
        let mut found = Vec::new();
        for id in watch::certificates_of(endpoint, thing).await? {
            let active = is_active(endpoint, &id).await? == Some(true);
            found.push(Certificate { id, active });
        }
        Ok(found)
    }

    /// Those of these certificates that are still there.
    pub async fn existing(
        &self,
        ids: impl IntoIterator<Item = &String>,
    ) -> Result<Vec<Certificate>, Error> {
        let endpoint = match &self.side {
            Side::StandIn(stand_in) => {
                let wanted: BTreeSet<&String> = ids.into_iter().collect();
                let mut all = certificates(stand_in.account());
                all.retain(|certificate| wanted.contains(&certificate.id));
                return Ok(all);
            }
            Side::Emulator(site) => site.emulator.endpoint(),
        };
        let mut existing = Vec::new();
        for id in ids {
            let active = is_active(endpoint, id).await?;
            existing.extend(active.map(|active| Certificate {
                id: id.clone(),
                active,
            }));
        }
        Ok(existing)
    }

    /// All certificates, where they can be counted: in the stand-in.
    pub fn certificates(&self) -> Option<Vec<Certificate>> {
        self.account().map(certificates)
    }
}

fn certificates(account: &Account) -> Vec<Certificate> {
    let all = account.certificates().into_iter();
    all.map(|known| Certificate {
        id: known.id,
        active: known.active,
    })
    .collect()
}

fn attached(account: &Account, thing: &str) -> Vec<Certificate> {
    let all = account.certificates().into_iter();
    let its = all.filter(|known| known.things.iter().any(|name| name == thing));
    its.map(|known| Certificate {
        id: known.id,
        active: known.active,
    })
    .collect()
}

/// Whether a certificate is ACTIVE, if it is there at all.
async fn is_active(endpoint: &str, id: &str) -> Result<Option<bool>, Error> {
    let path = format!("/certificates/{id}");
    match iot::call(endpoint, Method::GET, &path, &Value::Null).await {
        Ok(told) => Ok(Some(told["certificateDescription"]["status"] == "ACTIVE")),
        Err(cvm_local::Error::Aws { cause, .. }) if cause.contains("404") => Ok(None),
        Err(error) => Err(error.into()),
    }
}
