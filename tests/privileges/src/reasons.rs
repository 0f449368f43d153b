//! Rights that no recorded call needs, each with its reason: what services do in a role's name, and what a local AWS
//! does not do at all.

use crate::policy::Statement;

/// Why a right is there though no call shows it.
pub struct Reason {
    /// The role or managed policy.
    pub owner: &'static str,
    /// The statement.
    pub sid: &'static str,
    /// The action.
    pub action: &'static str,
    /// Only with this in the resource or in a condition's value; empty: all.
    pub with: &'static str,
    /// Why.
    pub why: &'static str,
}

impl Reason {
    /// Whether this is what it explains.
    pub fn explains(&self, atom: &Statement) -> bool {
        let texts = atom.conditions.iter().flat_map(|(_, _, values)| values);
        let mut texts = texts.chain(&atom.resources);
        self.owner == atom.owner
            && self.sid == atom.sid
            && atom.actions == [self.action]
            && texts.any(|text| text.contains(self.with))
    }
}

const LOGS: &str = "Lambda writes what the function prints to its log group in the role's name.";
const POLLER: &str = "The event source takes messages off the queue in the role's name.";
const STREAM: &str = "The event source reads the table's stream in the role's name.";

/// All of them.
pub const REASONS: &[Reason] = &[
    reason("IngestRole", "Log", "logs:CreateLogStream", "", LOGS),
    reason("IngestRole", "Log", "logs:PutLogEvents", "", LOGS),
    reason("JanitorRole", "Log", "logs:CreateLogStream", "", LOGS),
    reason("JanitorRole", "Log", "logs:PutLogEvents", "", LOGS),
    reason("LedgerRole", "Log", "logs:CreateLogStream", "", LOGS),
    reason("LedgerRole", "Log", "logs:PutLogEvents", "", LOGS),
    reason(
        "LedgerRole",
        "ReadChanges",
        "dynamodb:DescribeStream",
        "",
        STREAM,
    ),
    reason(
        "LedgerRole",
        "ReadChanges",
        "dynamodb:GetRecords",
        "",
        STREAM,
    ),
    reason(
        "LedgerRole",
        "ReadChanges",
        "dynamodb:GetShardIterator",
        "",
        STREAM,
    ),
    reason(
        "LedgerRole",
        "FindTheStream",
        "dynamodb:ListStreams",
        "",
        STREAM,
    ),
    reason("WorkerRole", "Log", "logs:CreateLogStream", "", LOGS),
    reason("WorkerRole", "Log", "logs:PutLogEvents", "", LOGS),
    reason(
        "WorkerRole",
        "TakeAndDelayRequests",
        "sqs:DeleteMessage",
        "",
        POLLER,
    ),
    reason(
        "WorkerRole",
        "TakeAndDelayRequests",
        "sqs:GetQueueAttributes",
        "",
        POLLER,
    ),
    reason(
        "WorkerRole",
        "TakeAndDelayRequests",
        "sqs:ReceiveMessage",
        "",
        POLLER,
    ),
];

const fn reason(
    owner: &'static str,
    sid: &'static str,
    action: &'static str,
    with: &'static str,
    why: &'static str,
) -> Reason {
    Reason {
        owner,
        sid,
        action,
        with,
        why,
    }
}
