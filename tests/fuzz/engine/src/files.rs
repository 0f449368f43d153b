//! The files of a hunt: seeds, what earlier hunts found, findings, and the input at hand.

use std::fs;
use std::fs::File;
use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::path::PathBuf;

/// The inputs in this folder, in the order of their names; none if there is no folder.
pub fn inputs(folder: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<io::Result<_>>()?;
    paths.sort();
    let read = |path: PathBuf| Ok((path.clone(), fs::read(path)?));
    paths.into_iter().map(read).collect()
}

/// Writes an input under a name made of its content; the path.
pub fn keep(folder: &Path, input: &[u8]) -> io::Result<PathBuf> {
    let mut digest = DefaultHasher::new();
    input.hash(&mut digest);
    let path = folder.join(format!("{:016x}", digest.finish()));
    fs::create_dir_all(folder)?;
    fs::write(&path, input)?;
    Ok(path)
}

/// Where the input at hand lies, so that it outlives the process.
#[derive(Debug)]
pub struct AtHand(File);

impl AtHand {
    /// The file at this path, made anew.
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        File::create(path).map(Self)
    }

    /// Notes the input; its length stands before it, as the file is never cut.
    pub fn note(&self, input: &[u8]) -> io::Result<()> {
        let length = u32::try_from(input.len()).unwrap_or(u32::MAX);
        let bytes = [&length.to_le_bytes(), input].concat();
        self.0.write_all_at(&bytes, 0)
    }
}
