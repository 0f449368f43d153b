//! S3's calls on the one bucket.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Mutex;

use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::http::header::CONTENT_LENGTH;
use axum::http::header::CONTENT_TYPE;
use axum::http::header::ETAG;
use axum::response::Response;
use cvm_shared::bundle::digest;

use crate::account::Account;
use crate::chunked;
use crate::clock;
use crate::lock;
use crate::sigv4;
use crate::wire::Incoming;
use crate::wire::Refusal;
use crate::wire::decode;
use crate::wire::escape;
use crate::wire::respond;

/// The bucket: objects by key.
pub(crate) type Bucket = Mutex<BTreeMap<String, Object>>;

/// An object with the headers that are kept with it.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) content: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A call on the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) key: String,
}

impl Call {
    /// The call that a request makes, if it is for the bucket: as the first part of the path, or of
    /// the host name.
    pub(crate) fn of(request: &Incoming) -> Option<Self> {
        let host = request.header("host").unwrap_or_default();
        let hosted = host
            .strip_prefix(Account::BUCKET)
            .is_some_and(|rest| rest.starts_with('.'));
        let path = request.path.trim_start_matches('/');
        let key = if hosted {
            path
        } else {
            let rest = path.strip_prefix(Account::BUCKET)?;
            if rest.is_empty() {
                rest
            } else {
                rest.strip_prefix('/')?
            }
        };
        let key = decode(key).into_owned();
        let operation = match (&request.method, key.is_empty()) {
            (&Method::GET, true) => "ListObjectsV2",
            (&Method::PUT, false) => "PutObject",
            (&Method::GET, false) => "GetObject",
            (&Method::HEAD, false) => "HeadObject",
            (&Method::DELETE, false) => "DeleteObject",
            _ => "UnknownOperation",
        };
        Some(Self { operation, key })
    }
}

/// Answers a call.
pub(crate) fn answer(bucket: &Bucket, call: &Call, request: &Incoming) -> Response {
    carry_out(bucket, call, request).unwrap_or_else(Refusal::into_xml)
}

fn carry_out(bucket: &Bucket, call: &Call, request: &Incoming) -> Result<Response, Refusal> {
    let seconds = clock::unix_millis() / 1000;
    sigv4::admit(request, Account::SECRET_ACCESS_KEY, seconds)?;
    match call.operation {
        "PutObject" => put(bucket, &call.key, request),
        "GetObject" | "HeadObject" => get(bucket, &call.key, &request.method),
        "DeleteObject" => {
            lock(bucket).remove(&call.key);
            Ok(empty(StatusCode::NO_CONTENT, &[]))
        }
        "ListObjectsV2" => list(bucket, request),
        _ => Err(Refusal::new(405, "MethodNotAllowed", "not known here")),
    }
}

fn empty(status: StatusCode, headers: &[(HeaderName, HeaderValue)]) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer.headers_mut().extend(headers.iter().cloned());
    answer
}

fn put(bucket: &Bucket, key: &str, request: &Incoming) -> Result<Response, Refusal> {
    let broken = || Refusal::new(400, "IncompleteBody", "broken chunks");
    let content = chunked::content(request).ok_or_else(broken)?;
    let etag = format!("\"{}\"", &digest(&content)[..32]);
    let kept = kept(&request.headers, &etag);
    let mut objects = lock(bucket);
    if request.header("if-none-match") == Some("*") && objects.contains_key(key) {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(Refusal::new(412, "PreconditionFailed", message));
    }
    let etag = empty(StatusCode::OK, &kept[..1]);
    let object = Object {
        content,
        headers: kept,
    };
    objects.insert(key.to_owned(), object);
    Ok(etag)
}

/// The `ETag` first, then what the uploader set.
fn kept(headers: &HeaderMap, etag: &str) -> Vec<(HeaderName, HeaderValue)> {
    let etag = HeaderValue::from_str(etag).map(|etag| (ETAG, etag));
    let set = [CONTENT_TYPE, CACHE_CONTROL].into_iter();
    let set = set.filter_map(|name| headers.get(&name).map(|value| (name, value.clone())));
    etag.into_iter().chain(set).collect()
}

fn get(bucket: &Bucket, key: &str, method: &Method) -> Result<Response, Refusal> {
    let object = lock(bucket).get(key).cloned();
    let missing = || Refusal::new(404, "NoSuchKey", "The specified key does not exist.");
    let object = object.ok_or_else(missing)?;
    let mut answer = empty(StatusCode::OK, &object.headers);
    answer
        .headers_mut()
        .insert(CONTENT_LENGTH, object.content.len().into());
    if method != Method::HEAD {
        *answer.body_mut() = Body::from(object.content);
    }
    Ok(answer)
}

fn list(bucket: &Bucket, request: &Incoming) -> Result<Response, Refusal> {
    let prefix = request.parameter("prefix").unwrap_or_default();
    let most = request
        .parameter("max-keys")
        .map_or(Ok(1000), |most| most.parse());
    let refuse = |_| Refusal::new(400, "InvalidArgument", "max-keys");
    let most = most.map_err(refuse)?.min(1000);
    let after = request
        .parameter("continuation-token")
        .or(request.parameter("start-after"));
    let from = after.filter(|after| *after >= prefix);
    let from = from.map_or(Bound::Included(prefix.clone()), Bound::Excluded);
    let objects = lock(bucket);
    let mut found = objects.range((from, Bound::Unbounded));
    let delimiter = request
        .parameter("delimiter")
        .filter(|sign| !sign.is_empty());
    let mut folders = BTreeSet::new();
    let mut entries = String::new();
    let (mut count, mut last) = (0, None);
    while count < most {
        let Some((key, object)) = found.next().filter(|(key, _)| key.starts_with(&prefix)) else {
            break;
        };
        match folder(key, &prefix, delimiter.as_deref()) {
            Some(folder) => {
                folders.insert(folder.to_owned());
            }
            None => entries += &entry(key, object),
        }
        count += 1;
        last = Some(key);
    }
    let more = found
        .next()
        .is_some_and(|(key, _)| key.starts_with(&prefix));
    let next = last.filter(|_| more).map_or_else(String::new, |key| {
        format!(
            "<NextContinuationToken>{}</NextContinuationToken>",
            escape(key)
        )
    });
    for folder in folders {
        let folder = escape(&folder);
        for piece in [
            "<CommonPrefixes><Prefix>",
            &folder,
            "</Prefix></CommonPrefixes>",
        ] {
            entries += piece;
        }
    }
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{}</Name>\
         <Prefix>{}</Prefix><KeyCount>{count}</KeyCount><MaxKeys>{most}</MaxKeys>\
         <IsTruncated>{more}</IsTruncated>{next}{entries}</ListBucketResult>",
        Account::BUCKET,
        escape(&prefix),
    );
    Ok(respond(StatusCode::OK, "application/xml", text))
}

/// What a key is told as, if it is in a folder: up to the delimiter. (A folder that two pages share is told by both.)
fn folder<'a>(key: &'a str, prefix: &str, delimiter: Option<&str>) -> Option<&'a str> {
    let delimiter = delimiter?;
    let place = key.get(prefix.len()..)?.find(delimiter)?;
    key.get(..prefix.len() + place + delimiter.len())
}

fn entry(key: &str, object: &Object) -> String {
    let size = object.content.len();
    format!(
        "<Contents><Key>{}</Key><Size>{size}</Size></Contents>",
        escape(key)
    )
}
