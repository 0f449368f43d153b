//! A price list: what AWS asks for each thing, in the region that the list is for.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::money::number;

/// The list that is built in.
pub const BUILT_IN: &str = include_str!("prices.csv");

/// What is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Price {
    /// A request at an HTTP API.
    HttpRequest,
    /// An invocation of a function.
    LambdaRequest,
    /// A GB of memory for a second, on arm64.
    LambdaGbSecondArm64,
    /// A GB of memory for a second, on `x86_64`.
    LambdaGbSecondX86,
    /// A call of SQS.
    SqsRequest,
    /// A call of SQS that names a message group, on a queue that is fair to groups.
    SqsFairRequest,
    /// A write request unit.
    DynamoWrite,
    /// A read request unit.
    DynamoRead,
    /// A GB in a table for a month.
    DynamoGbMonth,
    /// A GB under point-in-time recovery for a month.
    DynamoBackupGbMonth,
    /// A PUT.
    S3Write,
    /// A GET.
    S3Read,
    /// A GB in a bucket for a month.
    S3GbMonth,
    /// A key for a month.
    KmsKeyMonth,
    /// A call of KMS.
    KmsRequest,
    /// A GB of log lines taken in.
    LogGb,
    /// A GB of log lines kept for a month.
    LogGbMonth,
    /// A metric of our own for a month.
    MetricMonth,
    /// A metric that an alarm watches, for a month.
    AlarmMonth,
    /// An alarm on alarms for a month.
    CompositeAlarmMonth,
    /// A dashboard for a month.
    DashboardMonth,
    /// An operation on the registry of AWS IoT.
    IotRegistry,
    /// A GB sent to the internet.
    TransferGb,
}

impl Price {
    /// All of them, with their names in a list.
    pub const ALL: [(Self, &str); 23] = [
        (Self::HttpRequest, "http-request"),
        (Self::LambdaRequest, "lambda-request"),
        (Self::LambdaGbSecondArm64, "lambda-gb-second-arm64"),
        (Self::LambdaGbSecondX86, "lambda-gb-second-x86_64"),
        (Self::SqsRequest, "sqs-request"),
        (Self::SqsFairRequest, "sqs-fair-request"),
        (Self::DynamoWrite, "dynamodb-write"),
        (Self::DynamoRead, "dynamodb-read"),
        (Self::DynamoGbMonth, "dynamodb-gb-month"),
        (Self::DynamoBackupGbMonth, "dynamodb-backup-gb-month"),
        (Self::S3Write, "s3-write"),
        (Self::S3Read, "s3-read"),
        (Self::S3GbMonth, "s3-gb-month"),
        (Self::KmsKeyMonth, "kms-key-month"),
        (Self::KmsRequest, "kms-request"),
        (Self::LogGb, "log-gb"),
        (Self::LogGbMonth, "log-gb-month"),
        (Self::MetricMonth, "metric-month"),
        (Self::AlarmMonth, "alarm-month"),
        (Self::CompositeAlarmMonth, "composite-alarm-month"),
        (Self::DashboardMonth, "dashboard-month"),
        (Self::IotRegistry, "iot-registry"),
        (Self::TransferGb, "transfer-gb"),
    ];
}

/// A line of a list. A list of one's own may leave out when and where a price was seen.
#[derive(Deserialize)]
struct Line {
    name: String,
    usd: String,
    per: String,
}

/// Dollars for one of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices(BTreeMap<Price, Decimal>);

impl Prices {
    /// Reads a list; or says which line is wrong, or what is missing.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader.comment(Some(b'#')).trim(csv::Trim::All);
        let mut lines = reader.from_reader(text.as_bytes());
        let mut prices = BTreeMap::new();
        for line in lines.deserialize() {
            let line: Line = line.map_err(|error| error.to_string())?;
            let (price, dollars) = line.read()?;
            if prices.insert(price, dollars).is_some() {
                return Err(format!("{} is there twice", line.name));
            }
        }
        let missing = Price::ALL
            .iter()
            .find(|(price, _)| !prices.contains_key(price));
        match missing {
            Some((_, name)) => Err(format!("{name} is missing")),
            None => Ok(Self(prices)),
        }
    }

    /// Dollars for one.
    pub fn of(&self, price: Price) -> Decimal {
        // A list has all of them.
        self.0.get(&price).copied().unwrap_or_default()
    }
}

impl Line {
    fn read(&self) -> Result<(Price, Decimal), String> {
        let known = Price::ALL.iter().find(|(_, name)| *name == self.name);
        let (price, name) = known.ok_or_else(|| format!("unknown price {:?}", self.name))?;
        let usd = number(&self.usd).ok_or_else(|| format!("{name}: usd is no amount"))?;
        let per = number(&self.per).filter(|per| *per >= Decimal::ONE);
        let per = per.ok_or_else(|| format!("{name}: per is no number from 1 on"))?;
        Ok((*price, usd / per))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_has_every_price_and_says_when_it_was_seen() {
        let prices = Prices::read(BUILT_IN).unwrap();
        assert_eq!(prices.of(Price::DynamoWrite), Decimal::new(625, 9));
        assert_eq!(prices.of(Price::KmsRequest), Decimal::new(3, 6));
        let lines = BUILT_IN.lines().filter(|line| !line.starts_with('#'));
        for line in lines.skip(1) {
            assert_eq!(line.split(',').count(), 5, "{line}");
        }
    }

    #[test]
    fn a_list_of_ones_own_is_whole_or_refused() {
        let with = |from: &str, to: &str| Prices::read(&BUILT_IN.replace(from, to));
        for (from, to, cause) in [
            (
                "sqs-request,",
                "sqs-requests,",
                "unknown price \"sqs-requests\"",
            ),
            ("sqs-request,", "s3-read,", "s3-read is there twice"),
            (
                "alarm-month,0.10",
                "alarm-month,-0.10",
                "alarm-month: usd is no amount",
            ),
            (
                "log-gb,0.50,1,",
                "log-gb,0.50,0,",
                "log-gb: per is no number from 1 on",
            ),
            ("name,usd,per", "name,usd,each", "missing field `per`"),
        ] {
            let refused = with(from, to).unwrap_err();
            assert!(refused.contains(cause), "{refused}");
        }
        let lines = BUILT_IN.lines();
        let short: Vec<&str> = lines.filter(|line| !line.starts_with("iot-")).collect();
        let short = short.join(
            "
",
        );
        assert_eq!(Prices::read(&short).unwrap_err(), "iot-registry is missing");
        let bare = "name,per,usd\n".to_owned()
            + &Price::ALL
                .map(|(_, name)| format!("{name}, 10, 5\n"))
                .concat();
        assert_eq!(
            Prices::read(&bare).unwrap().of(Price::TransferGb),
            Decimal::new(5, 1)
        );
    }
}
