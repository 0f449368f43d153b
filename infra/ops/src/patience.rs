//! How long what may pass is waited for, wherever rows or orders are sent in batches.

use std::time::Duration;

use backon::ExponentialBuilder;
use cvm_shared::failure::Class;
use cvm_shared::failure::Failure;

/// About a minute in all: a table on demand doubles its capacity within that time.
pub(crate) fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(12)
        .with_jitter()
}

/// Whether it is worth asking again.
pub(crate) fn is_passing(failure: &Failure) -> bool {
    match failure.class() {
        Class::Wait | Class::Retry => true,
        Class::Operator | Class::Never => false,
    }
}
