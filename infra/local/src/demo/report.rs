//! What is printed at the end: a row per device, the totals, and what to try while it is kept.

use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use cvm_device::install::KeyMode;
use cvm_local::emulator::Emulator;
use cvm_local::fleet::Member;
use cvm_local::outputs::StackOutputs;
use cvm_local::sdk;
use cvm_local::site::STACK;

use crate::figures::Figures;
use crate::figures::percentile;
use crate::ground::Host;
use crate::vending::Journey;

/// How much of a certificate id is enough to tell it from others.
const ID_LENGTH: usize = 12;
/// With more devices than this, only those with an error are listed.
const ROWS_MAX: usize = 60;

/// The table of devices.
pub(crate) fn table(figures: &Figures) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([
        "serial",
        "mode",
        "certificate",
        "submit to ready",
        "MQTT over mutual TLS",
    ]);
    let all = figures.journeys.len() <= ROWS_MAX;
    for journey in &figures.journeys {
        if all || journey.connected.is_err() {
            table.add_row(row(journey));
        }
    }
    let left_out = figures.journeys.len() - table.row_count();
    match left_out {
        0 => table.to_string(),
        left_out => format!("{table}\n{left_out} devices without an error are not listed"),
    }
}

fn row(journey: &Journey) -> [String; 5] {
    let (serial, mode) = (
        journey.serial.to_string(),
        mode_name(journey.mode).to_owned(),
    );
    let vended = match &journey.vended {
        Ok(vended) => vended,
        Err(error) => return [serial, mode, "-".to_owned(), "-".to_owned(), error.clone()],
    };
    let id = vended.device.certificate_id.to_string();
    let ready = vended.ready_after.map_or_else(|| "-".to_owned(), seconds);
    let mqtt = match &journey.connected {
        Ok(connected) => format!("message back in {} ms", connected.round_trip.as_millis()),
        Err(error) => error.clone(),
    };
    [
        serial,
        mode,
        id[..ID_LENGTH.min(id.len())].to_owned(),
        ready,
        mqtt,
    ]
}

fn mode_name(mode: KeyMode) -> &'static str {
    match mode {
        KeyMode::Csr => "csr",
        KeyMode::Keys => "keys",
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.2} s", span.as_secs_f64())
}

/// The totals, a line each.
pub(crate) fn totals(figures: &Figures) -> String {
    let devices = figures.journeys.len();
    let at = |percent| {
        let ready = figures.ready(None);
        percentile(&ready, percent).map_or_else(|| "-".to_owned(), seconds)
    };
    let verdict = if figures.is_good() {
        "all of it as it must be"
    } else {
        "NOT as it must be"
    };
    let lines = [
        ("vended", format!("{} of {devices}", figures.vended())),
        ("connected", format!("{} of {devices}", figures.connected())),
        (
            "wall time",
            format!(
                "{} vending, {} connecting",
                seconds(figures.vending),
                seconds(figures.connecting)
            ),
        ),
        ("submit to ready", format!("p50 {}, p99 {}", at(50), at(99))),
        (
            "active certificates",
            format!("{} (one per device and no other)", figures.active.len()),
        ),
        (
            "messages left",
            format!(
                "{} in the queue, {} dead letters",
                figures.queued, figures.dead
            ),
        ),
        (
            "impostors",
            format!(
                "{} under another's name, {} with a forged certificate",
                figures.proof.other_name, figures.proof.forged
            ),
        ),
        ("result", verdict.to_owned()),
    ];
    let line = |(name, value): (&str, String)| format!("{name:<20} {value}");
    lines.map(line).join("\n")
}

/// What to try while it is kept.
pub(crate) fn kept(emulator: &Emulator, outputs: &StackOutputs, spare: Option<&Member>) -> String {
    let (key_id, secret) = sdk::ROOT;
    let mut lines = vec![
        "It keeps running until Ctrl-C.".to_owned(),
        format!(
            "  AWS          {} (MQTT: port {})",
            emulator.endpoint(),
            emulator.mqtt_port()
        ),
        format!("  device API   {}", outputs.api),
        format!("  table        {} (stack {STACK})", outputs.table),
        format!("  log          {}", emulator.log().display()),
        "  for AWS tools and cvmctl:".to_owned(),
        format!(
            "    export AWS_ENDPOINT_URL={} AWS_REGION={} AWS_ACCESS_KEY_ID={key_id} AWS_SECRET_ACCESS_KEY={secret}",
            emulator.endpoint(),
            sdk::REGION
        ),
    ];
    lines.extend(spare.map(|spare| to_try(spare, &outputs.api, "")));
    lines.join("\n")
}

/// What to try while a server of the host form is kept.
pub(crate) fn kept_host(emulator: &Emulator, host: &Host, spare: Option<&Member>) -> String {
    let (server, ca) = (&host.server, emulator.dir().join("ca.pem"));
    // Without the file the curl line below says what it lacks.
    let _kept = std::fs::write(&ca, &host.ca_pem);
    let mut lines = vec![
        "It keeps running until Ctrl-C.".to_owned(),
        format!(
            "  AWS IoT      {} (MQTT: port {})",
            emulator.endpoint(),
            emulator.mqtt_port()
        ),
        format!("  device API   {}", server.url()),
        format!("  admin        {}", server.admin("/metrics")),
        format!("  database     {}", host.database_url()),
        format!("  log          {}", server.log_path().display()),
    ];
    let trust = format!("--cacert {} ", ca.display());
    lines.extend(spare.map(|spare| to_try(spare, &server.url(), &trust)));
    lines.join("\n")
}

/// A call to try.
fn to_try(spare: &Member, api: &str, options: &str) -> String {
    let body = serde_json::json!({
        "serialNumber": spare.serial,
        "deviceToken": spare.token.expose(),
    });
    format!(
        "  a device that has not asked yet, in keys mode (its bundle comes sealed):\n    \
         curl -i {options}-H 'content-type: application/json' -d '{body}' '{api}/v1/certificates'"
    )
}
