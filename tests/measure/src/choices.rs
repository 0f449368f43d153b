//! What each choice of the release build costs and gives: the same functions, built and started otherwise.

use std::path::Path;
use std::path::PathBuf;

use cvm_lambda::Error;
use cvm_local::functions::Functions;
use cvm_local::functions::Profile;
use cvm_local::functions::Progress;
use cvm_local::workspace::Workspace;
use serde::Deserialize;
use tempfile::TempDir;

use crate::cold;
use crate::cpu;
use crate::cpu::Used;
use crate::device::Way;
use crate::figures::file_size;
use crate::figures::megabytes;
use crate::figures::middle;
use crate::instructions;
use crate::peer::script;
use crate::rig::Wire;
use crate::sheet::Cell;
use crate::sheet::Sheet;
use crate::target::Report;

/// All take turns so many times, and the middle one of each counts: what else the machine does meets all alike.
const TURNS: usize = 5;

/// One choice.
#[derive(Clone, Copy, Debug)]
struct Choice {
    /// For people.
    name: &'static str,
    /// What is changed.
    change: Change,
}

/// What a choice changes.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Nothing.
    Shipped,
    /// One setting of the release profile.
    Profile(&'static str),
    /// Every package of the profile that is not a cipher is built for size, too.
    AllSmall,
    /// What a variable of the function's environment names, a path: the binary is the same.
    Environment(&'static str, &'static str),
}

