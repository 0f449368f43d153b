//! The `Authorization` header of plain token mode: `CVM1-TOKEN serial="...",token="..."`.

use cvm_shared::api::TOKEN_SCHEME;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::SerialNumber;
use cvm_shared::secret::DeviceToken;

use crate::problem::Refused;

/// Who a device says it is, and what it shows for it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its serial number.
    pub serial: SerialNumber,
    /// Its token.
    pub token: DeviceToken,
}

impl Credentials {
    /// Reads the header. One that is missing or of another scheme is no login; one that is of our
    /// scheme and broken is told what is wrong with its form.
    pub fn parse(header: Option<&str>) -> Result<Self, Refused> {
        let header = header.ok_or(Refused::Unauthorized)?;
        let (scheme, rest) = header.split_once(' ').ok_or(Refused::Unauthorized)?;
        if !scheme.eq_ignore_ascii_case(TOKEN_SCHEME) {
            return Err(Refused::Unauthorized);
        }
        let (mut serial, mut token) = (None, None);
        for parameter in rest.split(',') {
            let (name, value) = quoted(parameter)?;
            let slot = match name {
                "serial" => &mut serial,
                "token" => &mut token,
                _ => return Err(malformed("has an unknown parameter")),
            };
            if slot.replace(value).is_some() {
                return Err(malformed("has a parameter twice"));
            }
        }
        let (Some(serial), Some(token)) = (serial, token) else {
            return Err(malformed("must have the parameters serial and token"));
        };
        Ok(Self {
            serial: SerialNumber::parse(serial)?,
            token: DeviceToken::parse(token)?,
        })
    }
}

/// `name="value"`, with optional blanks around it. A value holds no quote and no comma: neither
/// serial numbers nor tokens may.
fn quoted(parameter: &str) -> Result<(&str, &str), Refused> {
    let refuse = || malformed("must be of the form name=\"value\", name=\"value\"");
    let (name, value) = parameter
        .trim_matches(' ')
        .split_once('=')
        .ok_or_else(refuse)?;
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    let value = value
        .filter(|value| !value.contains('"'))
        .ok_or_else(refuse)?;
    Ok((name, value))
}

fn malformed(rule: &str) -> Refused {
    Malformed::new("authorization", rule).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(header: &str) -> Refused {
        Credentials::parse(Some(header)).unwrap_err()
    }

    #[test]
    fn both_orders_are_read() {
        for header in [
            "CVM1-TOKEN serial=\"a:b\",token=\"t=1\"",
            "cvm1-token token=\"t=1\" , serial=\"a:b\"",
        ] {
            let read = Credentials::parse(Some(header)).unwrap();
            assert_eq!(read.serial.as_str(), "a:b");
            assert_eq!(read.token.expose(), "t=1");
        }
    }

    #[test]
    fn no_header_and_other_schemes_are_no_login() {
        assert_eq!(Credentials::parse(None).unwrap_err(), Refused::Unauthorized);
        for header in ["", "CVM1-TOKEN", "Basic abc", "Bearer abc"] {
            assert_eq!(refused(header), Refused::Unauthorized);
        }
    }

    #[test]
    fn broken_parameters_are_told() {
        for header in [
            "CVM1-TOKEN serial=\"a\"",
            "CVM1-TOKEN serial=a,token=\"t\"",
            "CVM1-TOKEN serial=\"a\",token=\"t\",token=\"u\"",
            "CVM1-TOKEN serial=\"a\",token=\"t\",x=\"u\"",
            "CVM1-TOKEN serial=\"a/b\",token=\"t\"",
            "CVM1-TOKEN serial=\"a\",token=\"\"",
        ] {
            assert!(
                matches!(refused(header), Refused::BadRequest(_)),
                "{header}"
            );
        }
    }
}
