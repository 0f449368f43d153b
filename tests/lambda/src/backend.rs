//! The AWS that the functions work on: the emulator with the stack in it, or the fast stand-in.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::QueueAttributeName;
use cvm_aws::backlog::CERTIFICATE_INDEX;
use cvm_aws::backlog::WAITING_INDEX;
use cvm_aws::item::KEY;
use cvm_aws::item::to_item;
use cvm_aws::queue::REASON;
use cvm_local::functions::Profile;
use cvm_local::iot;
use cvm_local::site::Site;
use cvm_local::stack::Parameters;
use cvm_local::watch;
use cvm_privileges::recording;
use cvm_privileges::recording::Calls;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::record::Record;
use cvm_standin::Account;
use cvm_standin::Options;
use cvm_standin::StandIn;
use reqwest::Method;
use serde_json::Value;

use crate::error::Error;
use crate::tls::Tls;

/// After so many receives a fault is final for the worker.
pub const MAX_RECEIVES: u32 = 10;
/// After how many receives the queue itself gives up, as in the template.
pub const QUEUE_RECEIVES: u32 = 30;

/// An AWS.
#[derive(Debug)]
pub struct Backend {
    side: Side,
    sdk: SdkConfig,
    names: Names,
    tls: Option<Tls>,
}

#[derive(Debug)]
enum Side {
    Emulator(Box<Site>),
    StandIn(Box<StandIn>),
}

/// What the functions are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The device table.
    pub table: String,
    /// The table of what may happen only once.
    pub guard: String,
    /// The bucket of bundles.
    pub bucket: String,
    /// The KMS key of the bundles.
    pub key_arn: String,
    /// The IoT policy of devices.
    pub policy: PolicyName,
}

/// A work queue and its dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queues {
    /// The work queue's URL.
    pub work: String,
    /// The dead letters' URL.
    pub dead: String,
}

/// What the names of dead letters' queues end in.
const DEAD: &str = "-dead";

/// The `applyState` of a device that has its certificate.
const VENDED: &str = "-1";

/// What a device's row says, read off the table itself: not even our own reader is trusted here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its `applyState`.
    pub state: String,
    /// Whether it is Vended.
    pub vended: bool,
    /// Whether the device has confirmed.
    pub confirmed: bool,
    /// The certificate that it names.
    pub certificate: Option<String>,
}

/// A certificate of a Thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Certificate {
    /// Its id.
    pub id: String,
    /// Whether it opens a session.
    pub active: bool,
}

impl Backend {
    /// The pinned emulator with the production template in it. Its own functions are there too, but nobody
    /// calls them.
    pub async fn emulator(profile: Profile) -> Result<Self, Error> {
        let site = Box::pin(Site::start(profile, &Parameters::default())).await?;
        let names = Names {
            table: site.outputs.table.clone(),
            guard: site.outputs.guard_table.clone(),
            bucket: site.outputs.bucket.clone(),
            key_arn: site.outputs.key_arn.clone(),
            policy: policy(&site.outputs.device_policy)?,
        };
        Ok(Self {
            sdk: site.emulator.sdk(),
            names,
            tls: None,
            side: Side::Emulator(Box::new(site)),
        })
    }

    /// The stand-in.
    pub async fn stand_in(options: Options) -> Result<Self, Error> {
        let stand_in = StandIn::start(options).await;
        let stand_in = stand_in.map_err(Error::host("the stand-in for AWS does not start"))?;
        let account = stand_in.account();
        account.add_index(WAITING_INDEX, "waitsFor", Some("waitsSince"));
        account.add_index(CERTIFICATE_INDEX, "certID", None);
        let names = Names {
            table: Account::TABLE.to_owned(),
            guard: Account::GUARD_TABLE.to_owned(),
            bucket: Account::BUCKET.to_owned(),
            key_arn: Account::KEY_ARN.to_owned(),
            policy: policy(Account::POLICY)?,
        };
        Ok(Self {
            sdk: cvm_local::sdk::config(stand_in.endpoint()),
            names,
            tls: None,
            side: Side::StandIn(Box::new(stand_in)),
        })
    }

    /// Has functions call over TLS from now on, with a certificate of an authority of its own; files go to `dir`. Only
    /// the stand-in can.
    pub async fn over_tls(&mut self, dir: &Path) -> Result<(), Error> {
        let Side::StandIn(stand_in) = &self.side else {
            return Err(Error::Usage("only the stand-in speaks TLS".to_owned()));
        };
        self.tls = Some(Tls::before(stand_in, dir).await?);
        Ok(())
    }

    /// The authority that devices must trust to follow links, or nothing.
    pub fn ca_pem(&self) -> &str {
        self.tls.as_ref().map_or("", |tls| &tls.ca_pem)
    }

    /// Where functions find all of AWS.
    pub fn functions_endpoint(&self) -> &str {
        let over_tls = self.tls.as_ref().map(|tls| &*tls.endpoint);
        over_tls.unwrap_or_else(|| self.endpoint())
    }

    /// The file with the authority that functions must trust, if they call over TLS.
    pub fn trust(&self) -> Option<&Path> {
        self.tls.as_ref().map(|tls| &*tls.ca)
    }

    /// Where all of AWS answers.
    pub fn endpoint(&self) -> &str {
        match &self.side {
            Side::Emulator(site) => site.emulator.endpoint(),
            Side::StandIn(stand_in) => stand_in.endpoint(),
        }
    }

    /// Settings for clients of our own.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// What things are called.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The account of the stand-in, if this is it.
    pub fn account(&self) -> Option<&Account> {
        match &self.side {
            Side::Emulator(_) => None,
            Side::StandIn(stand_in) => Some(stand_in.account()),
        }
    }

