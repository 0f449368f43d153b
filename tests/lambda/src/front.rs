//! An HTTP API in front of a function: every request becomes an event, its answer the response.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header::CONNECTION;
use axum::response::Response;
use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;

use crate::error::Error;
use crate::function::Function;
use crate::function::InvokeError;
use crate::gateway;
use crate::serve::Task;
use crate::serve::serve;

/// The largest request, in bytes (an HTTP API's limit).
const BODY_MAX: usize = 10 * 1024 * 1024;

/// Someone who wants to know of each request before the function does.
pub type Observer = Arc<dyn Fn(&Method, &str) + Send + Sync>;

/// A running front. Dropping it ends it.
#[derive(Debug)]
pub struct Front {
    url: String,
    _server: Task,
}

#[derive(Clone)]
struct Door {
    function: Function,
    observer: Option<Observer>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Door").field(&self.function).finish()
    }
}

impl Front {
    /// Opens it on a free port.
    pub async fn start(function: Function, observer: Option<Observer>) -> Result<Self, Error> {
        let door = Door { function, observer };
        let router = Router::new().fallback(handle).with_state(door);
        let (address, server) = serve(router).await?;
        Ok(Self {
            url: format!("http://{address}"),
            _server: server,
        })
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn handle(State(door): State<Door>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else {
        return gateway::failed(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    if let Some(observer) = &door.observer {
        observer(&parts.method, parts.uri.path());
    }
    let now = SystemClock.now().0;
    let event = gateway::event(&parts.method, &parts.uri, &parts.headers, &body, now);
    let mut response = match door.function.invoke(&event).await {
        Ok(told) => gateway::answer(&told),
        Err(InvokeError::Error(_)) => {
            gateway::failed(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Err(InvokeError::Died | InvokeError::TimedOut) => {
            gateway::failed(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
    };
    // Thousands of devices that wait would each keep a connection open.
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
