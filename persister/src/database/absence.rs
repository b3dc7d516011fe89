//! Which errors mean that the database is not there at the moment, and which that it does not want.

use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// Whether the database may answer later without anybody changing anything.
///
/// For the start of a process, where a mistake in the schema or in the rights of a role must not be waited for.
pub fn is_absence(error: &DbErr) -> bool {
    match error {
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            is_absent(cause)
        }
        _ => false,
    }
}

fn is_absent(cause: &SqlxError) -> bool {
    match cause {
        SqlxError::Database(error) => error.code().is_some_and(|code| will_pass(&code)),
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => true,
        _ => false,
    }
}

/// By class of SQLSTATE (PostgreSQL documentation, appendix A): connection exceptions, insufficient resources,
/// operator intervention; and a standby that was not promoted yet (`read_only_sql_transaction`).
fn will_pass(code: &str) -> bool {
    code == "25006"
        || ["08", "53", "57"]
            .iter()
            .any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_has_to_change_is_not_waited_for() {
        for (code, passes) in [
            // admin_shutdown, cannot_connect_now, too_many_connections, connection_failure
            ("57P01", true),
            ("57P03", true),
            ("53300", true),
            ("08006", true),
            ("25006", true),
            // undefined_table, insufficient_privilege, syntax_error
            ("42P01", false),
            ("42501", false),
            ("42601", false),
        ] {
            assert_eq!(will_pass(code), passes, "{code}");
        }
        let gone = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(is_absent(&SqlxError::Io(gone)));
        assert!(!is_absent(&SqlxError::RowNotFound));
    }
}
