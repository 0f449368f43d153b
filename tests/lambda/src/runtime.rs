//! The Lambda Runtime API as one process of a function sees it: one event at a time, then its answer.
//!
//! Every process has a server of its own, so that nothing that a dead process still has in flight can
//! be taken for its successor's.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::watch;

/// An event for the process, with where its answer goes.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) event: Vec<u8>,
    pub(crate) deadline_ms: u64,
    pub(crate) arn: String,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// What the process said: the function's answer or its error.
pub(crate) type Answer = Result<Value, Value>;

/// Between the invoker, who puts jobs on it, and the process, which asks for them.
#[derive(Debug)]
pub(crate) struct Desk {
    jobs: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    under_way: Mutex<Option<(String, oneshot::Sender<Answer>)>>,
    init_error: Mutex<Option<Value>>,
    /// Whether the process has asked for its first job.
    ready: watch::Sender<bool>,
}

impl Desk {
    /// A desk and the way onto it.
    pub(crate) fn new() -> (Arc<Self>, mpsc::Sender<Job>) {
        let (sender, jobs) = mpsc::channel(1);
        let desk = Self {
            jobs: tokio::sync::Mutex::new(jobs),
            under_way: Mutex::new(None),
            init_error: Mutex::new(None),
            ready: watch::Sender::new(false),
        };
        (Arc::new(desk), sender)
    }

    /// Waits until the process has begun: it asks for its first job.
    pub(crate) async fn ready(&self) {
        let mut ready = self.ready.subscribe();
        // An error: its desk is gone, and so are we.
        let _gone = ready.wait_for(|ready| *ready).await;
    }

    /// Why the process could not begin, if it said so.
    pub(crate) fn init_error(&self) -> Option<Value> {
        locked(&self.init_error).clone()
    }

    fn answered(&self, id: &str, answer: Answer) -> StatusCode {
        let mut under_way = locked(&self.under_way);
        match under_way.take() {
            Some((known, waiting)) if known == id => {
                // An invoker that no longer waits has timed out, and kills this process.
                let _gave_up = waiting.send(answer);
                StatusCode::ACCEPTED
            }
            other => {
                *under_way = other;
                StatusCode::BAD_REQUEST
            }
        }
    }
}

/// The API's routes.
pub(crate) fn router(desk: Arc<Desk>) -> Router {
    const ROOT: &str = "/2018-06-01/runtime";
    Router::new()
        .route(&format!("{ROOT}/invocation/next"), get(next))
        .route(
            &format!("{ROOT}/invocation/{{id}}/response"),
            post(response),
        )
        .route(&format!("{ROOT}/invocation/{{id}}/error"), post(error))
        .route(&format!("{ROOT}/init/error"), post(init_error))
        // Lambda takes answers of up to 6 MB.
        .layer(axum::extract::DefaultBodyLimit::max(6 * 1024 * 1024))
        .with_state(desk)
}

async fn next(State(desk): State<Arc<Desk>>) -> Response {
    desk.ready.send_replace(true);
    let Some(job) = desk.jobs.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let headers = headers(&job);
    *locked(&desk.under_way) = Some((job.id, job.answer));
    (headers, job.event).into_response()
}

fn headers(job: &Job) -> HeaderMap {
    let trace = format!("Root=1-{:08x}-{:0>24};Sampled=0", job.deadline_ms / 1000, 0);
    let told = [
        ("lambda-runtime-aws-request-id", job.id.clone()),
        ("lambda-runtime-deadline-ms", job.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", job.arn.clone()),
        ("lambda-runtime-trace-id", trace),
        ("content-type", "application/json".to_owned()),
    ];
    let header = |(name, value): (&'static str, String)| {
        let value = HeaderValue::from_str(&value).ok()?;
        Some((HeaderName::from_static(name), value))
    };
    told.into_iter().filter_map(header).collect()
}

async fn response(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    match parsed(&body) {
        Ok(answer) => desk.answered(&id, Ok(answer)),
        Err(refusal) => desk.answered(&id, Err(refusal)),
    }
}

async fn error(State(desk): State<Arc<Desk>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    let told = parsed(&body).unwrap_or_else(|refusal| refusal);
    desk.answered(&id, Err(told))
}

async fn init_error(State(desk): State<Arc<Desk>>, body: Bytes) -> StatusCode {
    let told = parsed(&body).unwrap_or_else(|refusal| refusal);
    *locked(&desk.init_error) = Some(told);
    StatusCode::ACCEPTED
}

/// An empty answer is null; one that is not JSON is an error of the function, as at Lambda.
fn parsed(body: &[u8]) -> Result<Value, Value> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| {
        let message = error.to_string();
        serde_json::json!({ "errorType": "Runtime.InvalidResponse", "errorMessage": message })
    })
}

/// What a poisoned lock guards is as good as before: nothing here is left half done.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_to_another_event_is_refused_and_changes_nothing() {
        let (desk, _jobs) = Desk::new();
        let (sender, waiting) = oneshot::channel();
        *desk.under_way.lock().unwrap() = Some(("a".to_owned(), sender));
        assert_eq!(desk.answered("b", Ok(Value::Null)), StatusCode::BAD_REQUEST);
        assert_eq!(desk.answered("a", Ok(1.into())), StatusCode::ACCEPTED);
        assert_eq!(waiting.await.unwrap(), Ok(1.into()));
        assert_eq!(desk.answered("a", Ok(2.into())), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn an_answer_that_is_not_json_is_an_error_of_the_function() {
        assert_eq!(parsed(b""), Ok(Value::Null));
        let error = parsed(b"nonsense").unwrap_err();
        assert_eq!(error["errorType"], "Runtime.InvalidResponse");
    }
}
