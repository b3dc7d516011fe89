//! Why a transaction failed, sorted once by what to do about it.

use sea_orm::{DbErr, RuntimeErr, SqlxError};

use super::together::MISSED;

/// SQLite's result code for a lock that somebody else holds.
const SQLITE_BUSY: &str = "5";

/// What became of a transaction that did not commit.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else owns the partition now. Drop everything.
    #[error("another replica owns the partition")]
    Fenced,
    /// Nothing is wrong with the batch.
    #[error("{0:?}: {1}")]
    TryAgain(TryAgain, #[source] DbErr),
    /// A row that the database will never take, or give.
    #[error("a row is refused: {0}")]
    Row(#[source] DbErr),
}

/// Why trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryAgain {
    /// The database is away, busy, full or read-only: wait, and tell gateways.
    Unavailable,
    /// Another transaction came in between: read again and decide again, at once.
    Conflict,
}

impl StoreError {
    /// The database did not answer in time.
    pub(super) fn no_answer() -> Self {
        let cause = DbErr::Custom("no answer in time".to_owned());
        Self::TryAgain(TryAgain::Unavailable, cause)
    }

    /// Another transaction changed what this one had read.
    pub(super) fn conflict(what: &str) -> Self {
        Self::TryAgain(TryAgain::Conflict, DbErr::Custom(what.to_owned()))
    }

    /// Every name in metrics.
    pub const KINDS: [&str; 4] = ["fenced", "unavailable", "conflict", "row"];

    /// Its name in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::TryAgain(TryAgain::Unavailable, _) => "unavailable",
            Self::TryAgain(TryAgain::Conflict, _) => "conflict",
            Self::Row(_) => "row",
        }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        let sorted = match &error {
            DbErr::TryIntoErr { .. } | DbErr::Type(_) | DbErr::Json(_) => None,
            error => said(error).map_or(Some(TryAgain::Unavailable), sort),
        };
        match sorted {
            Some(why) => Self::TryAgain(why, error),
            None => Self::Row(error),
        }
    }
}

/// Whether SQLite found its file locked where it does not wait for the lock by itself.
pub fn is_sqlite_busy(error: &DbErr) -> bool {
    let code = said(error).and_then(SqlxError::as_database_error);
    code.is_some_and(|error| error.code().as_deref() == Some(SQLITE_BUSY))
}

/// Which expectation PostgreSQL says was missed, if that is what it says. The text that is no number stands in quotes in
/// the message, whatever the language.
pub(super) fn missed_expectation(error: &DbErr) -> Option<usize> {
    let said = said(error).and_then(SqlxError::as_database_error)?;
    let (_, behind) = said.message().split_once(MISSED)?;
    let digits = behind.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// What the driver said.
fn said(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause))
        | DbErr::Conn(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}

/// `None`: trying again does not help.
///
/// In doubt it helps. A wrong "never" would reject command after command because, say, the disk is full.
fn sort(error: &SqlxError) -> Option<TryAgain> {
    match error {
        SqlxError::Database(error) => {
            let code = error.code().unwrap_or_default();
            if error
                .try_downcast_ref::<sea_orm::SqlxPostgresError>()
                .is_some()
            {
                sort_postgres(&code)
            } else {
                sort_sqlite(&code)
            }
        }
        SqlxError::Decode(_) | SqlxError::ColumnDecode { .. } | SqlxError::Encode(_) => None,
        _ => Some(TryAgain::Unavailable),
    }
}

/// By SQLSTATE (PostgreSQL documentation, appendix A).
fn sort_postgres(code: &str) -> Option<TryAgain> {
    match code {
        // serialization_failure, deadlock_detected, unique_violation, foreign_key_violation
        "40001" | "40P01" | "23505" | "23503" => Some(TryAgain::Conflict),
        // data exceptions and the other integrity violations
        code if code.starts_with("22") || code.starts_with("23") => None,
        _ => Some(TryAgain::Unavailable),
    }
}

/// By extended result code (<https://sqlite.org/rescode.html>).
fn sort_sqlite(code: &str) -> Option<TryAgain> {
    match code {
        // SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY, _FOREIGNKEY
        "2067" | "1555" | "787" => Some(TryAgain::Conflict),
        // SQLITE_CONSTRAINT_NOTNULL, _CHECK, _TRIGGER; SQLITE_TOOBIG, _MISMATCH
        "1299" | "275" | "1811" | "18" | "20" => None,
        _ => Some(TryAgain::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bad_row_is_hopeless() {
        use TryAgain::{Conflict, Unavailable};
        for (code, expected) in [
            ("40P01", Some(Conflict)),
            ("23505", Some(Conflict)),
            ("23503", Some(Conflict)),
            ("22003", None),
            ("23514", None),
            ("57P01", Some(Unavailable)),
            ("53100", Some(Unavailable)),
            ("25006", Some(Unavailable)),
            ("42P01", Some(Unavailable)),
            ("", Some(Unavailable)),
        ] {
            assert_eq!(sort_postgres(code), expected, "{code}");
        }
        for (code, expected) in [
            ("2067", Some(Conflict)),
            ("275", None),
            (SQLITE_BUSY, Some(Unavailable)),
            ("13", Some(Unavailable)),
        ] {
            assert_eq!(sort_sqlite(code), expected, "{code}");
        }
    }
}
