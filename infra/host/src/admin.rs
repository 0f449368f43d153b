//! Health, readiness, metrics, and a round of the janitor's: for the machine's own network, in plain HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::RawQuery;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use cvm_aws::system::SystemClock;
use cvm_mysql::backlog::MySqlBacklog;
use cvm_mysql::database::Database;
use cvm_shared::care::Group;
use cvm_shared::failure::Failure;
use cvm_shared::operate::trails::Upkeep as _;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Depth;
use cvm_worker::errand::Errand;
use http::StatusCode;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::timeout;

use crate::parts::DeadLetters;
use crate::parts::WorkQueue;
use crate::prometheus::GAUGES;
use crate::rounds::Rounds;
use crate::stop::Stop;

/// How long the parts have to say how they are.
const WITHIN: Duration = Duration::from_secs(2);

/// What there is to ask about.
#[derive(Debug)]
pub struct Office {
    /// Whether the server is to stop.
    pub stop: Stop,
    /// The database.
    pub database: Database,
    /// The work queue.
    pub queue: WorkQueue,
    /// The dead letters.
    pub dead_letters: DeadLetters,
    /// The metrics.
    pub metrics: PrometheusHandle,
    /// The janitor, if this server has one.
    pub rounds: Option<Arc<Rounds>>,
}

/// Everything that an operator's network can ask.
pub fn router(office: Arc<Office>) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(tell))
        .route("/sweep", post(sweep))
        .with_state(office)
}

/// Whether devices should be sent here: not while it stops, and not without its database.
async fn ready(State(office): State<Arc<Office>>) -> Response {
    if office.stop.is_given() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match timeout(WITHIN, office.database.answers()).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(failure)) => {
            let text = format!("the database: {failure}\n");
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database: no answer\n").into_response(),
    }
}

async fn tell(State(office): State<Arc<Office>>) -> String {
    office.gauge().await;
    office.metrics.render()
}

impl Office {
    /// What cannot be told stays as it was; that the database is away is for /readyz to say.
    async fn gauge(&self) {
        let depth = async { Ok(as_float(self.queue.depth().await?)) };
        let dead = async { Ok(as_float(self.dead_letters.depth().await?)) };
        let (depth, dead, oldest) = tokio::join!(
            timeout(WITHIN, depth),
            timeout(WITHIN, dead),
            timeout(WITHIN, self.oldest())
        );
        let open = Ok(Ok(f64::from(self.database.pool().size())));
        for ((name, _), told) in GAUGES.iter().zip([depth, dead, oldest, open]) {
            if let Ok(Ok(value)) = told {
                metrics::gauge!(*name).set(value);
            }
        }
    }

    async fn oldest(&self) -> Result<f64, Failure> {
        let backlog = MySqlBacklog::new(self.database.clone());
        let oldest = backlog.oldest(Group::Work).await?;
        let age = oldest.map(|(_, since)| SystemClock.now().since(since));
        Ok(age.unwrap_or_default().as_secs_f64())
    }
}

#[expect(clippy::cast_precision_loss, reason = "no queue holds 2^53 messages")]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// `POST /sweep`, or `POST /sweep?reportOnly=true` to count only.
async fn sweep(State(office): State<Arc<Office>>, RawQuery(query): RawQuery) -> Response {
    let report_only = match query.as_deref() {
        None | Some("" | "reportOnly=false") => false,
        Some("reportOnly=true") => true,
        Some(_) => {
            let text = "the query must be reportOnly=true or reportOnly=false\n";
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    let Some(rounds) = &office.rounds else {
        let text = "this server has no janitor (setting roles)\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    match Box::pin(rounds.round(&Errand { report_only })).await {
        Ok(Some(summary)) => axum::Json(summary).into_response(),
        Ok(None) => {
            let text = "another server is on a round\n";
            (StatusCode::CONFLICT, text).into_response()
        }
        Err(failure) => {
            let text = format!("{failure}\n");
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}