    /// Ends it, in good order where that takes a moment.
    pub async fn stop(self) {
        match self.side {
            Side::Emulator(site) => site.emulator.stop().await,
            Side::StandIn(stand_in) => drop(stand_in),
        }
    }

    /// Who called what so far, in the template's names; only the stand-in knows.
    pub fn recorded(&self) -> Calls {
        let lines = self.account().map(Account::recorded).unwrap_or_default();
        let queues = recording::parse(&lines).into_iter();
        let queues = queues.filter(|call| call.call.starts_with("sqs:"));
        let queues = queues.flat_map(|call| call.on).map(|name| {
            let logical = if name.ends_with(DEAD) {
                "DeadLetterQueue"
            } else {
                "WorkQueue"
            };
            (logical.to_owned(), name)
        });
        let others = [
            ("Bundles", Account::BUCKET),
            ("Devices", Account::TABLE),
            ("Guard", Account::GUARD_TABLE),
        ];
        let others = others.map(|(logical, name)| (logical.to_owned(), name.to_owned()));
        recording::Names::new(queues.chain(others)).read(&lines)
    }

    /// A work queue of its own with dead letters of its own, with this visibility timeout.
    pub async fn queues(&self, name: &str, visibility_seconds: u64) -> Result<Queues, Error> {
        let dead = self
            .queue(&format!("{name}{DEAD}"), visibility_seconds, None)
            .await?;
        let arn = self.arn(&dead).await?;
        let work = self.queue(name, visibility_seconds, Some(arn)).await?;
        Ok(Queues { work, dead })
    }

    async fn queue(
        &self,
        name: &str,
        visibility_seconds: u64,
        dead: Option<String>,
    ) -> Result<String, Error> {
        if let Side::StandIn(stand_in) = &self.side {
            return Ok(stand_in.account().add_queue(name));
        }
        let redrive = dead.map(|arn| {
            serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": QUEUE_RECEIVES })
                .to_string()
        });
        let call = aws_sdk_sqs::Client::new(&self.sdk)
            .create_queue()
            .queue_name(name);
        let call = call.attributes(
            QueueAttributeName::VisibilityTimeout,
            visibility_seconds.to_string(),
        );
        let call = match redrive {
            Some(redrive) => call.attributes(QueueAttributeName::RedrivePolicy, redrive),
            None => call,
        };
        let created = call
            .send()
            .await
            .map_err(|error| Error::aws("CreateQueue", &error))?;
        Ok(created.queue_url.unwrap_or_default())
    }

    async fn arn(&self, url: &str) -> Result<String, Error> {
        if let Side::StandIn(_) = &self.side {
            return Ok(url.to_owned());
        }
        let call = aws_sdk_sqs::Client::new(&self.sdk)
            .get_queue_attributes()
            .queue_url(url);
        let told = call
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await;
        let told = told.map_err(|error| Error::aws("GetQueueAttributes", &error))?;
        let arn = told
            .attributes()
            .and_then(|told| told.get(&QueueAttributeName::QueueArn));
        Ok(arn.cloned().unwrap_or_default())
    }

    /// How many messages a queue holds, in whatever state.
    pub async fn depth(&self, url: &str) -> Result<u64, Error> {
        Ok(watch::queue_depth(&self.sdk, url).await?)
    }

    /// Imports a device.
    pub async fn put(&self, record: &Record) -> Result<(), Error> {
        let call = aws_sdk_dynamodb::Client::new(&self.sdk).put_item();
        let call = call
            .table_name(&self.names.table)
            .set_item(Some(to_item(record)));
        let put = call.send().await;
        put.map(drop).map_err(|error| Error::aws("PutItem", &error))
    }

    /// A device's row, as it lies in the table.
    pub async fn row(&self, serial: &SerialNumber) -> Result<Row, Error> {
        let key = AttributeValue::S(serial.to_string());
        let call = aws_sdk_dynamodb::Client::new(&self.sdk)
            .get_item()
            .consistent_read(true);
        let call = call.table_name(&self.names.table).key(KEY, key);
        let got = call
            .send()
            .await
            .map_err(|error| Error::aws("GetItem", &error))?;
        let item = got.item.unwrap_or_default();
        let state = item.get("applyState").and_then(|value| value.as_n().ok());
        Ok(Row {
            state: state.cloned().unwrap_or_default(),
            vended: state.is_some_and(|state| state == VENDED),
            confirmed: item.contains_key("confirmedAt"),
            certificate: item
                .get("certID")
                .and_then(|value| value.as_s().ok())
                .cloned(),
        })
    }

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

    /// The dead letters by reason; they stay where they are, but hidden for some minutes.
    pub async fn dead_letters(&self, url: &str) -> Result<BTreeMap<String, usize>, Error> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        let mut reasons = BTreeMap::new();
        loop {
            let call = client
                .receive_message()
                .queue_url(url)
                .visibility_timeout(600);
            let call = call
                .max_number_of_messages(10)
                .message_attribute_names("All");
            let received = call
                .send()
                .await
                .map_err(|error| Error::aws("ReceiveMessage", &error))?;
            let letters = received.messages.unwrap_or_default();
            if letters.is_empty() {
                return Ok(reasons);
            }
            for letter in letters {
                *reasons.entry(reason(&letter)).or_default() += 1;
            }
        }
    }
}

/// Why a dead letter is one: its worker says so, unless the queue has given it up by itself.
fn reason(letter: &Message) -> String {
    let attribute = letter.message_attributes().and_then(|all| all.get(REASON));
    let reason = attribute.and_then(|value| value.string_value());
    reason.unwrap_or("received too often").to_owned()
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

fn policy(name: &str) -> Result<PolicyName, Error> {
    let refuse = |_| Error::Usage(format!("{name} is no name of a policy"));
    PolicyName::parse(name).map_err(refuse)
}
