//! What is counted, and what is charged for it.

use super::price::Price;

/// A part of the machine, as the bill has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// API Gateway.
    Gateway,
    /// The function behind the API.
    Ingest,
    /// The function behind the queue.
    Worker,
    /// The function that cleans up.
    Janitor,
    /// The function that writes the trails.
    Ledger,
    /// SQS.
    Queue,
    /// DynamoDB.
    Table,
    /// S3.
    Bucket,
    /// KMS.
    Keys,
    /// CloudWatch.
    Watch,
    /// AWS IoT.
    Iot,
    /// What leaves AWS.
    Transfer,
}

impl Part {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "API Gateway",
            Self::Ingest => "Lambda ingest",
            Self::Worker => "Lambda worker",
            Self::Janitor => "Lambda janitor",
            Self::Ledger => "Lambda ledger",
            Self::Queue => "SQS",
            Self::Table => "DynamoDB",
            Self::Bucket => "S3",
            Self::Keys => "KMS",
            Self::Watch => "CloudWatch",
            Self::Iot => "AWS IoT",
            Self::Transfer => "data transfer",
        }
    }
}

/// Something that is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Its name: a call's is its operation.
    pub name: &'static str,
    /// What is charged for one.
    pub charge: Option<Charge>,
}

/// What is charged for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The part of the bill.
    pub part: Part,
    /// Its place in that part.
    pub what: &'static str,
    /// What it costs.
    pub price: Price,
    /// So many are one of those that have the price.
    pub per: i64,
}

/// Bytes in the GB that is paid for. Some services count 2^30, which makes them 7% cheaper than this.
pub const GB: i64 = 1_000_000_000;

/// A log line's byte.
pub const LOG_BYTE: &str = "log byte";
/// A byte of a line that tells metrics, which no level leaves out.
pub const METRIC_BYTE: &str = "metric byte";
/// A millisecond of a function.
pub const MILLISECOND: &str = "millisecond";
/// A request at the API.
pub const HTTP_REQUEST: &str = "HTTP request";
/// An entry of a trail.
pub const ENTRY: &str = "entry";
/// A metric of our own: paid by the month, however often it is told.
pub const METRIC: &str = "custom metric";
/// What is left: a row.
pub const ROW_BYTE: &str = "row byte";
/// Its places in the indexes.
pub const INDEX_BYTE: &str = "index byte";
/// The binding of its key.
pub const GUARD_BYTE: &str = "guard byte";
/// Its trail.
pub const TRAIL_BYTE: &str = "trail byte";
/// Its bundle, until it is confirmed.
pub const BUNDLE_BYTE: &str = "bundle byte";

const fn charged(name: &'static str, part: Part, what: &'static str, price: Price) -> Meter {
    charged_per(name, part, what, price, 1)
}

const fn charged_per(
    name: &'static str,
    part: Part,
    what: &'static str,
    price: Price,
    per: i64,
) -> Meter {
    Meter {
        name,
        charge: Some(Charge {
            part,
            what,
            price,
            per,
        }),
    }
}

/// Counted and not charged for by itself: free, charged by another meter, or worked out with.
const fn free(name: &'static str) -> Meter {
    Meter { name, charge: None }
}

/// All of them.
pub static METERS: &[Meter] = &[
    charged(HTTP_REQUEST, Part::Gateway, "requests", Price::HttpRequest),
    // Each device at the door is a message group.
    charged("SendMessage", Part::Queue, "sends", Price::SqsFairRequest),
    charged("ReceiveMessage", Part::Queue, "receives", Price::SqsRequest),
    charged(
        "GetQueueAttributes",
        Part::Queue,
        "looks at its depth",
        Price::SqsRequest,
    ),
    charged("read unit", Part::Table, "reads", Price::DynamoRead),
    charged("write unit", Part::Table, "writes", Price::DynamoWrite),
    charged(
        "index write unit",
        Part::Table,
        "writes of indexes",
        Price::DynamoWrite,
    ),
    charged(
        "trail write unit",
        Part::Table,
        "writes of trails",
        Price::DynamoWrite,
    ),
    charged("PutObject", Part::Bucket, "writes", Price::S3Write),
    charged("GetObject", Part::Bucket, "reads", Price::S3Read),
    charged("KMS request", Part::Keys, "requests", Price::KmsRequest),
    charged(
        "CreateThing",
        Part::Iot,
        "registry operations",
        Price::IotRegistry,
    ),
    charged(
        "AttachThingPrincipal",
        Part::Iot,
        "registry operations",
        Price::IotRegistry,
    ),
    charged(
        "AddThingToThingGroup",
        Part::Iot,
        "registry operations",
        Price::IotRegistry,
    ),
    charged_per(LOG_BYTE, Part::Watch, "log lines, GB", Price::LogGb, GB),
    charged_per(METRIC_BYTE, Part::Watch, "log lines, GB", Price::LogGb, GB),
    charged_per(
        "byte sent",
        Part::Transfer,
        "to devices, GB",
        Price::TransferGb,
        GB,
    ),
    // By units instead.
    free("GetItem"),
    free("PutItem"),
    free("UpdateItem"),
    free("Query"),
    // Free.
    free("DeleteObject"),
    free("CreateCertificateFromCsr"),
    free("CreateKeysAndCertificate"),
    free("AttachPolicy"),
    free("UpdateCertificate"),
    free("ListCertificates"),
    // Worked out with.
    free(METRIC),
    free(MILLISECOND),
    free(ENTRY),
    free(ROW_BYTE),
    free(INDEX_BYTE),
    free(GUARD_BYTE),
    free(TRAIL_BYTE),
    free(BUNDLE_BYTE),
];
