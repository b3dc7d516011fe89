//! The countries of ISO 3166-1 and one main chat each.
//!
//! `world.csv` has the alpha-2 codes and English short names of ISO 3166-1 as of 2024, in the alphabetical
//! order of the standard (diacritics count as their base letters); chat ids are the line numbers, from 1. The
//! data were taken from the crate `rust_iso3166` 0.1.14, checked against `pycountry` 26.2.16 (Debian's
//! iso-codes), and brought up to date where the crate was behind (TR).

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

const WORLD: &str = include_str!("world.csv");

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut countries = Query::insert()
            .into_table("countries")
            .columns(["code", "name", "flag"])
            .take();
        let mut chats = Query::insert()
            .into_table("chats")
            .columns(["id", "name", "country_code"])
            .take();
        for (id, (code, name)) in (1_i64..).zip(world()) {
            countries.values_panic([code.into(), name.into(), code.to_lowercase().into()]);
            chats.values_panic([id.into(), name.into(), code.into()]);
        }
        let db = manager.get_connection();
        db.execute(&countries).await?;
        db.execute(&chats).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // An identity does not notice ids that were given to it. SQLite's AUTOINCREMENT does.
            db.execute_unprepared(
                "SELECT setval(pg_get_serial_sequence('chats', 'id'), (SELECT max(id) FROM chats))",
            )
            .await?;
        }
        Ok(())
    }
}

/// Code and name of every country, in the order of the file.
fn world() -> impl Iterator<Item = (&'static str, &'static str)> {
    WORLD
        .lines()
        .skip(1)
        .map(|line| line.split_once(';').expect("world.csv has two columns"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::world;

    #[test]
    fn the_world_has_249_countries_with_distinct_codes() {
        let codes: HashSet<_> = world().map(|(code, _)| code).collect();
        assert_eq!(codes.len(), 249);
        assert!(
            codes
                .iter()
                .all(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()))
        );
    }

    #[test]
    fn the_world_is_in_alphabetical_order() {
        let fold = |name: &str| {
            name.to_lowercase()
                .replace('å', "a")
                .replace('ô', "o")
                .replace('ç', "c")
                .replace('é', "e")
                .replace('ü', "u")
                .replace('\'', "")
        };
        let names: Vec<_> = world().map(|(_, name)| fold(name)).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}
