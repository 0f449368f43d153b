//! A door that is somewhere else, asked over and over: how long its answers take from here.
//!
//! Only questions that change nothing and need no device: a nonce (no read of any table once the door is warm) and a login
//! that is refused (one read, the same derivations as for a known device).

use std::time::Duration;

use cvm_lambda::Error;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::NONCE_PATH;
use cvm_shared::api::TOKEN_SCHEME;
use reqwest::Client;
use reqwest::RequestBuilder;
use reqwest::StatusCode;

use crate::sheet::Cell;
use crate::sheet::Sheet;
use crate::stopwatch::Stopwatch;
use crate::stopwatch::millis;
use crate::target::Report;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// A device that no table has.
const NOBODY: &str = "MEASURE-NOBODY";

/// A question that changes nothing.
#[derive(Clone, Copy)]
struct Question {
    name: &'static str,
    path: &'static str,
    login: bool,
    answer: StatusCode,
}

const QUESTIONS: [Question; 2] = [
    Question {
        name: "a nonce",
        path: NONCE_PATH,
        login: false,
        answer: StatusCode::OK,
    },
    Question {
        name: "a login that is refused",
        path: CERTIFICATES_PATH,
        login: true,
        answer: StatusCode::UNAUTHORIZED,
    },
];

/// Asks the door at this address so many times each, on connections of their own and on one that is kept.
pub async fn measure(url: &str, times: usize) -> Result<Report, Error> {
    let head = ["question", "connection", "p50, ms", "p99, ms", "most, ms"];
    let mut sheet = Sheet::new("answers of a door", &head);
    for question in QUESTIONS {
        for kept in [false, true] {
            let took = asked(url, question, kept, times).await?;
            let connection = if kept { "kept" } else { "new" };
            let at = |share| Cell::Number(millis(quantile(&took, share)), 1);
            sheet.row([
                question.name.into(),
                connection.into(),
                at(50),
                at(99),
                at(100),
            ]);
        }
    }
    sheet.note(format!("{url}, {times} questions each, one after another. A new connection has its TLS handshake in it."));
    Ok(Report {
        sheets: vec![sheet],
        targets: Vec::new(),
    })
}

async fn asked(
    url: &str,
    question: Question,
    kept: bool,
    times: usize,
) -> Result<Vec<Duration>, Error> {
    let mut client = client(kept)?;
    let mut took = Vec::new();
    for number in 0..=times {
        if !kept {
            client = self::client(kept)?;
        }
        let watch = Stopwatch::start();
        once(&client, url, question).await?;
        // The first one may start a function, and opens the connection that is kept.
        if number > 0 {
            took.push(watch.elapsed());
        }
    }
    took.sort_unstable();
    Ok(took)
}

fn client(kept: bool) -> Result<Client, Error> {
    let idle = if kept { usize::MAX } else { 0 };
    let builder = Client::builder()
        .timeout(PATIENCE)
        .pool_max_idle_per_host(idle);
    builder
        .build()
        .map_err(|error| Error::aws("the HTTP client", &error))
}

async fn once(client: &Client, url: &str, question: Question) -> Result<(), Error> {
    let address = format!("{}{}", url.trim_end_matches('/'), question.path);
    let answer = request(client, &address, question).send().await;
    let answer = answer.map_err(|error| Error::aws("the door", &error))?;
    let status = answer.status();
    // To its end, so that the connection can be kept.
    let body = answer
        .bytes()
        .await
        .map_err(|error| Error::aws("the door", &error))?;
    if status == question.answer {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&body)
        .chars()
        .take(200)
        .collect::<String>();
    Err(Error::Usage(format!(
        "{address}: {status}, not {}: {told}",
        question.answer
    )))
}

fn request(client: &Client, address: &str, question: Question) -> RequestBuilder {
    if !question.login {
        return client.get(address);
    }
    let (scheme, token) = (TOKEN_SCHEME, "0".repeat(32));
    let header = format!("{scheme} serial=\"{NOBODY}\",token=\"{token}\"");
    let json = client
        .post(address)
        .header("content-type", "application/json");
    json.header("authorization", header).body("{}")
}

/// What so many of a hundred do not exceed.
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_those_that_were_seen() {
        let all: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile(&all, 50), Duration::from_millis(50));
        assert_eq!(quantile(&all, 100), Duration::from_millis(100));
        assert_eq!(quantile(&all[..1], 99), Duration::from_millis(1));
        assert_eq!(quantile(&[], 50), Duration::ZERO);
    }
}
