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
use cvm_shared::secret::DeviceToken;
use cvm_shared::trail::Hand;

use crate::import::columns::ATTRIBUTES;
use crate::import::columns::AUTH;
use crate::import::columns::Columns;
use crate::import::columns::POLICY_NAME;
use crate::import::columns::PRODUCT_ID;
use crate::import::columns::SECRET;
use crate::import::columns::THING_GROUP;
use crate::import::columns::THING_NAME;
use crate::import::columns::THING_TYPE;
use crate::import::login::Auth;
use crate::import::login::Login;
use crate::import::offer::Draft;
use crate::import::refusal::Reason;

/// What holds for all rows of an import.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The policy of rows that name none.
    pub default_policy: Option<PolicyName>,
    /// Who imports, for the devices' trails; without it they begin with the first change.
    pub hand: Option<Hand>,
}

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
        Ok(Binding {
            thing: parsed(THING_NAME, ThingName::parse(thing))?,
            policy: self.policy(options)?,
            thing_group: self.optional(
                self.columns.thing_group,
                THING_GROUP,
                ThingGroupName::parse,
            )?,
            thing_type,
            attributes,
        })
    }

    fn policy(&self, options: &Options) -> Result<PolicyName, Reason> {
        let text = self.text(self.columns.policy, POLICY_NAME)?;
        match (text, &options.default_policy) {
            ("", Some(policy)) => Ok(policy.clone()),
            ("", None) => Err(Reason::Malformed {
                column: POLICY_NAME,
                rule: "is empty, and no default policy was given".to_owned(),
            }),
            (name, _) => parsed(POLICY_NAME, PolicyName::parse(name)),
        }
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
        std::str::from_utf8(bytes).map_err(|_| Reason::Malformed {
            column,
            rule: "is not UTF-8".to_owned(),
        })
    }
}

fn parsed<T>(column: &'static str, result: Result<T, Malformed>) -> Result<T, Reason> {
    result.map_err(|refusal| Reason::malformed(column, refusal))
}

/// Reads `name=value;name=value`. A value may hold `=`, a name may not.
fn attributes(text: &str, typed: bool) -> Result<Attributes, Reason> {
    let refuse = |rule: &str| Reason::Malformed {
        column: ATTRIBUTES,
        rule: rule.to_owned(),
    };
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
