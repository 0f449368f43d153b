//! One hunt: libFuzzer in a process of its own, for a while or for one input.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use crate::summary::Summary;

/// How long one input may take, in seconds, and how much memory a hunt, in MiB.
const LIMITS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=2048"];

/// What is hunted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prey {
    /// The target; its binary, seeds and dictionary are named after it.
    pub(crate) name: &'static str,
    /// The longest input that is made for it, in bytes.
    pub(crate) longest: usize,
}

/// Where things lie.
#[derive(Debug)]
pub(crate) struct Ground {
    /// The binaries.
    pub(crate) hunters: PathBuf,
    /// The folder of this workspace: seeds and dictionaries.
    pub(crate) fuzz: PathBuf,
    /// What is kept between runs, and what is found.
    pub(crate) work: PathBuf,
    /// The seed of libFuzzer's randomness.
    pub(crate) seed: u32,
}

impl Ground {
    /// Forgets what earlier hunts kept.
    pub(crate) fn forget(&self) -> io::Result<()> {
        if self.work.exists() {
            fs::remove_dir_all(&self.work)?;
        }
        Ok(())
    }

    /// A folder or a file's folder of this target, made if it is not there.
    fn place(&self, kind: &str, prey: Prey) -> io::Result<PathBuf> {
        let folder = self.work.join(kind).join(prey.name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Hunts for so many seconds.
    pub(crate) fn hunt(&self, prey: Prey, seconds: u64) -> io::Result<Summary> {
        eprintln!("hunting in {} for {seconds} s", prey.name);
        let notes = self.place("notes", prey)?;
        let (log, told) = (notes.join("log.txt"), notes.join("told.json"));
        let findings = self.place("findings", prey)?;
        let mut hunter = self.hunter(prey);
        hunter
            .args(LIMITS)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={}", prey.longest))
            .arg(format!("-seed={}", self.seed))
            .arg("-print_final_stats=1")
            .arg(with_path("-artifact_prefix=", &findings) + "/")
            .arg(with_path("-dict=", &self.dictionary(prey)))
            .arg(self.place("grown", prey)?)
            .arg(self.fuzz.join("corpus").join(prey.name))
            .env("CVM_FUZZ_TOLD", &told)
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let _ = fs::remove_file(&told);
        let status = hunter.status()?;
        let log = fs::read(&log)?;
        let told = fs::read(&told).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        Ok(Summary::read(prey.name, &log, &told, status.success()))
    }

    /// Runs one input; whether it went well.
    pub(crate) fn once(&self, prey: Prey, input: &Path) -> io::Result<bool> {
        Ok(self.hunter(prey).arg(input).status()?.success())
    }

    fn hunter(&self, prey: Prey) -> Command {
        Command::new(self.hunters.join(prey.name))
    }

    fn dictionary(&self, prey: Prey) -> PathBuf {
        let file = format!("{}.dict", prey.name);
        self.fuzz.join("dictionaries").join(file)
    }
}

fn with_path(flag: &str, path: &Path) -> String {
    format!("{flag}{}", path.display())
}
