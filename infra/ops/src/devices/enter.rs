//! `cvmctl devices import`: the file, the table and the terminal around an import.

use std::fs::File;
use std::path::PathBuf;

use clap::Args;
use cvm_aws::roster::DynamoRoster;
use cvm_aws::system::SystemRandom;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::PolicyName;
use cvm_shared::ports::Random;

use crate::cli::Exit;
use crate::context::Context;
use crate::import::DryRun;
use crate::import::End;
use crate::import::HeaderError;
use crate::import::Login;
use crate::import::Options;
use crate::import::Summary;
use crate::import::import_with;
use crate::import::login::Auth;
use crate::site::Part;
use crate::site::about_file;
use crate::terminal;
use crate::terminal::Watch;
use crate::terminal::complain;
use crate::terminal::say;
use crate::trouble::Trouble;

pub(super) const FILE: &str = "\
The file is CSV with a header. Its columns, in any order:
  productid     the serial number (a-z A-Z 0-9 : _ -)
  secret        the device's secret, 32 random bytes at best; only its verifier is stored
  thingName     the Thing to bind to; if empty, the serial number
  policyName    the AWS IoT policy to attach; if empty, --default-policy
  thingType, thingGroup, attributes (name=value;name=value)    may be left out
  auth          proof or any; if empty or left out, --default-auth

A secret must have 112 bits (NIST SP 800-63B), judged by its length and characters: 28 hex digits, or
19 mixed letters and digits. A weaker one is refused, or with --stretch-weak-secrets stored stretched
(argon2id; 20 to 40 rows a second on each of up to 4 cores). Its device sends it and cannot prove it, so
auth must be any, and the stack needs WeakSecrets=stretch.

A row that is in the table already is never changed, so a file can be imported again at any time.
Refused rows are listed by line; with --output json there is one object per line, the summary last.";

/// How to import.
#[derive(Args, Debug)]
pub struct Import {
    /// The file
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// The policy of rows that name none
    #[arg(long, value_name = "NAME", value_parser = policy)]
    default_policy: Option<PolicyName>,
    /// How devices may log in whose rows do not say
    #[arg(long, value_name = "AUTH", value_enum, default_value_t)]
    default_auth: Auth,
    /// Take secrets that could be guessed, too: stretched, each with a salt of its own
    #[arg(long)]
    stretch_weak_secrets: bool,
    /// Check every row and write nothing; no table is needed
    #[arg(long)]
    dry_run: bool,
}

fn policy(text: &str) -> Result<PolicyName, Malformed> {
    PolicyName::parse(text)
}

impl Import {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let path = self.file.display();
        let file = File::open(&self.file).map_err(|error| about_file(&self.file, &error))?;
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let mut options = Options {
            default_policy: self.default_policy.clone(),
            hand: None,
        };
        let login = self.login();
        let watch = Watch::new(bytes, context.output, context.stop());
        let refuse = |error: HeaderError| Trouble::usage(format!("{path}: {error}"));
        let (result, table) = if self.dry_run {
            let result = import_with(file, &DryRun, &options, &login, &watch).await;
            (result, String::new())
        } else {
            let site = context.site().await?;
            let table = site.name(Part::Table).await?;
            options.hand = Some(site.hand(None).await?);
            let roster = DynamoRoster::new(site.dynamodb(), table.clone());
            let result = import_with(file, &roster, &options, &login, &watch).await;
            (result, table)
        };
        watch.finish();
        let summary = result.map_err(refuse)?;
        say(&terminal::summary(
            &summary,
            self.dry_run,
            context.output,
            context.styled,
        ));
        Ok(conclude(&summary, &table))
    }

    /// Here randomness comes in.
    fn login(&self) -> Login<'static> {
        let salts: &dyn Random = &SystemRandom;
        Login {
            default_auth: self.default_auth,
            salts: self.stretch_weak_secrets.then_some(salts),
        }
    }
}

/// What is left to say after the summary, and the exit code.
fn conclude(summary: &Summary, table: &str) -> Exit {
    match &summary.end {
        End::Complete if summary.refused() == 0 => Exit::Done,
        End::Complete => Exit::Refused,
        End::Stopped => {
            complain("stopped; import the file again to go on");
            Exit::Stopped
        }
        End::Failed(failure) => {
            complain(&Trouble::calling(&format!("table {table}"), failure).message);
            Exit::Aws
        }
        End::Unreadable(reason) => {
            complain(&format!("the file was not read to its end: {reason}"));
            Exit::Refused
        }
    }
}
