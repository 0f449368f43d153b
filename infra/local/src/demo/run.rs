//! The demo's steps, in their order.

use std::path::Path;
use std::time::Duration;

use cvm_aws::system::SystemClock;
use cvm_aws::system::SystemRandom;
use cvm_local::Error;
use cvm_local::emulator::Emulator;
use cvm_local::fleet::Fleet;
use cvm_local::functions::Functions;
use cvm_local::functions::Profile;
use cvm_local::functions::Progress;
use cvm_local::site::STACK;
use cvm_local::site::Site;
use cvm_local::stack;
use cvm_local::stack::Parameters;
use cvm_local::venv::Venv;
use cvm_local::watch::active_certificates;
use cvm_local::workspace::Workspace;
use cvm_shared::ports::Clock as _;

use crate::args::Args;
use crate::figures::Figures;
use crate::ground::Ground;
use crate::host;
use crate::proof::prove;
use crate::report;
use crate::screen::Screen;
use crate::vending::connect_all;
use crate::vending::vend_all;

/// How long the queue may take to be empty after the last device is done: a worker answers for its
/// batch as a whole, a moment after the devices in it could see their certificates.
const DRAINED_WITHIN: Duration = Duration::from_secs(15);

/// Runs it; whether all of it is as it must be.
pub(crate) async fn demo(args: &Args, screen: &Screen) -> Result<bool, Error> {
    check_output(args.json.as_deref())?;
    let workspace = Workspace::find().await?;
    let (fleet, spare) = fleets(args, &workspace)?;
    let ground = if args.host {
        Box::pin(host::set_up(args, screen, &workspace)).await?
    } else {
        Ground::serverless(Box::pin(set_up(args, screen, &workspace)).await?)
    };
    let step = screen.step("import");
    let imported = ground.enroll(&fleet).await?;
    step.done(format!("{imported} devices"));
    let figures = vend(screen, &ground, &fleet).await?;
    println!(
        "\n{}\n\n{}",
        report::table(&figures),
        report::totals(&figures)
    );
    save(args.json.as_deref(), &figures)?;
    if !figures.is_good() {
        screen.say(&keep_log(&workspace, &ground)?);
    }
    if args.keep {
        ground.enroll(&spare).await?;
        println!("\n{}", ground.kept(spare.members.first()));
        std::future::pending::<()>().await;
    }
    ground.stop().await;
    Ok(figures.is_good())
}

/// The devices that are vended, and one that is left for the user to try.
fn fleets(args: &Args, workspace: &Workspace) -> Result<(Fleet, Fleet), Error> {
    let fleet = match args.devices {
        Some(count) => Fleet::generate("DEMO-", usize::from(count), &SystemRandom)?,
        None => Fleet::read(&workspace.local("devices.csv"))?,
    };
    Ok((fleet, Fleet::generate("SPARE-", 1, &SystemRandom)?))
}

async fn set_up(args: &Args, screen: &Screen, workspace: &Workspace) -> Result<Site, Error> {
    // The cheap refusals come before the long build.
    cvm_local::ports::check(args.emulator())?;
    let step = screen.step("python");
    let venv = Venv::ensure(workspace).await?;
    step.done("virtual environment is ready");

    let step = screen.foreign_step("functions");
    let profile = if args.dev {
        Profile::Dev
    } else {
        Profile::Release
    };
    let functions = Functions::build(workspace, profile, Progress::Shown).await?;
    step.done(&functions);

    let step = screen.step("emulator");
    let emulator = Emulator::start(&venv, args.emulator()).await?;
    step.done(format!(
        "{}, MQTT on port {}",
        emulator.endpoint(),
        emulator.mqtt_port()
    ));

    let step = screen.step("stack");
    // The least that the API may ask for: nobody should wait for a demo's sake.
    // The emulator does not know Service Quotas, and asking it in vain takes two seconds.
    let parameters = Parameters::from([
        ("PollAfterSeconds".to_owned(), "1".to_owned()),
        ("IotCallsPerSecond".to_owned(), "10".to_owned()),
    ]);
    let outputs = stack::deploy(&venv, &emulator, &functions, STACK, &parameters).await?;
    step.done(format!("{STACK}, from infra/template.yaml"));
    Ok(Site { emulator, outputs })
}

async fn vend(screen: &Screen, ground: &Ground, fleet: &Fleet) -> Result<Figures, Error> {
    let devices = fleet.members.len();
    let step = screen.counted_step("vend", devices);
    let mut journeys = vend_all(ground, fleet, &step).await;
    let vending = step.done(format!("{devices} devices at once"));
    let step = screen.counted_step("connect", devices);
    connect_all(ground, &mut journeys, &step).await;
    let connecting = step.done("MQTT with mutual TLS");
    let step = screen.step("check");
    let proof = prove(ground, &journeys).await;
    let (queued, dead) = drained(ground).await?;
    let active = active_certificates(ground.emulator.endpoint()).await?;
    step.done("certificates, queues, impostors");
    Ok(Figures {
        journeys,
        vending,
        connecting,
        active,
        queued,
        dead,
        proof,
    })
}

/// What is left in the work queue and among the dead letters, once it had the time to be empty.
async fn drained(ground: &Ground) -> Result<(u64, u64), Error> {
    let started = SystemClock.now();
    loop {
        let (queued, dead) = ground.messages().await?;
        if queued == 0 || SystemClock.now().since(started) > DRAINED_WITHIN {
            return Ok((queued, dead));
        }
        SystemClock.sleep(Duration::from_millis(200)).await;
    }
}

/// A file that cannot be written is better known before the run than after it.
fn check_output(path: Option<&Path>) -> Result<(), Error> {
    let Some(path) = path else {
        return Ok(());
    };
    let opened = std::fs::File::create(path).map(drop);
    opened.map_err(|source| disk(path, source))
}

fn save(path: Option<&Path>, figures: &Figures) -> Result<(), Error> {
    let Some(path) = path else {
        return Ok(());
    };
    let text = format!("{:#}\n", figures.json());
    std::fs::write(path, text).map_err(|source| disk(path, source))
}

/// The emulator's log goes with it, unless somebody will want to read it.
fn keep_log(workspace: &Workspace, ground: &Ground) -> Result<String, Error> {
    let kept = workspace.cache()?.join("demo.log");
    let copied = std::fs::copy(ground.log(), &kept);
    copied.map_err(|source| disk(&kept, source))?;
    Ok(format!("the log: {}", kept.display()))
}

fn disk(path: &Path, source: std::io::Error) -> Error {
    let path = path.to_owned();
    Error::Disk { path, source }
}
