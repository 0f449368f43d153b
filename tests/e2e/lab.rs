//! What the trials share: the site, clients for it, devices for it, and looks at what came of them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::types::Message;
use cvm_aws::item::to_item;
use cvm_aws::registry::DynamoRegistry;
use cvm_aws::system::SystemClock;
use cvm_device::mqtt::ConnectConfig;
use cvm_device::mqtt::Connected;
use cvm_device::mqtt::connect;
use cvm_device::vend::VendConfig;
use cvm_local::emulator::EmulatorOptions;
use cvm_local::functions::Profile;
use cvm_local::site::Site;
use cvm_local::watch;
use cvm_shared::ports::Clock as _;
use cvm_shared::ports::Registry as _;
use cvm_shared::record::Record;
use cvm_shared::secret::DeviceToken;
use cvm_shared::state::State;
use cvm_testkit::sample;
use tokio::sync::OnceCell;

use crate::cvmctl::Key;
use crate::record;

/// A running site.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) site: Site,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) http: reqwest::Client,
    /// The access key that `cvmctl` is run with where a trial does not say.
    pub(crate) factory: OnceCell<Key>,
    /// Names in the template and physical ids, of all stacks that were here.
    pub(crate) resources: Mutex<Vec<(String, String)>>,
    /// Whether a stack was deleted here.
    pub(crate) deleted: AtomicBool,
}

impl Lab {
    /// A site with the template's defaults, but quick enough for tests.
    pub(crate) async fn start() -> Self {
        Self::with(&[("IotCallsPerSecond", "50"), ("PollAfterSeconds", "1")]).await
    }

