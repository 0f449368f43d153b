//! The door over HTTP: what API Gateway does elsewhere. Bounds what comes, and hands it to the door as it is.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::extract::State;
use axum::response::Response;
use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_ingest::door::Door;
use cvm_ingest::http::Answer;
use cvm_ingest::http::Asked;
use cvm_ingest::http::Query;
use cvm_ingest::problem::Refused;
use cvm_ingest::tally::span_named;
use cvm_mysql::guard::MySqlGuard;
use cvm_mysql::links::PREFIX;
use cvm_mysql::registry::MySqlRegistry;
use cvm_shared::api::BODY_MAX;
use cvm_shared::failure::Failure;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::hex;
use cvm_shared::ports::Random as _;
use futures_util::StreamExt as _;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use tokio::time::timeout;
use tracing::Instrument as _;
use zeroize::Zeroizing;

use crate::parts::Bundles;
use crate::parts::WorkQueue;

/// The door of a host.
pub type HostDoor =
    Door<MySqlRegistry, WorkQueue, Bundles, MySqlGuard<SystemRandom>, SystemClock, SystemRandom>;

/// How long a body may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// How long one call may take: as long as API Gateway gives it.
const CALL_WITHIN: Duration = Duration::from_secs(29);

/// What a proxy in front says about who asks.
const FORWARDED: &str = "x-forwarded-for";

/// In every answer.
const ALWAYS: [(&str, &str); 2] = [
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
];

/// The largest bundle that a link leads to.
const BUNDLE_MAX: usize = 64 * 1024;

/// The door, and what it must know of the way to it.
#[derive(Debug)]
pub struct Front {
    /// The door.
    pub door: HostDoor,
    /// The host that devices ask.
    pub audience: String,
    /// Whether a proxy in front says who asks.
    pub behind_proxy: bool,
}

/// Everything that devices can ask.
pub fn router(front: Arc<Front>) -> Router {
    Router::new().fallback(answer).with_state(front)
}

async fn answer(
    State(front): State<Arc<Front>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let id = hex(&SystemRandom.bytes()[..8]);
    let call = timeout(CALL_WITHIN, Box::pin(front.call(peer.ip(), request)));
    let answered = call.instrument(span_named(Some(&id))).await;
    let mut response = answered.unwrap_or_else(|_| empty(StatusCode::SERVICE_UNAVAILABLE));
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Front {
    async fn call(&self, peer: IpAddr, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let is_link = parts.uri.path().starts_with(PREFIX);
        if let (Bundles::MySql(vault), true) = (&self.door.vault, is_link) {
            if parts.method != Method::GET {
                return empty(StatusCode::METHOD_NOT_ALLOWED);
            }
            let query = parts.uri.query().unwrap_or_default();
            return bundle(vault.open(parts.uri.path(), query, BUNDLE_MAX).await);
        }
        let asked = self.asked(peer, parts, body).await;
        response(self.door.answer(asked).await)
    }

    async fn asked(&self, peer: IpAddr, parts: Parts, body: Body) -> Result<Asked, Refused> {
        let path = parts.uri.path().to_owned();
        let query = Query::new(parts.uri.query().unwrap_or_default().to_owned());
        query.fits(&path)?;
        Ok(Asked {
            method: parts.method,
            audience: self.audience.clone(),
            source: source(self.behind_proxy, peer, &parts.headers),
            path,
            query,
            headers: parts.headers,
            body: read(body).await?,
        })
    }
}

/// Who asks: the peer, or whom the proxy in front has seen. What stands before its entry anybody can have written.
fn source(behind_proxy: bool, peer: IpAddr, headers: &HeaderMap) -> String {
    let told = headers.get_all(FORWARDED).iter().next_back();
    let told = told.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    let told = told.and_then(|address| address.trim().parse::<IpAddr>().ok());
    let seen = told.filter(|_| behind_proxy).unwrap_or(peer);
    seen.to_canonical().to_string()
}

/// The whole body, bounded in size and time, in memory that is wiped.
async fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(BODY_MAX));
    let mut pieces = body.into_data_stream();
    let whole = async {
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| Malformed::new("body", "was cut off"))?;
            if bytes.len() + piece.len() > BODY_MAX {
                return Err(Refused::TooLarge);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(())
    };
    let in_time = timeout(BODY_WITHIN, whole).await;
    in_time.map_err(|_| Malformed::new("body", "came too slowly"))??;
    Ok(bytes)
}

/// What a link leads to. One that has ended, was made up or leads to nothing any more is answered as S3 answers it.
fn bundle(found: Result<Option<Zeroizing<Vec<u8>>>, Failure>) -> Response {
    match found {
        Ok(Some(bytes)) => {
            // The body owns its copy and wipes it.
            let mut response = Response::new(Body::from(Bytes::from_owner(bytes)));
            let json = HeaderValue::from_static("application/json");
            let kept = HeaderValue::from_static("no-store");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response.headers_mut().insert(CACHE_CONTROL, kept);
            response
        }
        Ok(None) => empty(StatusCode::FORBIDDEN),
        Err(failure) => {
            tracing::warn!(%failure, "a bundle cannot be read");
            empty(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

fn empty(status: StatusCode) -> Response {
    response(Answer::empty(status))
}

fn response(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(behind_proxy: bool, told: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for told in told {
            headers.append(FORWARDED, HeaderValue::from_str(told).unwrap());
        }
        let peer = IpAddr::from([10, 0, 0, 1]);
        source(behind_proxy, peer, &headers)
    }

    #[test]
    fn only_the_proxy_in_front_says_who_asks() {
        assert_eq!(seen(false, &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(seen(true, &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen(true, &["6.6.6.6", "1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen(true, &["::ffff:1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen(true, &["1.2.3.4, unknown"]), "10.0.0.1");
        assert_eq!(seen(true, &[]), "10.0.0.1");
    }
}
