//! Which store each part of the machine is in. Nobody else asks.
//!
//! | part | a stack | a host |
//! |---|---|---|
//! | devices, trails, keys | DynamoDB | the database |
//! | work queue, dead letters | SQS | the database, or SQS by `CVM_QUEUE_URL` and `CVM_DEAD_LETTER_QUEUE_URL` |
//! | batches, bundles | S3 | the database, or S3 by `CVM_BUCKET` |

mod batches;
mod guard;
mod queue;
mod table;
mod trails;
mod vault;

pub(crate) use guard::KeyGuard;
pub(crate) use queue::Letters;
pub(crate) use queue::OrderQueue;
pub(crate) use table::DeviceTable;
pub(crate) use trails::TrailStore;