    /// A site with these parameters.
    pub(crate) async fn with(parameters: &[(&str, &str)]) -> Self {
        let parameters = parameters.iter();
        let parameters: BTreeMap<String, String> = parameters
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let options = EmulatorOptions {
            record: true,
            ..EmulatorOptions::default()
        };
        let site = Box::pin(Site::start_with(Profile::Dev, &parameters, options));
        let site = site.await.unwrap();
        let sdk = site.emulator.sdk();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk),
            sqs: aws_sdk_sqs::Client::new(&sdk),
            s3: aws_sdk_s3::Client::new(&sdk),
            http: reqwest::Client::new(),
            factory: OnceCell::new(),
            resources: Mutex::default(),
            deleted: AtomicBool::default(),
            site,
        }
    }

    /// Settings for clients with a role's rights, and no others. To take on a role of Lambda's, one must be root here.
    pub(crate) async fn sdk_of(&self, role: &str) -> SdkConfig {
        self.sdk_as(role, "trial").await
    }

    /// The same, in a session of this name.
    pub(crate) async fn sdk_as(&self, role: &str, session: &str) -> SdkConfig {
        let sdk = self.site.emulator.sdk();
        let resources = self.site.resources().await.unwrap();
        let its = resources.into_iter().find(|(logical, _)| logical == role);
        let arn = format!("arn:aws:iam::000000000000:role/{}", its.unwrap().1);
        let call = aws_sdk_sts::Client::new(&sdk).assume_role().role_arn(arn);
        let taken = call.role_session_name(session).send().await.unwrap();
        let taken = taken.credentials.unwrap();
        let token = Some(taken.session_token);
        let key = Credentials::new(
            taken.access_key_id,
            taken.secret_access_key,
            token,
            None,
            "role",
        );
        let key = SharedCredentialsProvider::new(key);
        sdk.into_builder().credentials_provider(key).build()
    }

    /// Stops the emulator; with it goes everything.
    pub(crate) async fn stop(lab: Arc<Self>) {
        let lab = Arc::into_inner(lab).expect("no trial is running");
        record::take_down(&lab).await;
        lab.site.emulator.stop().await;
    }

    pub(crate) fn registry(&self) -> DynamoRegistry {
        DynamoRegistry::new(self.dynamodb.clone(), self.site.outputs.table.clone())
    }

    /// A row whose policy is the stack's.
    pub(crate) fn device(&self, serial: &str) -> Record {
        let mut device = sample::device(serial);
        device.binding.policy = sample::policy(&self.site.outputs.device_policy);
        device
    }

    /// Puts a row into the table.
    pub(crate) async fn put(&self, record: &Record) {
        let call = self
            .dynamodb
            .put_item()
            .table_name(&self.site.outputs.table);
        call.set_item(Some(to_item(record))).send().await.unwrap();
    }

    pub(crate) async fn row(&self, serial: &str) -> Record {
        let row = self.registry().load(&sample::serial(serial)).await.unwrap();
        row.expect("the device is registered")
    }

    /// The row, once it is Vended.
    pub(crate) async fn vended(&self, serial: &str, patience: Duration) -> Record {
        let vended = async |row: Record| matches!(row.state, State::Vended { .. }).then_some(row);
        let row = until(patience, async || vended(self.row(serial).await).await).await;
        row.unwrap_or_else(|| panic!("{serial} was never vended"))
    }

    /// The ids of the certificates attached to a Thing.
    pub(crate) async fn attached(&self, thing: &str) -> BTreeSet<String> {
        watch::certificates_of(self.site.emulator.endpoint(), thing)
            .await
            .unwrap()
    }

    pub(crate) async fn active(&self) -> BTreeSet<String> {
        watch::active_certificates(self.site.emulator.endpoint())
            .await
            .unwrap()
    }

    /// The Thing has one certificate, the row's, and it is ACTIVE.
    pub(crate) async fn assert_one_certificate(&self, serial: &str) {
        let row = self.row(serial).await;
        let id = row.state.issued().unwrap().certificate_id.to_string();
        assert_eq!(
            self.attached(row.binding.thing.as_str()).await,
            BTreeSet::from([id.clone()])
        );
        assert!(self.active().await.contains(&id), "{serial} is not ACTIVE");
    }

    /// A device's configuration, in a directory that goes with the returned guard.
    pub(crate) fn at_device(&self, serial: &str) -> (VendConfig, tempfile::TempDir) {
        let home = tempfile::tempdir().unwrap();
        let token = DeviceToken::parse(sample::TOKEN).unwrap();
        let endpoint = self.site.outputs.api.clone();
        let dir = home.path().join("device");
        let mut config = VendConfig::new(endpoint, sample::serial(serial), token, dir);
        config.audience = Some(self.site.outputs.audience.clone());
        (config, home)
    }

    /// Connects the device that is installed there to the emulator's broker.
    pub(crate) async fn connect(
        &self,
        dir: &std::path::Path,
    ) -> Result<Connected, cvm_device::error::Error> {
        let mut config = ConnectConfig::new(dir.to_owned());
        config.port = self.site.emulator.mqtt_port();
        connect(&config).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site.outputs.api)
    }

    /// A submission over HTTP.
    pub(crate) async fn submit(
        &self,
        serial: &str,
        token: &str,
        csr: Option<&str>,
    ) -> reqwest::Response {
        let mut body = serde_json::json!({ "serialNumber": serial, "deviceToken": token });
        if let Some(csr) = csr {
            body["csr"] = csr.into();
        }
        let call = self.http.post(self.url("/v1/certificates")).json(&body);
        call.send().await.unwrap()
    }

    /// The dead letter with this text, once it is there; it stays there.
    pub(crate) async fn dead_letter(&self, body: &str) -> Message {
        let found = until(Duration::from_mins(1), async || {
            let call = self.sqs.receive_message().message_attribute_names("All");
            let call = call.queue_url(&self.site.outputs.dead_letter_queue_url);
            let call = call.max_number_of_messages(10).visibility_timeout(0);
            let letters = call.send().await.unwrap().messages.unwrap_or_default();
            letters
                .into_iter()
                .find(|letter| letter.body() == Some(body))
        });
        found.await.unwrap_or_else(|| panic!("no such dead letter"))
    }

    /// Puts a text into the work queue.
    pub(crate) async fn enqueue(&self, body: &str) {
        let call = self
            .sqs
            .send_message()
            .queue_url(&self.site.outputs.queue_url);
        call.message_body(body).send().await.unwrap();
    }
}

/// What `look` finds, if it finds it in time.
pub(crate) async fn until<T>(patience: Duration, look: impl AsyncFn() -> Option<T>) -> Option<T> {
    let give_up = SystemClock.now().plus(patience);
    while SystemClock.now() < give_up {
        if let Some(found) = look().await {
            return Some(found);
        }
        SystemClock.sleep(Duration::from_millis(50)).await;
    }
    None
}
