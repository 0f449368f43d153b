//! The AWS that the functions work on: the emulator with the stack in it, or the fast stand-in.

mod certificates;
mod queues;

use std::path::Path;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use cvm_aws::backlog::CERTIFICATE_INDEX;
use cvm_aws::backlog::WAITING_INDEX;
use cvm_aws::item::KEY;
use cvm_aws::item::to_item;
use cvm_local::functions::Profile;
use cvm_local::site::Site;
use cvm_local::stack::Parameters;
use cvm_privileges::recording;
use cvm_privileges::recording::Calls;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::record::Record;
use cvm_standin::Account;
use cvm_standin::Options;
use cvm_standin::StandIn;

use crate::error::Error;
use crate::tls::Tls;

pub use certificates::Certificate;
use queues::DEAD;
pub use queues::Queues;

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
}

fn policy(name: &str) -> Result<PolicyName, Error> {
    let refuse = |_| Error::Usage(format!("{name} is no name of a policy"));
    PolicyName::parse(name).map_err(refuse)
}
