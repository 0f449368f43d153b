//! A host's database: found by its address, let in with a password from a file, over TLS unless it is on this machine.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use cvm_mysql::database::Database;
use cvm_mysql::database::DatabaseError;
use cvm_mysql::database::DatabaseTerms;
use cvm_mysql::database::Tls;
use cvm_shared::trail::OperatorName;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::aws::Aws;
use crate::cli::Common;
use crate::cli::Exit;
use crate::site::about_file;
use crate::trouble::Trouble;

/// As many rows as a batch writes at once, at most half of them waiting for the other half.
const CONNECTIONS: u32 = 16;

/// How long a call waits for a free connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// The host form of the machine.
#[derive(Debug)]
pub(crate) struct Host {
    /// Its database.
    pub(crate) database: Database,
    /// Where that is, for messages.
    pub(crate) name: String,
    /// Queue and bucket, where they are on AWS.
    pub(crate) beside: Option<Aws>,
}

impl Host {
    /// The host of this command line.
    pub(crate) async fn open(common: &Common, beside: Option<Aws>) -> Result<Self, Trouble> {
        let Some(url) = &common.store else {
            return Err(Trouble::usage("no --store, and CVM_STORE is not set"));
        };
        let terms = DatabaseTerms {
            url: url.clone(),
            tls: tls(url, common.store_ca.as_deref()),
            connections: CONNECTIONS,
            patience: PATIENCE,
        };
        let password = common.store_password_file.as_deref().map(password);
        let password = password.transpose()?;
        let known = Database::knock(&terms, password.as_ref()).await;
        known.map_err(|error| trouble(&error))?;
        let database = Database::open(&terms, password.as_ref()).await;
        let database = database.map_err(|error| trouble(&error))?;
        let checked = database.check_tables().await;
        checked.map_err(|error| trouble(&error))?;
        Ok(Self {
            database,
            name: place(url).to_owned(),
            beside,
        })
    }

    /// Who we are: the account that the database has let in.
    pub(crate) async fn identify(&self) -> Result<OperatorName, Trouble> {
        let user = self.database.user().await;
        let user = user.map_err(|failure| Trouble::calling("who you are", &failure))?;
        let name = OperatorName::of_database(&user);
        name.map_err(|error| Trouble::refused(format!("who you are: {error}")))
    }
}

fn trouble(error: &DatabaseError) -> Trouble {
    match error {
        DatabaseError::Address(_) => Trouble::usage(format!("--store: {error}")),
        DatabaseError::Refused(_) => Trouble::aws(format!(
            "--store: {error}; check address, account, --store-password-file and --store-ca"
        )),
        DatabaseError::Lax(_) | DatabaseError::Tables(_) | DatabaseError::Migration(_) => Trouble {
            exit: Exit::Refused,
            message: format!("--store: {error}"),
        },
    }
}

/// The password in a file, without the end of its line.
fn password(path: &Path) -> Result<SecretString, Trouble> {
    let text = fs::read_to_string(path).map_err(|error| about_file(path, &error))?;
    let text = Zeroizing::new(text);
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

/// Encrypted and verified, but for a database on this machine.
fn tls(url: &str, authority: Option<&Path>) -> Tls {
    if authority.is_none() && is_local(url) {
        return Tls::Off;
    }
    Tls::Verified(authority.map(Path::to_path_buf))
}

/// What follows the account: host, port and name, without options.
fn place(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('?').next().unwrap_or_default();
    rest.rsplit_once('@').map_or(rest, |(_, place)| place)
}

/// Whether the way to the database leaves this machine: over a socket or the loopback address it does not.
fn is_local(url: &str) -> bool {
    let options = url.split_once('?').map_or("", |(_, options)| options);
    if options
        .split('&')
        .any(|option| option.starts_with("socket="))
    {
        return true;
    }
    let authority = place(url).split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn only_what_stays_on_this_machine_is_not_encrypted() {
        for url in [
            "mysql://cvm@127.0.0.1:3306/cvm",
            "mysql://cvm@localhost/cvm",
            "mysql://cvm@[::1]:3306/cvm",
            "mysql://cvm@db.example/cvm?socket=/run/mysqld/mysqld.sock",
        ] {
            assert_eq!(tls(url, None), Tls::Off, "{url}");
        }
        for url in [
            "mysql://cvm@db.example:3306/cvm",
            "mysql://cvm@10.0.0.1/cvm",
            "mysql://cvm@localhost.example/cvm",
            "mysql://localhost@db.example/127.0.0.1",
            "mysql://cvm@db.example/cvm?ssl-mode=DISABLED",
        ] {
            assert_eq!(tls(url, None), Tls::Verified(None), "{url}");
        }
        let authority = Path::new("ca.pem");
        let named = tls("mysql://cvm@localhost/cvm", Some(authority));
        assert_eq!(named, Tls::Verified(Some(PathBuf::from("ca.pem"))));
    }

    #[test]
    fn a_place_names_no_account() {
        assert_eq!(place("mysql://cvm@db:3306/cvm?x=1"), "db:3306/cvm");
        assert_eq!(place("mysql://db/cvm"), "db/cvm");
    }
}
