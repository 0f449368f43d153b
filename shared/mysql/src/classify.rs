//! The database's errors as failures: the only such map. Its texts are left out, for they quote values.

use cvm_shared::failure::Failure;
use sqlx::Error;
use sqlx::mysql::MySqlDatabaseError;

/// What the database is called in failures.
pub const SERVICE: &str = "mysql";

/// What an error means. Callers look first at what means something to *their* statement (a key that exists).
pub fn failure(error: &Error) -> Failure {
    match error {
        Error::Database(_) => number(error).map_or_else(|| rejected("no number"), by_number),
        // All connections are in use: the machine is busy, and nothing happened.
        Error::PoolTimedOut => Failure::Throttled { service: SERVICE },
        Error::Io(_) => unavailable("no connection"),
        Error::Tls(_) => unavailable("TLS"),
        Error::Protocol(_) => unavailable("broken answer"),
        Error::PoolClosed | Error::WorkerCrashed => unavailable("closed"),
        Error::BeginFailed => unavailable("no transaction"),
        Error::ColumnDecode { .. } | Error::Decode(_) => rejected("unexpected type"),
        Error::ColumnNotFound(_) | Error::ColumnIndexOutOfBounds { .. } => rejected("no column"),
        // Settings, and what the driver may add: nothing that asking again would change.
        Error::Configuration(_)
        | Error::InvalidArgument(_)
        | Error::RowNotFound
        | Error::TypeNotFound { .. }
        | Error::Encode(_)
        | Error::AnyDriverError(_)
        | Error::Migrate(_)
        | Error::InvalidSavePointStatement
        | _ => rejected("not sent"),
    }
}

/// The server's number of the error, if the server made it.
pub(crate) fn number(error: &Error) -> Option<u16> {
    let told = error.as_database_error()?;
    Some(told.try_downcast_ref::<MySqlDatabaseError>()?.number())
}

/// Whether the key exists already.
pub(crate) fn is_duplicate(error: &Error) -> bool {
    number(error) == Some(DUPLICATE)
}

/// Whether the database chose this transaction to give way, and undid it: the same again is right, and at once.
pub(crate) fn gave_way(error: &Error) -> bool {
    matches!(number(error), Some(DEADLOCK | LOCK_WAIT | CHANGED_SINCE))
}

const DUPLICATE: u16 = 1062;
const LOCK_WAIT: u16 = 1205;
const DEADLOCK: u16 = 1213;
/// MariaDB: the record has changed since the last read.
const CHANGED_SINCE: u16 = 1020;

/// Numbers as both servers give them (MySQL 8.4 reference manual, "Server Error Message Reference"; MariaDB, "MariaDB
/// Error Codes").
fn by_number(number: u16) -> Failure {
    let code = || number.to_string();
    match number {
        // Too many connections, in all or of this user; resources per hour used up.
        1040 | 1203 | 1226 => Failure::Throttled { service: SERVICE },
        DEADLOCK | LOCK_WAIT | CHANGED_SINCE
        // Going down, gone, or cut; killed, or too slow.
        | 1053 | 1077 | 1079 | 1152..=1161 | 1184 | 1317 | 1927 | 1969 | 2006 | 2013 | 3024 | 4031
        // Read-only: a replica, or a primary that is being replaced.
        | 1290 | 1792 | 1836
        // Out of memory, space or descriptors.
        | 1037 | 1038 | 1041 | 1021 | 1023 | 1026 | 1114 | 1135 | 1481 => Failure::Unavailable {
            service: SERVICE,
            detail: code(),
        },
        1044 | 1045 | 1130 | 1131 | 1133 | 1142..=1144 | 1227 | 1370 | 1396 | 1410 | 1449 | 1698 | 1820 | 1862 | 3118 | 3159 | 4151 => {
            Failure::Denied {
                service: SERVICE,
                detail: code(),
            }
        }
        _ => rejected(&code()),
    }
}

pub(crate) fn unavailable(detail: &str) -> Failure {
    Failure::Unavailable {
        service: SERVICE,
        detail: detail.to_owned(),
    }
}

pub(crate) fn rejected(detail: &str) -> Failure {
    Failure::Rejected {
        service: SERVICE,
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use cvm_shared::failure::Class;

    use super::*;

    #[test]
    fn a_busy_database_is_no_failure_and_a_missing_right_is_the_operators() {
        for (number, class) in [
            (1040, Class::Wait),
            (1213, Class::Retry),
            (1205, Class::Retry),
            (2006, Class::Retry),
            (1290, Class::Retry),
            (1045, Class::Operator),
            (1142, Class::Operator),
            (1406, Class::Operator),
            (9999, Class::Operator),
        ] {
            assert_eq!(by_number(number).class(), class, "{number}");
        }
        assert_eq!(failure(&Error::PoolTimedOut).class(), Class::Wait);
    }

    #[test]
    fn what_a_value_was_is_not_repeated() {
        let error = Error::Protocol("unexpected packet hunter2".to_owned());
        assert!(!failure(&error).to_string().contains("hunter2"));
    }
}
