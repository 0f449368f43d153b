//! `cvmctl cost`: what the machine costs, by part.
//!
//! [`price`] is a price list, [`measures`] what one certificate needs by [`meter`], [`shape`] and [`settings`] what the
//! template and its parameters add to that, [`bill`] the arithmetic, [`told`] the answer.

pub mod bill;
pub mod measures;
pub mod meter;
pub mod money;
pub mod price;
pub mod settings;
pub mod shape;
pub mod told;

use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;
use rust_decimal::Decimal;

use crate::cli::Exit;
use crate::context::Context;
use crate::cost::bill::Plan;
use crate::cost::measures::Login;
use crate::cost::measures::Measure;
use crate::cost::measures::Mode;
use crate::cost::measures::Needs;
use crate::cost::price::Prices;
use crate::cost::settings::Settings;
use crate::cost::shape::Parameters;
use crate::cost::shape::TEMPLATE;
use crate::cost::shape::Template;
use crate::site::about_file;
use crate::trouble::Trouble;

/// What it is made of.
pub const MADE_OF: &str = "\
Three bills: what the devices cost once, what is kept of them each month, and what the stack costs in a
month in which nothing happens. With --stack, the stack's parameters are read; without, nothing is asked
of AWS. The template is the one that this cvmctl was built with. The built-in prices are those of
us-east-1, on demand, without the free tier. infra/COST.md has it all on one page.

A price list is a CSV file with the columns name, usd and per (usd for so many), and every name that
--list prices shows, once. Other columns are passed over, and so are lines that begin with #.";

/// For what.
#[derive(Args, Debug)]
pub struct Cost {
    /// How many devices
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    devices: u64,
    /// Who makes their keys
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// How they show who they are
    #[arg(long, value_enum, default_value_t)]
    auth: Login,
    /// How often each of them polls; by default as often as it takes if its certificate is there after 6 s
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    polls: Option<u32>,
    /// Certificates a second; by default the parameters' pace or, where they leave it to the quota, 10
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// A parameter of the template, over the stack's own; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    parameter: Vec<(String, String)>,
    /// Another price list
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Only show what the bills are made of
    #[arg(long, value_enum, value_name = "WHAT")]
    list: Option<List>,
}

/// What to show instead of the bills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum List {
    /// What one certificate needs, and where each figure is from
    Needs,
    /// The price list
    Prices,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Cost {
    /// Carries it out.
    pub async fn run(self, context: &Context) -> Result<Exit, Trouble> {
        let prices = self.price_list()?;
        let measures = measures::read(measures::FILE).map_err(Trouble::usage)?;
        let (columns, rows) = match self.list {
            Some(List::Needs) => (told::NEEDS, told::needs(&measures, self.mode, self.auth)),
            Some(List::Prices) => (told::PRICES, told::prices(&prices)),
            None => {
                let stack = context.stack_parameters().await?;
                let lines = self
                    .lines(&stack, &measures, &prices)
                    .map_err(Trouble::usage)?;
                (told::BILL, told::bill(&lines, context.output))
            }
        };
        context.printer(columns).page(&rows);
        Ok(Exit::Done)
    }

    fn price_list(&self) -> Result<Prices, Trouble> {
        let Some(path) = &self.prices else {
            return Prices::read(price::BUILT_IN).map_err(Trouble::usage);
        };
        let text = fs::read_to_string(path).map_err(|error| about_file(path, &error))?;
        let refuse = |cause| Trouble::usage(format!("{}: {cause}", path.display()));
        Prices::read(&text).map_err(refuse)
    }

    /// The bills of a stack with these parameters.
    fn lines(
        &self,
        stack: &Parameters,
        measures: &[Measure],
        prices: &Prices,
    ) -> Result<Vec<bill::Line>, String> {
        let template = Template::read(TEMPLATE)?;
        let parameters = self.parameters(&template, stack)?;
        let mut settings = Settings::of(&parameters)?;
        if let Some(rate) = self.rate {
            settings.rate = rate.into();
        }
        let plan = Plan {
            devices: self.devices.into(),
            polls: self.polls.map_or(settings.polls, Decimal::from),
            needs: &Needs::of(measures, self.mode, self.auth),
            settings: &settings,
            shape: &template.shape(&parameters)?,
            prices,
        };
        Ok(bill::lines(&plan))
    }

    /// The template's defaults, over them the stack's own, over those the command line's.
    fn parameters(&self, template: &Template, stack: &Parameters) -> Result<Parameters, String> {
        let mut parameters = template.defaults();
        parameters.extend(stack.clone());
        for (name, value) in &self.parameter {
            let known = parameters.get_mut(name);
            let known = known.ok_or_else(|| format!("the template has no parameter {name}"))?;
            value.clone_into(known);
        }
        Ok(parameters)
    }
}
