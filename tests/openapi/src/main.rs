//! The real door, worker and an AWS in memory behind HTTP, with devices, for a stranger to try.
//!
//! Prints one line of JSON once it answers: the URL, and each device with its secret and the request that it would
//! make. It ends with its standard input, so that it never outlives who started it.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cvm_lambda::backend::Backend;
use cvm_lambda::error::Error;
use cvm_lambda::front::Front;
use cvm_lambda::function::Function;
use cvm_lambda::lane::Lane;
use cvm_lambda::lane::LaneOptions;
use cvm_lambda::life::device;
use cvm_lambda::shell;
use cvm_local::functions::Functions;
use cvm_local::functions::Profile;
use cvm_local::functions::Progress;
use cvm_local::workspace::Workspace;
use cvm_shared::csr::Csr;
use cvm_shared::ids::SerialNumber;
use cvm_shared::request::Generation;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_standin::Options;
use cvm_testkit::sample;
use serde_json::Value;
use serde_json::json;
use tokio::sync::oneshot;

/// Runs the device API on this machine until its standard input ends.
#[derive(Debug, Parser)]
#[command(name = "openapi-front")]
struct Args {
    /// How many devices there are.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    devices: u16,
    /// Leave the calls of the published machines switched off.
    #[arg(long)]
    no_legacy: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    shell::run("openapi-front", Box::pin(serve(&args))).await
}

async fn serve(args: &Args) -> Result<bool, Error> {
    let workspace = Workspace::find().await?;
    let functions = Functions::build(&workspace, Profile::Dev, Progress::Shown).await?;
    let dir = tempfile::Builder::new().prefix("cvm-openapi-").tempdir();
    let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
    let backend = Backend::stand_in(Options::default()).await?;
    let queues = backend.queues("openapi", 60).await?;
    let options = LaneOptions {
        doors: 2,
        ..LaneOptions::impatient()
    };
    let lane = Lane::start(&backend, &functions, queues, dir.path(), "openapi", options);
    let lane = Box::pin(lane).await?;
    let front = Front::start(door(&lane, !args.no_legacy), None).await?;
    let mut devices = Vec::new();
    for number in 0..args.devices {
        devices.push(import(&backend, number).await?);
    }
    println!(
        "{}",
        json!({ "url": front.url(), "token": sample::TOKEN, "devices": devices })
    );
    input_ended().await;
    backend.stop().await;
    Ok(true)
}

/// Waits for the end of the standard input. On a thread of its own, which nobody waits for at the end.
async fn input_ended() {
    let (sender, ended) = oneshot::channel();
    std::thread::spawn(move || {
        // An error is an end as well.
        let _ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        sender.send(())
    });
    // The thread always sends.
    let _sent = ended.await;
}

/// The lane's door with the legacy calls switched on or off. They wait long, for a busy machine is slow.
fn door(lane: &Lane, legacy: bool) -> Function {
    let mut spec = lane.ingest.spec().clone();
    spec.name.push_str("-open");
    spec.timeout = Duration::from_secs(29);
    for (name, value) in &mut spec.environment {
        match name.as_str() {
            "CVM_LEGACY_API" if legacy => "on".clone_into(value),
            "CVM_LEGACY_WAIT_SECONDS" => "20".clone_into(value),
            _ => {}
        }
    }
    Function::new(spec)
}

/// Imports a device; every third makes no key.
async fn import(backend: &Backend, number: u16) -> Result<Value, Error> {
    let name = format!("SN-{number:04}");
    let refuse = |_| Error::Usage(format!("{name} is not good for a device"));
    let serial = SerialNumber::parse(&*name).map_err(refuse)?;
    backend
        .put(&device(&serial, &backend.names().policy))
        .await?;
    let csr = (!number.is_multiple_of(3)).then(|| sample::csr_pem_of(&name));
    let key = match &csr {
        Some(text) => KeySource::Device(Csr::parse(text).map_err(refuse)?),
        None => KeySource::Service,
    };
    let request = Request::new(&serial, Generation::FIRST, key);
    Ok(json!({ "serial": name, "csr": csr, "requestId": request.id.as_str() }))
}
