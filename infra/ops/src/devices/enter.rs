//! `cvmctl devices import`: the file, the table and the terminal around an import.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;

use clap::ArgGroup;
use clap::Args;
use cvm_aws::system::SystemRandom;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::PolicyName;
use cvm_shared::ports::Random;
use cvm_shared::record::PolicyFrom;

use crate::cli::Exit;
use crate::context::Context;
use crate::devices::generate::Series;
use crate::import::DryRun;
use crate::import::End;
use crate::import::Form;
use crate::import::HeaderError;
use crate::import::Login;
use crate::import::Names;
use crate::import::Options;
use crate::import::Summary;
use crate::import::import_as;
use crate::import::login::Auth;
use crate::import::names::Rename;
use crate::site::about_file;
use crate::terminal;
use crate::terminal::Watch;
use crate::terminal::complain;
use crate::terminal::say;
use crate::trouble::Trouble;

pub(super) const FILE: &str = "\
The file is CSV with a header, or with the name .ndjson or .jsonl JSON objects of texts, one a line, where
what is empty may be left out. Its columns, in any order, called so or as --column says:
  productid     the serial number (a-z A-Z 0-9 : _ -)
  secret        the device's secret, 32 random bytes at best; only its verifier is stored
  thingName     the Thing to bind to; if empty, the serial number
  policyName    the AWS IoT policy to attach; if empty, --default-policy or --policy-from-group
  thingType, thingGroup, attributes (name=value;name=value)    may be left out
  auth          proof or any; if empty or left out, --default-auth
  policyFrom    group: no policy is attached, a policy of thingGroup holds; policyName is empty then
  thingMade     yes: the Thing is there already, in its group; if empty or left out, --things-made

A secret must have 112 bits (NIST SP 800-63B), judged by its length and characters: 28 hex digits, or
19 mixed letters and digits. A weaker one is refused, or with --stretch-weak-secrets stored stretched
(argon2id; 20 to 40 rows a second on each of up to 4 cores). Its device sends it and cannot prove it, so
auth must be any, and the stack needs WeakSecrets=stretch.

With --generate the devices are made: serial numbers in a row, secrets of 32 random bytes. They are written
to --out before anything enters the table; that file is for the factory, and the only place that ever has
the secrets. Import it by name to go on after an interruption.

A row that is in the table already is never changed, so a file can be imported again at any time.
Refused rows are listed by line; with --output json there is one object per line, the summary last.";

/// Said before their secrets are written: all their rows would be refused.
const NO_GROUP_FOR_MADE: &str = "--generate with --policy-from-group needs --things-made: the rows of made devices name no group";

/// How to import.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("policy").args(["default_policy", "policy_from_group"]))]
#[expect(clippy::struct_excessive_bools, reason = "they are flags")]
pub struct Import {
    /// The file
    #[arg(value_name = "FILE", required_unless_present = "generate")]
    file: Option<PathBuf>,
    /// What the file calls a column (productid=Serial); may be repeated
    #[arg(long, value_name = "OURS=THEIRS", value_parser = Rename::parse, conflicts_with = "generate")]
    column: Vec<Rename>,
    /// Make so many devices, and import them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    #[arg(requires_all = ["out", "prefix", "policy"], conflicts_with_all = ["file", "dry_run"])]
    generate: Option<u64>,
    /// How the serial numbers of made devices begin
    #[arg(long, value_name = "TEXT", requires = "generate")]
    prefix: Option<String>,
    /// The number of the first made device
    #[arg(long, value_name = "N", default_value_t = 1, requires = "generate")]
    first: u64,
    /// The file for the factory, with the secrets of made devices; it must not exist yet
    #[arg(long, value_name = "FACTORY_FILE", requires = "generate")]
    out: Option<PathBuf>,
    /// The policy of rows that name none
    #[arg(long, value_name = "NAME", value_parser = policy)]
    default_policy: Option<PolicyName>,
    /// Rows that name no policy have it from their Thing's group; nothing is attached to the certificate
    #[arg(long)]
    policy_from_group: bool,
    /// The Things of rows that do not say are there already, in their groups
    #[arg(long)]
    things_made: bool,
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

/// The form that the file's name tells.
fn form(path: &Path, names: Names) -> Form {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    match ending.to_ascii_lowercase().as_str() {
        "ndjson" | "jsonl" => Form::Ndjson(names),
        _ => Form::Csv(names),
    }
}

fn policy(text: &str) -> Result<PolicyName, Malformed> {
    PolicyName::parse(text)
}

impl Import {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let names = Names::new(self.column.clone()).map_err(Trouble::usage)?;
        if self.generate.is_some() && self.policy_from_group && !self.things_made {
            return Err(Trouble::usage(NO_GROUP_FOR_MADE));
        }
        let there = if self.dry_run {
            None
        } else {
            let site = context.site().await?;
            let table = site.table().await?;
            Some((site, table))
        };
        let table = there.as_ref().map(|(_, table)| table.name().to_owned());
        let table = table.unwrap_or_default();
        let path = self.path()?;
        let file = File::open(&path).map_err(|error| about_file(&path, &error))?;
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let form = form(&path, names);
        let mut options = self.options();
        let login = self.login();
        let watch = Watch::new(bytes, context.output, context.stop());
        let result = match there {
            None => import_as(file, form, &DryRun, &options, &login, &watch).await,
            Some((site, roster)) => {
                options.hand = Some(site.hand(None).await?);
                import_as(file, form, &roster, &options, &login, &watch).await
            }
        };
        watch.finish();
        let refuse = |error: HeaderError| Trouble::usage(format!("{}: {error}", path.display()));
        let summary = result.map_err(refuse)?;
        say(&terminal::summary(
            &summary,
            self.dry_run,
            context.output,
            context.styled,
        ));
        Ok(conclude(&summary, &table, &path))
    }

    /// What holds for all rows; who imports is said later.
    fn options(&self) -> Options {
        let named = self.default_policy.clone().map(PolicyFrom::Certificate);
        Options {
            default_policy: named.or(self.policy_from_group.then_some(PolicyFrom::Group)),
            things_made: self.things_made,
            hand: None,
        }
    }

    /// The file to import; made first, if that is what was asked for.
    fn path(&self) -> Result<PathBuf, Trouble> {
        if let Some(path) = &self.file {
            return Ok(path.clone());
        }
        let (Some(count), Some(out)) = (self.generate, &self.out) else {
            return Err(Trouble::usage("neither a file nor --generate"));
        };
        let series = Series {
            prefix: self.prefix.clone().unwrap_or_default(),
            first: self.first,
            count,
        };
        let written = series.write(out, &SystemRandom);
        written.map_err(|error| about_file(out, &error))?;
        complain(&format!("{} has the secrets: keep it", out.display()));
        Ok(out.clone())
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
fn conclude(summary: &Summary, table: &str, path: &Path) -> Exit {
    match &summary.end {
        End::Complete if summary.refused() == 0 => Exit::Done,
        End::Complete => Exit::Refused,
        End::Stopped => {
            complain(&format!(
                "stopped; import {} again to go on",
                path.display()
            ));
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
