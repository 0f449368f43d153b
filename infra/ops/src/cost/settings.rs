//! The stack's parameters that change the bill.

use rust_decimal::Decimal;

use super::money::number;
use super::price::Price;
use super::shape::Parameters;

/// What AWS IoT grants by default of the slower calls that issuing takes, in certificates a second.
pub const DEFAULT_QUOTA: i64 = 10;

/// How long after its request a lone device's certificate is there, in seconds. Assumed.
const READY_AFTER: i64 = 6;

/// What the bill is made of, beside the prices and the measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The price of a function's time.
    pub gb_second: Price,
    /// Whether the functions write lines when all is well.
    pub is_logging: bool,
    /// How long logs are kept.
    pub log_days: Decimal,
    /// Certificates a second, while there is something to do.
    pub rate: Decimal,
    /// How often a device polls that need not wait for others.
    pub polls: Decimal,
    /// How often the janitor goes round.
    pub sweep_minutes: Decimal,
}

impl Settings {
    /// What these parameters say.
    pub fn of(parameters: &Parameters) -> Result<Self, String> {
        let text = |name: &str| {
            let found = parameters.get(name).map(String::as_str);
            found.ok_or_else(|| format!("there is no parameter {name}"))
        };
        let amount = |name: &str| number(text(name)?).ok_or_else(|| format!("{name} is no number"));
        let least = |name: &str| {
            let amount = amount(name)?;
            let is_enough = amount >= Decimal::ONE;
            is_enough
                .then_some(amount)
                .ok_or_else(|| format!("{name} is below 1"))
        };
        let rate = amount("IotCallsPerSecond")?;
        Ok(Self {
            gb_second: match text("Architecture")? {
                "x86_64" => Price::LambdaGbSecondX86,
                _ => Price::LambdaGbSecondArm64,
            },
            is_logging: !matches!(text("LogLevel")?, "WARN" | "ERROR"),
            log_days: amount("LogRetentionDays")?,
            rate: if rate.is_zero() {
                DEFAULT_QUOTA.into()
            } else {
                rate
            },
            polls: (Decimal::from(READY_AFTER) / least("PollAfterSeconds")?).ceil(),
            sweep_minutes: least("SweepMinutes")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::shape::TEMPLATE;
    use crate::cost::shape::Template;

    fn settings(set: &[(&str, &str)]) -> Result<Settings, String> {
        let mut parameters = Template::read(TEMPLATE).unwrap().defaults();
        for (name, value) in set {
            parameters.insert((*name).to_owned(), (*value).to_owned());
        }
        Settings::of(&parameters)
    }

    #[test]
    fn the_parameters_that_cost_are_read() {
        let usual = settings(&[]).unwrap();
        assert_eq!(usual.gb_second, Price::LambdaGbSecondArm64);
        assert_eq!((usual.rate, usual.polls), (Decimal::TEN, Decimal::from(3)));
        assert!(usual.is_logging);
        let set = [
            ("Architecture", "x86_64"),
            ("LogLevel", "WARN"),
            ("IotCallsPerSecond", "100"),
            ("PollAfterSeconds", "4"),
        ];
        let other = settings(&set).unwrap();
        assert_eq!(other.gb_second, Price::LambdaGbSecondX86);
        assert_eq!(
            (other.rate, other.polls),
            (Decimal::ONE_HUNDRED, Decimal::TWO)
        );
        assert!(!other.is_logging);
    }

    #[test]
    fn nonsense_is_named() {
        for (name, value, cause) in [
            ("SweepMinutes", "0", "SweepMinutes is below 1"),
            ("PollAfterSeconds", "soon", "PollAfterSeconds is no number"),
        ] {
            assert_eq!(settings(&[(name, value)]).unwrap_err(), cause);
        }
    }
}
