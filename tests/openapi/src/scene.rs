//! Where an example begins: what happened before it is asked. Each scene has the name of its example.

use std::time::Duration;

use cvm_shared::failure::FailureCode;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;
use cvm_testkit::faults::Fault;
use cvm_testkit::faults::Faults;
use http::Request;

use crate::ask::Stage;
use crate::document::Call;
use crate::document::Document;
use crate::request::other_key;
use crate::request::proven;
use crate::request::request;

/// More than a device may ask at one moment.
const FAR_TOO_MANY: usize = 200;

/// A stage at the moment of an example, and the request of the example.
#[derive(Debug)]
pub struct Scene {
    /// The stage.
    pub stage: Stage,
    /// The request.
    pub request: Request<Vec<u8>>,
}

/// The scene of a call's example of this name; `None` if nobody has written it yet.
pub async fn scene(document: &Document, call: &Call<'_>, name: &str) -> Option<Scene> {
    let stage = Stage::new(match (name, call.id) {
        ("unavailable", "nonce") => Faults::first("guard.nonce_key", 1, Fault::Before),
        ("unavailable", _) => Faults::first("registry.load", 1, Fault::Before),
        _ => Faults::default(),
    });
    let before = Before {
        document,
        stage: &stage,
        usual: usual(call),
    };
    before.happens(call, name).await?;
    let request = request(document, &stage, call, name);
    Some(Scene { stage, request })
}

/// Whose request it is that the others go by: the legacy calls know keys mode only.
fn usual(call: &Call<'_>) -> &'static str {
    if call.said["tags"][0] == "legacy" {
        "made-key"
    } else {
        "own-key"
    }
}

struct Before<'a> {
    document: &'a Document,
    stage: &'a Stage,
    usual: &'static str,
}

impl Before<'_> {
    async fn happens(&self, call: &Call<'_>, name: &str) -> Option<()> {
        match name {
            "bad-field" | "bad-csr" | "bad-header" | "query" | "stale-moment" | "foreign-nonce"
            | "missing" | "unauthorized" | "too-large" | "media-type" | "unavailable" | "nonce"
            | "roots" | "unchanged" => {}
            "own-key" | "own-key-proven" | "made-key" | "made-key-header"
                if call.id == "submit" => {}
            "made-key" | "made-key-header" => self.submitted("made-key").await,
            "own-key" | "own-key-proven" | "not-found" | "not-issued" | "other-request" => {
                self.submitted("own-key").await;
            }
            "used-nonce" => drop(self.stage.ask(&proven(self.document, self.stage, 1)).await),
            "link" | "inline" | "confirmed" | "served" => self.vended().await,
            "failed" => self.failed(FailureCode::BudgetSpent, Some(6_400)).await,
            "failed-for-good" => self.failed(FailureCode::CsrRefused, None).await,
            "already-confirmed" | "bundle-shredded" => self.installed().await,
            "bundle-expired" => self.expired().await,
            "replacement-pending" => self.replaced().await,
            "too-many-requests" => self.hurried().await,
            _ => return None,
        }
        Some(())
    }

    async fn submitted(&self, name: &str) {
        let call = self.document.call("submit");
        let request = request(self.document, self.stage, &call, name);
        self.stage.ask(&request).await;
    }

    async fn vended(&self) {
        self.submitted(self.usual).await;
        self.stage.site.settle(5).await;
    }

    async fn installed(&self) {
        self.vended().await;
        self.confirmed().await;
    }

    async fn confirmed(&self) {
        let id = self.stage.row().state.request_id().cloned().unwrap();
        let path = format!("/v1/certificates/{id}/confirm");
        let bare = crate::ask::request(&http::Method::POST, &path, vec![]);
        self.stage.ask(&crate::ask::with_token(bare)).await;
    }

    async fn failed(&self, failure: FailureCode, retry_after: Option<u64>) {
        self.submitted(self.usual).await;
        self.stage.change(|row| {
            let request = row.state.request_id().cloned().unwrap();
            let seconds = 1_700_000_000;
            row.state = State::Failed {
                request,
                issued: None,
                failure,
                failed_at: UnixMillis(seconds * 1000),
                retry_at: retry_after.map(|after| UnixMillis((seconds + after) * 1000)),
            };
        });
    }

    async fn expired(&self) {
        self.vended().await;
        let never = Some(Reprovision::Never);
        self.stage.change(|row| row.reprovision = never);
        let site = &self.stage.site;
        site.world.clock.advance(Duration::from_hours(8 * 24));
        site.sweep().await;
    }

    /// Two keys in a row: the certificate of the first still is in its grace.
    async fn replaced(&self) {
        let replace = Some(Reprovision::Replace);
        self.stage.change(|row| row.reprovision = replace);
        self.installed().await;
        let call = self.document.call("submit");
        self.stage.ask(&other_key(&call)).await;
        self.stage.site.settle(5).await;
        self.confirmed().await;
    }

    async fn hurried(&self) {
        for _ in 0..FAR_TOO_MANY {
            self.submitted(self.usual).await;
        }
    }
}
