//! One row of an import file as a draft of its record: every field goes through the shared parsers.

use std::collections::BTreeMap;

use csv::ByteRecord;
use cvm_shared::ids::AttributeName;
use cvm_shared::ids::AttributeValue;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::PolicyName;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ids::ThingGroupName;
use cvm_shared::ids::ThingName;
use cvm_shared::ids::ThingTypeName;
use cvm_shared::record::Attributes;
use cvm_shared::record::Binding;
use cvm_shared::record::PolicyFrom;
use cvm_shared::secret::DeviceToken;
use cvm_shared::trail::Hand;

use crate::import::columns::ATTRIBUTES;
use crate::import::columns::AUTH;
use crate::import::columns::Columns;
use crate::import::columns::POLICY_FROM;
use crate::import::columns::POLICY_NAME;
use crate::import::columns::PRODUCT_ID;
use crate::import::columns::SECRET;
use crate::import::columns::THING_GROUP;
use crate::import::columns::THING_MADE;
use crate::import::columns::THING_NAME;
use crate::import::columns::THING_TYPE;
use crate::import::login::Auth;
use crate::import::login::Login;
use crate::import::offer::Draft;
use crate::import::refusal::Reason;

/// What holds for all rows of an import.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where rows have their policy from that do not say.
    pub default_policy: Option<PolicyFrom>,
    /// Whether the Things are there already of rows that do not say.
    pub things_made: bool,
    /// Who imports, for the devices' trails; without it they begin with the first change.
    pub hand: Option<Hand>,
}

const NO_POLICY: &str = "is empty, and no default policy was given";
const TWO_POLICIES: &str =
    "is group, and policyName names another policy: one of them must be empty";
const NO_GROUP: &str = "is empty: a policy from the group needs its name, unless the Thing is made already (thingMade)";

/// One row with the names of its columns.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    columns: &'a Columns,
    fields: &'a ByteRecord,
}

impl<'a> Row<'a> {
    pub(crate) fn new(columns: &'a Columns, fields: &'a ByteRecord) -> Result<Self, Reason> {
        if fields.len() == columns.count {
            return Ok(Self { columns, fields });
        }
        Err(Reason::Fields {
            found: fields.len(),
            expected: columns.count,
        })
    }

    pub(crate) fn serial(&self) -> Result<SerialNumber, Reason> {
        let text = self.text(self.columns.serial, PRODUCT_ID)?;
        parsed(PRODUCT_ID, SerialNumber::parse(text))
    }

    /// What the row says. Its secret is left in a type that is wiped.
    pub(crate) fn draft(
        &self,
        serial: SerialNumber,
        options: &Options,
        login: &Login<'_>,
    ) -> Result<Draft, Reason> {
        let text = self.text(self.columns.secret, SECRET)?;
        let token = parsed(SECRET, DeviceToken::parse(text))?;
        let auth = self.auth(login)?;
        Ok(Draft {
            salt: login.salt(&token, auth)?,
            binding: self.binding(&serial, options)?,
            serial,
            token,
            auth,
        })
    }

    fn auth(&self, login: &Login<'_>) -> Result<Auth, Reason> {
        let told = match self.columns.auth {
            Some(place) => Auth::parse(self.text(place, AUTH)?)?,
            None => None,
        };
        Ok(told.unwrap_or(login.default_auth))
    }

    fn binding(&self, serial: &SerialNumber, options: &Options) -> Result<Binding, Reason> {
        let thing = match self.text(self.columns.thing, THING_NAME)? {
            "" => serial.as_str(),
            name => name,
        };
        let thing_type =
            self.optional(self.columns.thing_type, THING_TYPE, ThingTypeName::parse)?;
        let attributes = match self.columns.attributes {
            Some(place) => attributes(self.text(place, ATTRIBUTES)?, thing_type.is_some())?,
            None => Attributes::default(),
        };
        let binding = Binding {
            thing: parsed(THING_NAME, ThingName::parse(thing))?,
            thing_made: self.thing_made(options)?,
            policy: self.policy(options)?,
            thing_group: self.optional(
                self.columns.thing_group,
                THING_GROUP,
                ThingGroupName::parse,
            )?,
            thing_type,
            attributes,
        };
        if binding.lacks_group() {
            return Err(refused(THING_GROUP, NO_GROUP));
        }
        Ok(binding)
    }

    /// A policy that is named beats the default; one that is named beside a group is a contradiction.
    fn policy(&self, options: &Options) -> Result<PolicyFrom, Reason> {
        let name = self.optional(Some(self.columns.policy), POLICY_NAME, PolicyName::parse)?;
        let default = || options.default_policy.clone();
        match (name, self.policy_from_group()?) {
            (Some(name), false) => Ok(PolicyFrom::Certificate(name)),
            (Some(_), true) => Err(refused(POLICY_FROM, TWO_POLICIES)),
            (None, true) => Ok(PolicyFrom::Group),
            (None, false) => default().ok_or_else(|| refused(POLICY_NAME, NO_POLICY)),
        }
    }

    fn policy_from_group(&self) -> Result<bool, Reason> {
        match self.word(self.columns.policy_from, POLICY_FROM)? {
            "" => Ok(false),
            "group" => Ok(true),
            _ => Err(refused(POLICY_FROM, "must be group or empty")),
        }
    }

    fn thing_made(&self, options: &Options) -> Result<bool, Reason> {
        match self.word(self.columns.thing_made, THING_MADE)? {
            "" => Ok(options.things_made),
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err(refused(THING_MADE, "must be yes, no or empty")),
        }
    }

    /// What a column says that may be left out.
    fn word(&self, place: Option<usize>, column: &'static str) -> Result<&'a str, Reason> {
        place.map_or(Ok(""), |place| self.text(place, column))
    }

    fn optional<T>(
        &self,
        place: Option<usize>,
        column: &'static str,
        parse: fn(&'a str) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Reason> {
        let Some(place) = place else {
            return Ok(None);
        };
        match self.text(place, column)? {
            "" => Ok(None),
            text => parsed(column, parse(text)).map(Some),
        }
    }

    fn text(&self, place: usize, column: &'static str) -> Result<&'a str, Reason> {
        let bytes = self.fields.get(place).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| refused(column, "is not UTF-8"))
    }
}

fn refused(column: &'static str, rule: &str) -> Reason {
    Reason::Malformed {
        column,
        rule: rule.to_owned(),
    }
}

fn parsed<T>(column: &'static str, result: Result<T, Malformed>) -> Result<T, Reason> {
    result.map_err(|refusal| Reason::malformed(column, refusal))
}

/// Reads `name=value;name=value`. A value may hold `=`, a name may not.
fn attributes(text: &str, typed: bool) -> Result<Attributes, Reason> {
    let refuse = |rule: &str| refused(ATTRIBUTES, rule);
    let mut map = BTreeMap::new();
    for pair in text.split(';').filter(|_| !text.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| refuse("must be name=value;name=value"))?;
        let name = parsed(ATTRIBUTES, AttributeName::parse(name))?;
        let value = parsed(ATTRIBUTES, AttributeValue::parse(value))?;
        if map.insert(name, value).is_some() {
            return Err(refuse("names one attribute twice"));
        }
    }
    parsed(ATTRIBUTES, Attributes::new(map, typed))
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
