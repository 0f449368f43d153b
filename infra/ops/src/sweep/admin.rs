//! The janitor of a host: its server is asked for a round at its admin address, and answers when it is over.

use reqwest::Client;
use reqwest::Response;
use serde_json::Map;
use serde_json::Value;

use crate::aws::root;
use crate::printer::shown;
use crate::sweep::CONNECT;
use crate::sweep::PATIENCE;
use crate::sweep::summary;
use crate::trouble::Trouble;

/// A server's admin address.
pub(super) struct Admin {
    client: Client,
    address: String,
}

impl Admin {
    /// The server at this address. No proxy stands between an operator and the own machine.
    pub(super) fn at(address: &str) -> Result<Self, Trouble> {
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .build();
        let client = client.map_err(|error| Trouble::aws(root(&error)))?;
        Ok(Self {
            client,
            address: address.trim_end_matches('/').to_owned(),
        })
    }

    /// One round, and what the janitor tells of it. Never asked for a second time by itself.
    pub(super) async fn round(&self, report_only: bool) -> Result<Map<String, Value>, Trouble> {
        let url = format!("{}/sweep?reportOnly={report_only}", self.address);
        let answer = self.client.post(url).send().await;
        let told = match answer {
            Ok(answer) => told(answer).await,
            Err(error) => Err(format!(
                "{}; is it running, and is --admin right?",
                root(&error)
            )),
        };
        told.map_err(|cause| Trouble::aws(format!("the server at {}: {cause}", self.address)))
    }
}

async fn told(answer: Response) -> Result<Map<String, Value>, String> {
    let status = answer.status();
    let text = answer.bytes().await.map_err(|error| root(&error))?;
    if status.is_success() {
        return summary(&text);
    }
    let problem: Value = serde_json::from_slice(&text).unwrap_or_default();
    let detail = problem["detail"].as_str().or(problem["title"].as_str());
    let detail = shown(detail.unwrap_or("no reason given"));
    Err(format!("{status}: {detail}"))
}
