//! A MariaDB of our own, for the host form: started on a free port, gone with us.

use std::io::BufRead as _;
use std::io::BufReader;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::Stdio;

use tempfile::TempDir;

use crate::error::Error;
use crate::workspace::Workspace;

/// A running database server. It ends when this is dropped, or when our process ends in whatever way.
#[derive(Debug)]
pub struct MariaDb {
    child: Child,
    /// The server lives while somebody holds this.
    stdin: Option<ChildStdin>,
    dir: TempDir,
    port: u16,
}

impl MariaDb {
    /// Starts one with these further options of its own. The first time on a machine without one, it is fetched.
    pub fn start(workspace: &Workspace, options: &[&str]) -> Result<Self, Error> {
        let cache = workspace.cache()?.join("mariadb");
        let dir = tempfile::Builder::new().prefix("cvm-mariadb-").tempdir();
        let dir = dir.map_err(|error| Error::disk(std::env::temp_dir(), error))?;
        let port = free_port()?;
        let program = workspace.local("mariadb");
        let mut child = Command::new(&program)
            .arg(&cache)
            .arg(dir.path())
            .arg(port.to_string())
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Program {
                program: program.display().to_string(),
                source,
            })?;
        let stdin = child.stdin.take();
        let mut word = String::new();
        if let Some(stdout) = child.stdout.take() {
            let read = BufReader::new(stdout).read_line(&mut word);
            read.map_err(|error| Error::disk(&program, error))?;
        }
        if word.trim() != "ready" {
            let _ended = child.wait();
            return Err(Error::Database("see above".to_owned()));
        }
        Ok(Self {
            child,
            stdin,
            dir,
            port,
        })
    }

    /// The address of a database of this name, for this user, through the port.
    pub fn url(&self, user: &str, name: &str) -> String {
        format!("mysql://{user}@127.0.0.1:{}/{name}", self.port)
    }

    /// Its port on the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its data, socket and log are.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Its directory goes next: the server must be gone by then.
        let _ended = self.child.wait();
    }
}

/// A port on the loopback address that nobody has.
pub(crate) fn free_port() -> Result<u16, Error> {
    let refuse = |error: std::io::Error| Error::Database(error.to_string());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refuse)?;
    Ok(listener.local_addr().map_err(refuse)?.port())
}
