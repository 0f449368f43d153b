//! What the devices of a demo stand on: the emulator, and one of the machine's two forms on it.

use std::path::PathBuf;

use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_local::Error;
use cvm_local::database::MariaDb;
use cvm_local::emulator::Emulator;
use cvm_local::fleet::Fleet;
use cvm_local::fleet::Member;
use cvm_local::host::HostServer;
use cvm_local::site::Site;
use cvm_local::watch::queue_depth;
use cvm_mysql::database::Database;
use cvm_mysql::queue::MySqlQueue;
use cvm_mysql::rows::MySqlRows;
use cvm_shared::failure::Failure;
use cvm_shared::ids::PolicyName;
use cvm_shared::ports::Depth as _;

use crate::report;

/// A running machine, and the AWS that it calls.
pub(crate) struct Ground {
    /// AWS, or of the host form only AWS IoT.
    pub(crate) emulator: Emulator,
    /// What devices ask.
    pub(crate) api: String,
    /// What the machine knows itself by, if that is not its address.
    pub(crate) audience: Option<String>,
    /// The authority of its certificate, if it is none that all know.
    pub(crate) ca_pem: String,
    form: Form,
}

enum Form {
    Serverless(Box<cvm_local::outputs::StackOutputs>),
    Host(Box<Host>),
}

/// A server of the host form with its database.
pub(crate) struct Host {
    /// The server.
    pub(crate) server: HostServer,
    /// The authority of its certificate.
    pub(crate) ca_pem: String,
    /// The IoT policy of devices.
    pub(crate) policy: PolicyName,
    /// Our own connection to its database.
    pub(crate) database: Database,
    /// Gone last.
    pub(crate) mariadb: MariaDb,
}

impl Ground {
    /// The stack in the emulator.
    pub(crate) fn serverless(site: Site) -> Self {
        let Site { emulator, outputs } = site;
        Self {
            emulator,
            api: outputs.api.clone(),
            audience: Some(outputs.audience.clone()),
            ca_pem: String::new(),
            form: Form::Serverless(Box::new(outputs)),
        }
    }

    /// A server beside the emulator.
    pub(crate) fn host(emulator: Emulator, host: Host) -> Self {
        Self {
            emulator,
            api: host.server.url(),
            audience: None,
            ca_pem: host.ca_pem.clone(),
            form: Form::Host(Box::new(host)),
        }
    }

    /// Imports these devices as an operator does; how many.
    pub(crate) async fn enroll(&self, fleet: &Fleet) -> Result<u64, Error> {
        match &self.form {
            Form::Serverless(outputs) => {
                let summary = fleet.enroll(&self.emulator, outputs).await?;
                Ok(summary.imported)
            }
            Form::Host(host) => {
                let roster = MySqlRows::new(host.database.clone());
                let summary = fleet.enroll_into(&roster, host.policy.clone()).await?;
                Ok(summary.imported)
            }
        }
    }

    /// How many messages wait, and how many are dead letters.
    pub(crate) async fn messages(&self) -> Result<(u64, u64), Error> {
        match &self.form {
            Form::Serverless(outputs) => {
                let sdk = self.emulator.sdk();
                let queued = queue_depth(&sdk, &outputs.queue_url).await?;
                let dead = queue_depth(&sdk, &outputs.dead_letter_queue_url).await?;
                Ok((queued, dead))
            }
            Form::Host(host) => host
                .messages()
                .await
                .map_err(|failure| Error::Database(failure.to_string())),
        }
    }

    /// What is worth keeping if something went wrong: the emulator's log, or the server's.
    pub(crate) fn log(&self) -> PathBuf {
        match &self.form {
            Form::Serverless(_) => self.emulator.log(),
            Form::Host(host) => host.server.log_path().to_owned(),
        }
    }

    /// What to try while it is kept.
    pub(crate) fn kept(&self, spare: Option<&Member>) -> String {
        match &self.form {
            Form::Serverless(outputs) => report::kept(&self.emulator, outputs, spare),
            Form::Host(host) => report::kept_host(&self.emulator, host, spare),
        }
    }

    /// Where the devices' disks are, so to speak.
    pub(crate) fn devices(&self) -> PathBuf {
        self.emulator.dir().join("devices")
    }

    /// Ends all of it in good order.
    pub(crate) async fn stop(self) {
        if let Form::Host(host) = self.form {
            // Whether it stopped well, the demo has told by then.
            let _status = host.server.stop().await;
        }
        self.emulator.stop().await;
    }
}

impl Host {
    async fn messages(&self) -> Result<(u64, u64), Failure> {
        let database = || self.database.clone();
        let orders = MySqlQueue::orders(database(), 1, SystemClock, SystemRandom);
        let dead = MySqlQueue::dead_letters(database(), SystemClock, SystemRandom);
        Ok((orders.depth().await?, dead.depth().await?))
    }

    /// The database's address, for cvmctl and for people.
    pub(crate) fn database_url(&self) -> String {
        self.mariadb.url("root", DATABASE)
    }
}

/// The name of the demo's database.
pub(crate) const DATABASE: &str = "cvm";
