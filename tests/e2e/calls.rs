//! The AWS calls that one certificate costs, recorded under the real SDK, against the emulator.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::SqsEvent;
use aws_lambda_events::event::sqs::SqsMessage;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use cvm_aws::queue::SqsDelivery;
use cvm_aws::registry::DynamoRegistry;
use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_aws::vault::S3Vault;
use cvm_ops::cost::measures::FILE;
use cvm_ops::cost::measures::Login;
use cvm_ops::cost::measures::Mode;
use cvm_ops::cost::measures::Phase;
use cvm_ops::cost::measures::read;
use cvm_shared::ids::Owner;
use cvm_shared::lease::Epoch;
use cvm_shared::lease::Lease;
use cvm_shared::message::Order;
use cvm_shared::ports::Clock as _;
use cvm_shared::record::Record;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::state::State;
use cvm_testkit::sample;
use cvm_testkit::site::WORK_TERMS;
use cvm_worker::batch::work_off;
use cvm_worker::iot::AwsIssuer;
use cvm_worker::pacer::Pacer;
use cvm_worker::rates::Rates;
use cvm_worker::run::Worker;

use crate::cvmctl::cvmctl;
use crate::lab::Lab;

/// After so many receives a fault is final.
const RECEIVES_MAX: u32 = 5;

/// Notes every request that leaves the SDK.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let call = match request.headers().get("x-amz-target") {
            Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
            None => by_path(request.method(), request.uri()),
        };
        self.0.lock().unwrap().push(call);
        Ok(())
    }
}

/// The name of a REST call of S3 or AWS IoT.
fn by_path(method: &str, url: &str) -> String {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let known = [
        ("POST", "certificates", "CreateCertificateFromCsr"),
        ("POST", "keys-and-certificate", "CreateKeysAndCertificate"),
        ("POST", "things/", "CreateThing"),
        ("GET", "endpoint", "DescribeEndpoint"),
        ("PUT", "target-policies/", "AttachPolicy"),
        ("PUT", "things/", "AttachThingPrincipal"),
        ("PUT", "certificates/", "UpdateCertificate"),
    ];
    let named = known
        .iter()
        .find(|(verb, start, _)| *verb == method && path.starts_with(start));
    let object = if path.contains("/b/") { "Object" } else { "?" };
    named.map_or_else(
        || format!("{method}{object}"),
        |(_, _, name)| (*name).to_owned(),
    )
}

pub(crate) async fn calls_for_one_certificate(lab: Arc<Lab>) {
    let csr = work(&lab, "E2E-calls-csr", KeySource::Device(sample::csr())).await;
    let keys = work(&lab, "E2E-calls-keys", KeySource::Service).await;
    println!("calls in CSR mode:  {}", csr.join(", "));
    println!("calls in keys mode: {}", keys.join(", "));
    assert_eq!(sequence(&csr), expected("CreateCertificateFromCsr"));
    assert_eq!(sequence(&keys), expected("CreateKeysAndCertificate"));
    assert_eq!(counted(&csr), reckoned(Mode::Csr));
    assert_eq!(counted(&keys), reckoned(Mode::Keys));
}

