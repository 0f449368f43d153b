//! The janitor's sweep, run once at the end: no orphan may be left by it.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::backend::Backend;
use crate::backend::Queues;
use crate::environment::Surroundings;
use crate::error::Error;
use crate::function::Function;
use crate::function::Spec;

/// How long a sweep may take.
const LIMIT: Duration = Duration::from_mins(5);
/// How old certificates are made to look: older than any grace that the janitor gives.
const AGE: Duration = Duration::from_hours(48);

/// Makes all certificates look old and has the janitor sweep; false where the certificates cannot be
/// made to look old, and the janitor would rightly leave them alone.
pub async fn sweep(
    backend: &Backend,
    queues: &Queues,
    janitor: &Path,
    dir: &Path,
) -> Result<bool, Error> {
    let Some(account) = backend.account() else {
        return Ok(false);
    };
    account.backdate_certificates(AGE);
    let surroundings = Surroundings {
        endpoint: backend.endpoint(),
        names: backend.names(),
        queues,
        named: true,
        trust: None,
    };
    let function = Function::new(Spec {
        name: "janitor".to_owned(),
        binary: janitor.to_owned(),
        environment: surroundings.janitor(),
        memory_mb: 256,
        timeout: LIMIT,
        concurrency: 1,
        log: dir.join("janitor.log"),
    });
    match function.invoke(&json!({})).await {
        Ok(_) => Ok(true),
        Err(_) => Err(function.broken()),
    }
}
