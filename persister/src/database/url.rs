//! The address of the database, which may hold a password and therefore never prints itself whole.

use std::fmt;
use std::str::FromStr;

use sea_orm::DbBackend;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;

/// `postgres://…` or `sqlite://…`, checked for form.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

/// Why an address is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDatabaseUrl {
    /// Neither of the two databases we speak to.
    #[error("must start with postgres:// or sqlite://")]
    UnknownScheme,
    /// The rest of it cannot be read. The text is not repeated: it may hold a password.
    #[error("cannot be parsed")]
    Malformed,
    /// A password without a user.
    #[error("names no user who could have a password")]
    Nobody,
    /// A database in memory is another one for each connection.
    #[error("SQLite needs a file, not memory")]
    InMemory,
}

impl DatabaseUrl {
    /// Which kind of database.
    pub fn backend(&self) -> DbBackend {
        if self.0.starts_with("sqlite:") {
            DbBackend::Sqlite
        } else {
            DbBackend::Postgres
        }
    }

    /// Its name in logs.
    pub fn backend_name(&self) -> &'static str {
        match self.backend() {
            DbBackend::Sqlite => "sqlite",
            _ => "postgres",
        }
    }

    /// The same address with this password.
    ///
    /// # Errors
    /// When there is nobody in it whose password it could be.
    pub fn with_password(&self, password: &str) -> Result<Self, BadDatabaseUrl> {
        let mut url = url::Url::parse(&self.0).map_err(|_| BadDatabaseUrl::Malformed)?;
        if self.backend() == DbBackend::Sqlite || url.username().is_empty() {
            return Err(BadDatabaseUrl::Nobody);
        }
        url.set_password(Some(password))
            .map_err(|()| BadDatabaseUrl::Nobody)?;
        Ok(Self(url.into()))
    }

    /// The whole address, for the driver only.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, BadDatabaseUrl> {
        // Both spellings are in use; the driver below knows one.
        let text = match text.strip_prefix("postgresql://") {
            Some(rest) => format!("postgres://{rest}"),
            None => text.to_owned(),
        };
        if text.starts_with("postgres://") {
            text.parse::<PgConnectOptions>()
                .map_err(|_| BadDatabaseUrl::Malformed)?;
        } else if text.starts_with("sqlite:") {
            if text.contains(":memory:") || text.contains("mode=memory") {
                return Err(BadDatabaseUrl::InMemory);
            }
            text.parse::<SqliteConnectOptions>()
                .map_err(|_| BadDatabaseUrl::Malformed)?;
        } else {
            return Err(BadDatabaseUrl::UnknownScheme);
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://…", self.backend_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_never_prints_its_password() {
        let url: DatabaseUrl = "postgresql://u:secret@localhost/db".parse().unwrap();
        assert_eq!(format!("{url:?}"), "postgres://…");
        assert_eq!(url.backend(), DbBackend::Postgres);
    }

    #[test]
    fn a_password_may_hold_anything() {
        let url: DatabaseUrl = "postgres://chat@db:5432/chat?sslmode=verify-full"
            .parse()
            .unwrap();
        let whole = url.with_password("p@ss:w/rd?%").unwrap();
        assert_eq!(
            whole.expose(),
            "postgres://chat:p%40ss%3Aw%2Frd%3F%@db:5432/chat?sslmode=verify-full"
        );
        for nobody in ["postgres://db/chat", "sqlite://x.db"] {
            let url: DatabaseUrl = nobody.parse().unwrap();
            assert_eq!(
                url.with_password("x"),
                Err(BadDatabaseUrl::Nobody),
                "{nobody}"
            );
        }
    }

    #[test]
    fn only_files_and_servers_are_addresses() {
        for (text, expected) in [
            ("mysql://localhost/db", BadDatabaseUrl::UnknownScheme),
            ("persister.db", BadDatabaseUrl::UnknownScheme),
            ("sqlite::memory:", BadDatabaseUrl::InMemory),
            ("sqlite://x.db?mode=memory", BadDatabaseUrl::InMemory),
            ("sqlite://x.db?mode=sideways", BadDatabaseUrl::Malformed),
            ("postgres://localhost:port/db", BadDatabaseUrl::Malformed),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>(), Err(expected), "{text}");
        }
    }
}