/// The lab's stack has another pace and another wait than the template says (`Lab::start`).
pub(crate) async fn the_bill_is_made_out_for_the_stack_s_parameters(lab: Arc<Lab>) {
    let answer = cvmctl(&lab, &["cost", "--output", "json"]).await;
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    let quantity = |part: &str, what: &str| {
        let lines = answer.objects().into_iter();
        let mut lines = lines.filter(|line| line["part"] == part && line["what"] == what);
        lines.next().unwrap()["quantity"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // Four workers of half a GB, 50 certificates a second; six polls, one a second, and three other requests.
    assert_eq!(quantity("Lambda worker", "time, GB s"), "40000");
    assert_eq!(quantity("API Gateway", "requests"), "9000000");
}

/// How often each call was made, but for what a worker asks once in its life.
fn counted(calls: &[String]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for call in calls.iter().filter(|call| *call != "DescribeEndpoint") {
        let name = call.replace("PUTObject", "PutObject");
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// What `cvmctl cost` takes a worker to call. Units and bytes have names of several words.
fn reckoned(mode: Mode) -> BTreeMap<String, u64> {
    let measures = read(FILE).unwrap().into_iter();
    let of_work = measures.filter(|one| one.phase == Phase::Work && one.is_measured());
    let calls = of_work.filter(|one| !one.meter.name.contains(' '));
    let amounts = calls.map(|one| {
        let amount = one.amount(mode, Login::Proof).to_string();
        (one.meter.name.to_owned(), amount.parse().unwrap())
    });
    amounts.filter(|(_, amount)| *amount > 0).collect()
}

/// Calls that run side by side may be noted in any order: they are sorted within their round.
fn sequence(calls: &[String]) -> Vec<&str> {
    let mut calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    calls[2..5].sort_unstable();
    calls[7..9].sort_unstable();
    calls
}

fn expected(create: &'static str) -> Vec<&'static str> {
    vec![
        "GetItem",
        "UpdateItem",
        create,
        "CreateThing",
        "DescribeEndpoint",
        "PUTObject",
        "UpdateItem",
        "AttachPolicy",
        "AttachThingPrincipal",
        "UpdateCertificate",
        "UpdateItem",
    ]
}

/// With the rights of the worker's role.
pub(crate) async fn a_message_that_waits_for_long_is_sent_anew(lab: Arc<Lab>) {
    let mut device = lab.device("E2E-held");
    let request = Request::new(&device.serial, device.generation, KeySource::Service);
    device.epoch = Epoch(1);
    device.state = State::Issuing {
        request: request.clone(),
        lease: Lease {
            epoch: device.epoch,
            owner: Owner::parse("00000000000000000000000000000000").unwrap(),
            until: SystemClock.now().plus(Duration::from_secs(15)),
        },
        issued: None,
    };
    lab.put(&device).await;
    let calls = work_off_order(&lab, &device, request, RECEIVES_MAX).await;
    assert_eq!(calls, ["GetItem", "SendMessage"]);
    lab.vended("E2E-held", Duration::from_mins(2)).await;
    lab.assert_one_certificate("E2E-held").await;
}

/// One order, worked off in this process by a fresh worker; the calls that it made.
async fn work(lab: &Lab, serial: &str, key: KeySource) -> Vec<String> {
    let device = lab.device(serial);
    lab.put(&device).await;
    let request = Request::new(&device.serial, device.generation, key);
    let calls = work_off_order(lab, &device, request, 1).await;
    lab.assert_one_certificate(serial).await;
    calls
}

/// With the rights of the worker's role.
async fn work_off_order(
    lab: &Lab,
    device: &Record,
    request: Request,
    receives: u32,
) -> Vec<String> {
    let recorder = Recorder::default();
    let sdk = lab.sdk_of("WorkerRole").await;
    let worker = worker(lab, &sdk, &recorder);
    let outputs = &lab.site.outputs;
    let (url, dead) = (
        outputs.queue_url.clone(),
        outputs.dead_letter_queue_url.clone(),
    );
    let sqs = aws_sdk_sqs::config::Builder::from(&sdk).interceptor(recorder.clone());
    let delivery = SqsDelivery::new(aws_sdk_sqs::Client::from_conf(sqs.build()), url, dead);
    let order = Order {
        serial: device.serial.clone(),
        generation: device.generation,
        request,
    };
    let event = event(order.encode(), receives);
    let deadline = SystemClock.now().plus(Duration::from_secs(30));
    let answer = work_off(&worker, &delivery, RECEIVES_MAX, &event, deadline)
        .await
        .unwrap();
    assert!(answer.batch_item_failures.is_empty());
    recorder.0.lock().unwrap().clone()
}

/// A batch of one message, as the queue hands it out.
fn event(body: String, receives: u32) -> SqsEvent {
    let mut message = SqsMessage::default();
    message.message_id = Some("m".to_owned());
    message.receipt_handle = Some("r".to_owned());
    message.body = Some(body);
    let count = ("ApproximateReceiveCount".to_owned(), receives.to_string());
    message.attributes.extend([count]);
    let mut event = SqsEvent::default();
    event.records = vec![message];
    event
}

fn worker(
    lab: &Lab,
    sdk: &SdkConfig,
    recorder: &Recorder,
) -> Worker<DynamoRegistry, AwsIssuer<SystemClock>, S3Vault, SystemClock, SystemRandom> {
    let outputs = &lab.site.outputs;
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(sdk).interceptor(recorder.clone());
    let s3 = aws_sdk_s3::config::Builder::from(sdk).interceptor(recorder.clone());
    let pacer = Pacer::new(&Rates::uniform(100.0));
    Worker {
        registry: DynamoRegistry::new(
            aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            outputs.table.clone(),
        ),
        issuer: AwsIssuer::new(
            cvm_worker::iot::client_with(sdk, recorder.clone()),
            pacer,
            SystemClock,
        ),
        vault: S3Vault::new(
            aws_sdk_s3::Client::from_conf(s3.build()),
            outputs.bucket.clone(),
            Some(outputs.key_arn.clone()),
        ),
        clock: SystemClock,
        random: SystemRandom,
        terms: WORK_TERMS,
    }
}
