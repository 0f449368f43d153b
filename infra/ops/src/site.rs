//! Where the machine is: a stack on AWS, or a host with its database; and in whose name it is operated.
//!
//! Which store a part is in, `store` says; commands do not know.

use std::collections::BTreeMap;
use std::io;

use cvm_aws::system::SystemClock;
use cvm_shared::ports::Clock as _;
use cvm_shared::time::UnixMillis;
use cvm_shared::trail::Author;
use cvm_shared::trail::Hand;
use cvm_shared::trail::OperatorName;
use cvm_shared::trail::Reason;
use tokio::sync::OnceCell;

use crate::aws::Aws;
use crate::aws::Part;
use crate::cli::Common;
use crate::host::Host;
use crate::trouble::Trouble;

/// The machine as its operator reaches it.
#[derive(Debug)]
pub struct Site {
    /// Where it is.
    pub(crate) place: Place,
    author: OnceCell<Author>,
}

/// Where the machine is.
#[derive(Debug)]
pub(crate) enum Place {
    /// The serverless form.
    Stack(Aws),
    /// The host form.
    Host(Host),
}

impl Site {
    /// The site of this command line. `variable` reads the environment.
    pub async fn open(
        common: &Common,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Trouble> {
        if common.store.is_none() {
            return Self::of_stack(common, variable).await;
        }
        if common.stack.is_some() || common.table.is_some() {
            return Err(Trouble::usage(
                "--store names a database, and --stack or --table (or CVM_STACK, CVM_TABLE) a stack: name one of them",
            ));
        }
        Self::of_store(common, variable).await
    }

    /// The stack of this command line, whatever else it names.
    pub(crate) async fn of_stack(
        common: &Common,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Trouble> {
        let mut named = named(&Part::NAMED, variable);
        named.extend(common.table.clone().map(|table| (Part::Table, table)));
        let aws = Aws::open(common.stack.clone(), named).await?;
        Ok(Self::at(Place::Stack(aws)))
    }

    /// The database of this command line, whatever else it names.
    pub(crate) async fn of_store(
        common: &Common,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Trouble> {
        let parts = [Part::Queue, Part::DeadLetters, Part::Bucket];
        let named = named(&parts, variable);
        if named.contains_key(&Part::Queue) != named.contains_key(&Part::DeadLetters) {
            return Err(Trouble::usage(
                "CVM_QUEUE_URL and CVM_DEAD_LETTER_QUEUE_URL go together: set both, or none for the database's own",
            ));
        }
        let beside = if named.is_empty() {
            None
        } else {
            Some(Aws::open(None, named).await?)
        };
        let host = Host::open(common, beside).await?;
        Ok(Self::at(Place::Host(host)))
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            author: OnceCell::new(),
        }
    }

    /// The stack, for what only a stack has.
    pub(crate) fn stack(&self) -> Option<&Aws> {
        match &self.place {
            Place::Stack(aws) => Some(aws),
            Place::Host(_) => None,
        }
    }

    /// Now.
    pub fn now(&self) -> UnixMillis {
        SystemClock.now()
    }

    /// The operator's hand, by the name that the store's own guard knows, as of now.
    pub async fn hand(&self, reason: Option<Reason>) -> Result<Hand, Trouble> {
        let author = self.author.get_or_try_init(|| self.identify()).await?;
        Ok(Hand {
            author: author.clone(),
            at: self.now(),
            reason,
        })
    }

    async fn identify(&self) -> Result<Author, Trouble> {
        let name: OperatorName = match &self.place {
            Place::Stack(aws) => aws.identify().await?,
            Place::Host(host) => host.identify().await?,
        };
        Ok(Author::Operator(name))
    }
}

/// Those of these parts that the environment names.
fn named(parts: &[Part], variable: impl Fn(&str) -> Option<String>) -> BTreeMap<Part, String> {
    let set = |part: &Part| {
        let name = variable(part.variable()).filter(|name| !name.is_empty());
        Some((*part, name?))
    };
    parts.iter().filter_map(set).collect()
}

/// A file that was named on the command line, and what is wrong with it.
pub fn about_file(path: &std::path::Path, error: &io::Error) -> Trouble {
    Trouble::usage(format!("{}: {error}", path.display()))
}
