//! `cargo demo --host`: MariaDB and `cvm-server` in place of the stack. Of the emulator, AWS IoT alone is used.

use std::time::Duration;

use cvm_local::Error;
use cvm_local::database::MariaDb;
use cvm_local::emulator::Emulator;
use cvm_local::functions;
use cvm_local::functions::Profile;
use cvm_local::host::Authority;
use cvm_local::host::HostOptions;
use cvm_local::host::HostServer;
use cvm_local::iot;
use cvm_local::venv::Venv;
use cvm_local::workspace::Workspace;
use cvm_mysql::database::Database;
use cvm_mysql::database::DatabaseTerms;
use cvm_mysql::database::Tls;
use cvm_shared::ids::PolicyName;
use reqwest::Method;
use serde_json::json;

use crate::args::Args;
use crate::ground::DATABASE;
use crate::ground::Ground;
use crate::ground::Host;
use crate::screen::Screen;

/// The IoT policy of devices: as in the serverless form's template, a device has what is under its own name.
const POLICY: &str = "cvm-device";

/// Sets all of it up.
pub(crate) async fn set_up(
    args: &Args,
    screen: &Screen,
    workspace: &Workspace,
) -> Result<Ground, Error> {
    cvm_local::ports::check(args.emulator())?;
    let step = screen.step("python");
    let venv = Venv::ensure(workspace).await?;
    step.done("virtual environment is ready");

    let step = screen.foreign_step("server");
    let profile = if args.dev {
        Profile::Dev
    } else {
        Profile::Release
    };
    let binary = functions::server(workspace, profile).await?;
    step.done(functions::size(&binary));

    let step = screen.step("mariadb");
    let mariadb = MariaDb::start(workspace, &[])?;
    let database = database(&mariadb).await?;
    step.done(format!("port {}", mariadb.port()));

    let step = screen.step("emulator");
    let emulator = Emulator::start(&venv, args.emulator()).await?;
    step.done(format!(
        "{}, MQTT on port {}",
        emulator.endpoint(),
        emulator.mqtt_port()
    ));

    let step = screen.step("cvm-server");
    let authority = Authority::fresh(emulator.dir())?;
    let mut options = HostOptions::new(
        &binary,
        emulator.dir(),
        emulator.endpoint(),
        &mariadb.url("root", DATABASE),
    )
    .set("poll_seconds", 1)
    .set("iot_rate", 10)
    .set("trust_anchors_pem", emulator.ca_pem());
    options.tls = Some(authority.clone());
    options.migrate().await?;
    let server = HostServer::start(&options).await?;
    let policy = policy(&emulator).await?;
    step.done(format!(
        "{}, with a database and nothing else",
        server.url()
    ));
    let host = Host {
        server,
        ca_pem: authority.ca_pem,
        policy,
        database,
        mariadb,
    };
    Ok(Ground::host(emulator, host))
}

/// An empty database, and a connection of our own.
async fn database(mariadb: &MariaDb) -> Result<Database, Error> {
    let refuse = |error: &dyn std::error::Error| Error::Database(error.to_string());
    let terms = |name: &str| DatabaseTerms {
        url: mariadb.url("root", name),
        tls: Tls::Off,
        connections: 4,
        patience: Duration::from_secs(5),
    };
    let server = Database::open(&terms("mysql"), None).await;
    let server = server.map_err(|error| refuse(&error))?;
    let made = server.create(DATABASE).await;
    made.map_err(|failure| Error::Database(failure.to_string()))?;
    server.close().await;
    let database = Database::open(&terms(DATABASE), None).await;
    database.map_err(|error| refuse(&error))
}

async fn policy(emulator: &Emulator) -> Result<PolicyName, Error> {
    let own = "${iot:Connection.Thing.ThingName}";
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "iot:Connect",
                "Resource": format!("arn:aws:iot:*:*:client/{own}"),
                "Condition": { "Bool": { "iot:Connection.Thing.IsAttached": "true" } },
            },
            {
                "Effect": "Allow",
                "Action": ["iot:Publish", "iot:Receive"],
                "Resource": format!("arn:aws:iot:*:*:topic/dt/{own}/*"),
            },
            {
                "Effect": "Allow",
                "Action": "iot:Subscribe",
                "Resource": format!("arn:aws:iot:*:*:topicfilter/dt/{own}/*"),
            },
        ],
    });
    let body = json!({ "policyDocument": document.to_string() });
    let path = format!("/policies/{POLICY}");
    iot::call(emulator.endpoint(), Method::POST, &path, &body).await?;
    PolicyName::parse(POLICY).map_err(|refusal| Error::Devices(refusal.to_string()))
}
