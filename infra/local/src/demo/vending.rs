//! The devices at work: all of them get their certificates at once, then each connects with its own.

use std::path::Path;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_device::ConnectConfig;
use cvm_device::Connected;
use cvm_device::VendConfig;
use cvm_device::Vended;
use cvm_device::install::KeyMode;
use cvm_device::verify::Chain;
use cvm_local::fleet::Fleet;
use cvm_local::fleet::Member;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Clock as _;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::task::JoinSet;

use crate::ground::Ground;
use crate::screen::Step;

/// How many devices shake hands at once: the emulator does it all in one thread.
const HANDSHAKES: usize = 16;

/// What became of one device.
#[derive(Debug)]
pub(crate) struct Journey {
    /// The device.
    pub(crate) serial: SerialNumber,
    /// Who made its key.
    pub(crate) mode: KeyMode,
    /// Its certificate, or why it has none.
    pub(crate) vended: Result<Vended, String>,
    /// Its message to itself, or why it did not come back.
    pub(crate) connected: Result<Connected, String>,
}

/// Every device submits, polls, fetches, installs and confirms, all at the same time.
pub(crate) async fn vend_all(ground: &Ground, fleet: &Fleet, step: &Step<'_>) -> Vec<Journey> {
    let mut under_way = JoinSet::new();
    let patience = Duration::from_mins(5) + Duration::from_secs(1) * fleet_size(fleet);
    for (index, member) in fleet.members.iter().enumerate() {
        let mut config = config(ground, member, index);
        config.timeout = patience;
        let (serial, mode) = (member.serial.clone(), member.mode);
        under_way.spawn(async move { (index, serial, mode, vend(&config).await) });
    }
    let mut ended = Vec::new();
    while let Some(journey) = under_way.join_next().await {
        step.advance();
        ended.extend(journey);
    }
    ended.sort_by_key(|(index, ..)| *index);
    let journeys = ended.into_iter().map(|(_, serial, mode, vended)| Journey {
        serial,
        mode,
        vended,
        connected: Err("not tried".to_owned()),
    });
    journeys.collect()
}

fn fleet_size(fleet: &Fleet) -> u32 {
    u32::try_from(fleet.members.len()).unwrap_or(u32::MAX)
}

fn config(ground: &Ground, member: &Member, index: usize) -> VendConfig {
    let dir = ground.devices().join(index.to_string());
    let (serial, token) = (member.serial.clone(), member.token.clone());
    let mut config = VendConfig::new(ground.api.as_str(), serial, token, dir);
    config.key_mode = member.mode;
    config.auth = member.auth;
    // Every fifth cannot follow a link.
    config.inline = index % 5 == 4;
    config.audience.clone_from(&ground.audience);
    config.ca_pem.clone_from(&ground.ca_pem);
    config
}

async fn vend(config: &VendConfig) -> Result<Vended, String> {
    let vended = cvm_device::vend(config, &|| SystemClock.now(), &|_| {}).await;
    let vended = vended.map_err(|error| error.to_string())?;
    // The emulator's CA is in the trust bundle, so here the signature must be checked.
    match vended.chain {
        Some(Chain::Verified) => Ok(vended),
        Some(Chain::IssuerUnknown) | None => {
            Err("its issuer is not in the trust bundle".to_owned())
        }
    }
}

/// Every device that has a certificate sends itself a message over MQTT.
pub(crate) async fn connect_all(ground: &Ground, journeys: &mut [Journey], step: &Step<'_>) {
    let port = ground.emulator.mqtt_port();
    let connections = journeys.iter_mut().map(async |journey| {
        if let Ok(vended) = &journey.vended {
            let host = broker_name(&vended.device.endpoint);
            let config = broker(&vended.dir, host, port);
            let connected = cvm_device::connect(&config).await;
            journey.connected = connected.map_err(|error| error.to_string());
        }
        step.advance();
    });
    stream::iter(connections)
        .buffer_unordered(HANDSHAKES)
        .collect::<()>()
        .await;
}

/// How to reach the emulator's broker. Its certificate must bear the name that the device was told;
/// nothing resolves that name, so its address is given apart.
pub(crate) fn broker(dir: &Path, name: &str, port: u16) -> ConnectConfig {
    let mut config = ConnectConfig::new(dir);
    config.host = Some("127.0.0.1".to_owned());
    config.server_name = Some(name.to_owned());
    config.port = port;
    config
}

/// Gap: the emulator puts its HTTP port behind the broker's name.
pub(crate) fn broker_name(endpoint: &str) -> &str {
    endpoint.split_once(':').map_or(endpoint, |(name, _)| name)
}