const CHOICES: [Choice; 9] = [
    Choice {
        name: "as it ships: fat LTO, opt-level s, the hot packages 3, one codegen unit",
        change: Change::Shipped,
    },
    Choice {
        name: "opt-level s for all but the ciphers",
        change: Change::AllSmall,
    },
    Choice {
        name: "opt-level 3 for all",
        change: Change::Profile("profile.release.opt-level=3"),
    },
    Choice {
        name: "thin LTO",
        change: Change::Profile("profile.release.lto=\"thin\""),
    },
    Choice {
        name: "no LTO",
        change: Change::Profile("profile.release.lto=\"off\""),
    },
    Choice {
        name: "allocator: jemalloc 5 in place of glibc's",
        change: Change::Environment("LD_PRELOAD", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"),
    },
    Choice {
        name: "allocator: mimalloc 2 in place of glibc's",
        change: Change::Environment("LD_PRELOAD", "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2"),
    },
    Choice {
        name: "trust store: the machine's bundle, not its directory",
        change: Change::Environment("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"),
    },
    Choice {
        name: "trust store: Amazon's roots alone",
        change: Change::Environment("SSL_CERT_FILE", "shared/roots/amazon.pem"),
    },
];

/// What a choice came to.
#[derive(Debug)]
struct Outcome {
    name: &'static str,
    functions: Functions,
    /// In megabytes, of the binaries themselves.
    sizes: [f64; 2],
    /// Instructions of a certificate.
    instructions: [u64; 2],
    used: Vec<Used>,
    /// Processor time until the first event is asked for, in milliseconds.
    inits: Vec<[f64; 2]>,
}

/// Builds and measures every choice that this machine can make; `devices` and `starts` are for each turn.
pub async fn measure(devices: usize, starts: usize) -> Result<Report, Error> {
    let workspace = Workspace::find().await?;
    let dir = tempfile::tempdir().map_err(|error| Error::disk(std::env::temp_dir(), error))?;
    let shipped = Functions::build(&workspace, Profile::Release, Progress::Shown).await?;
    let (mut outcomes, mut absent) = (Vec::new(), Vec::new());
    for choice in &CHOICES {
        match begun(choice, &shipped, &workspace, &dir).await? {
            Some(outcome) => outcomes.push(outcome),
            None => absent.push(choice.name),
        }
    }
    for _ in 0..TURNS {
        for outcome in &mut outcomes {
            let used = cpu::ours(&outcome.functions, Wire::Plain, Way::ALL[0], devices);
            outcome.used.push(Box::pin(used).await?);
            let inits = cold::inits(&outcome.functions, Wire::Plain, starts);
            outcome.inits.push(Box::pin(inits).await?);
        }
    }
    Ok(Report {
        sheets: vec![sheet(&outcomes, &absent, devices)],
        targets: Vec::new(),
    })
}

/// Builds what is to be built; `None` where this machine lacks what the choice names.
async fn begun(
    choice: &Choice,
    shipped: &Functions,
    workspace: &Workspace,
    dir: &TempDir,
) -> Result<Option<Outcome>, Error> {
    let functions = match choice.change {
        Change::Shipped => shipped.clone(),
        Change::Profile(setting) => {
            built(choice, workspace, vec![format!("--config={setting}")]).await?
        }
        Change::AllSmall => built(choice, workspace, small(workspace)?).await?,
        Change::Environment(name, path) => {
            // A path of ours is one from the workspace's root; the others are whole already.
            let path = workspace.root().join(path);
            if !path.exists() {
                return Ok(None);
            }
            started_with(shipped, name, &path, choice, dir)?
        }
    };
    let sizes = match choice.change {
        Change::Environment(..) => sizes(shipped),
        Change::Shipped | Change::Profile(_) | Change::AllSmall => sizes(&functions),
    };
    let counted = Box::pin(instructions::each(&functions, Way::ALL[0])).await?;
    Ok(Some(Outcome {
        name: choice.name,
        functions,
        sizes,
        instructions: counted.map(|counted| counted.each),
        used: Vec::new(),
        inits: Vec::new(),
    }))
}

/// In a target directory of its own, so that a second run finds it.
async fn built(
    choice: &Choice,
    workspace: &Workspace,
    mut arguments: Vec<String>,
) -> Result<Functions, Error> {
    let kept = workspace.cache()?.join("choices").join(slug(choice.name));
    arguments.push(format!("--target-dir={}", kept.display()));
    let built =
        Functions::build_otherwise(workspace, Profile::Release, Progress::Shown, &arguments);
    Ok(built.await?)
}

fn sizes(functions: &Functions) -> [f64; 2] {
    [&functions.ingest, &functions.worker].map(|path| file_size(path))
}

/// A folder's name.
fn slug(name: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    name.chars().map(plain).collect()
}

/// Takes back what the workspace's profile says of single packages, but for the ciphers.
fn small(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let path = workspace.root().join("Cargo.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| Error::disk(&path, error))?;
    let manifest: Manifest = toml::from_str(&text)
        .map_err(|error| Error::Usage(format!("{}: {error}", path.display())))?;
    Ok(manifest
        .hot()
        .map(|name| format!("--config=profile.release.package.{name}.opt-level=\"s\""))
        .collect())
}

/// What is read of the workspace's manifest.
#[derive(Deserialize)]
struct Manifest {
    profile: Profiles,
}

#[derive(Deserialize)]
struct Profiles {
    release: Release,
}

#[derive(Deserialize)]
struct Release {
    package: toml::Table,
}

impl Manifest {
    /// The packages with a level of their own that are not ciphers.
    fn hot(&self) -> impl Iterator<Item = &String> {
        let ciphers = ["aws-lc-sys", "argon2"];
        let packages = self.profile.release.package.keys();
        packages.filter(move |name| !ciphers.contains(&name.as_str()))
    }
}

/// The same binaries, with a variable more in their environment.
fn started_with(
    functions: &Functions,
    name: &str,
    value: &Path,
    choice: &Choice,
    dir: &TempDir,
) -> Result<Functions, Error> {
    let start = |binary: &Path| -> Result<PathBuf, Error> {
        let of = binary.file_name().unwrap_or_default().to_string_lossy();
        let path = dir.path().join(format!("{of}-{}.sh", slug(choice.name)));
        let (value, binary) = (value.display(), binary.display());
        let run = format!("export {name}={value}\nexec {binary}");
        script(&path, &run).map_err(|error| Error::disk(&path, error))?;
        Ok(path)
    };
    Ok(Functions {
        ingest: start(&functions.ingest)?,
        worker: start(&functions.worker)?,
        ..functions.clone()
    })
}

fn sheet(outcomes: &[Outcome], absent: &[&str], devices: usize) -> Sheet {
    let head = [
        "choice",
        "ingest, MB",
        "worker, MB",
        "door, instructions",
        "worker, instructions",
        "a certificate, CPU ms",
        "door's init, CPU ms",
        "worker's init, CPU ms",
        "door's memory, MB",
        "worker's memory, MB",
    ];
    let mut sheet = Sheet::new("choices of the release build", &head);
    for outcome in outcomes {
        sheet.row(outcome.line());
    }
    sheet.note(format!(
        "Medians of {TURNS} turns of {devices} devices each, all choices in turn; CSR mode with a proof, AWS over plain HTTP."
    ));
    for name in absent {
        sheet.note(format!("Not on this machine: {name}."));
    }
    sheet
}

impl Outcome {
    fn line(&self) -> [Cell; 10] {
        let size = |place: usize| Cell::Number(self.sizes[place], 2);
        let init = |place: usize| {
            let all = self.inits.iter().map(|init| init[place]);
            Cell::Number(middle(all.collect()), 1)
        };
        let used = |what: fn(&Used) -> f64, decimals| {
            Cell::Number(middle(self.used.iter().map(what).collect()), decimals)
        };
        [
            self.name.into(),
            size(0),
            size(1),
            self.instructions[0].into(),
            self.instructions[1].into(),
            used(|used| used.each(used.all()), 2),
            init(0),
            init(1),
            used(|used| megabytes(used.ingest_kb), 1),
            used(|used| megabytes(used.worker_kb), 1),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ciphers_keep_their_level() {
        let text = "[profile.release.package.argon2]\nopt-level = 3\n[profile.release.package.hyper]\nopt-level = 3\n";
        let manifest: Manifest = toml::from_str(text).unwrap();
        assert_eq!(manifest.hot().collect::<Vec<_>>(), ["hyper"]);
    }

    #[test]
    fn a_choice_has_a_folder_of_its_own() {
        let mut slugs: Vec<String> = CHOICES.iter().map(|choice| slug(choice.name)).collect();
        slugs.sort();
        slugs.dedup();
        assert_eq!(slugs.len(), CHOICES.len());
        assert!(slugs.iter().all(|slug| !slug.contains(['/', ' ', ':'])));
    }
}
