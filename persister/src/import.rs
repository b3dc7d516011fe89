//! `persister import`: chats, memberships and events of the server before this one, from a file that
//! `docs/migration.md` describes.
//!
//! A file and not the other server's database: that one's tables changed from release to release, and an export can
//! be looked at, counted, corrected and kept. It is read twice. The first time everything is checked that can be
//! known beforehand ([`check`]), so that a file with a fault changes nothing. The second time it is written, in
//! transactions of a bounded size; what is there already is left as it is, so that an import that was broken off can
//! be run again, and a whole one twice.
//!
//! Meanwhile the import owns all partitions ([`claim`]), so that no persister can store an event in between; and it
//! comes before the first command, since events that have others before them can have none put there afterwards.

pub mod chats;
pub mod check;
pub mod claim;
pub mod rows;
pub mod write;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;

use anyhow::Context;
use sea_orm::{DatabaseConnection, EntityTrait};
use shared::partition::PartitionCount;

use crate::database::{self, is_migrated};
use crate::entity::country;
use check::{Checker, Contents};
use claim::Claim;
use rows::{BadFile, Lines, Row};
use write::Writer;

/// What became of the rows of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Rows that were not there, or were otherwise.
    pub written: u64,
    /// Rows that were there already.
    pub there: u64,
}

/// What an import came to; of a dry run, what it would come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Of chats.
    pub chats: Count,
    /// Empty chats of countries that have chats in the file, which took their place.
    pub displaced: u64,
    /// Chats that countries got which had none left.
    pub added: u64,
    /// Of memberships.
    pub members: Count,
    /// Of events.
    pub events: Count,
    /// New events get ids above this.
    pub ids_above: i64,
}

/// Imports a file into a database that was migrated and has no commands carried out yet.
///
/// # Errors
/// [`BadFile`] when the file is not what it should be, with the line; anything else about the database. What is
/// written until then stays, and importing the same file again goes on from there.
pub async fn import(
    db: &DatabaseConnection,
    partitions: PartitionCount,
    path: &Path,
    dry_run: bool,
) -> anyhow::Result<Summary> {
    let file = File::open(path).context("cannot open the file")?;
    anyhow::ensure!(
        file.metadata()?.is_file(),
        "it is read twice, so it has to be a file"
    );
    anyhow::ensure!(
        is_migrated(db).await?,
        "the database has not the present schema; `persister migrate` brings it there"
    );
    let countries = country::Entity::find().all(db).await?;
    let countries: BTreeSet<String> = countries.into_iter().map(|row| row.code).collect();
    let contents = read_once(&file, &countries)?;

    if dry_run {
        let ids_above = claim::could_claim(db, partitions, contents.last_event).await?;
        let mut summary = write(db, None, partitions, &file, &contents, &countries).await?;
        summary.ids_above = ids_above;
        return Ok(summary);
    }
    database::fix_partitions(db, partitions).await?;
    let claim = Claim::take(db, partitions, contents.last_event).await?;
    let written = write(db, Some(&claim), partitions, &file, &contents, &countries).await;
    let released = claim.release(db).await;
    let mut summary = written?;
    released.context("the partitions could not be given back; they are free after a while")?;
    summary.ids_above = claim.ids_above;
    Ok(summary)
}

/// The first reading.
fn read_once(file: &File, countries: &BTreeSet<String>) -> Result<Contents, BadFile> {
    let mut checker = Checker::new(countries);
    let mut lines = Lines::new(BufReader::new(file));
    while let Some(row) = lines.read()? {
        checker.look(&row).map_err(|why| lines.fault(why))?;
    }
    checker.finish().map_err(|why| lines.fault(why))
}

/// The second reading. Without a claim nothing is written.
async fn write(
    db: &DatabaseConnection,
    claim: Option<&Claim>,
    partitions: PartitionCount,
    mut file: &File,
    contents: &Contents,
    countries: &BTreeSet<String>,
) -> anyhow::Result<Summary> {
    file.rewind()?;
    let mut checker = Checker::new(countries);
    let mut lines = Lines::new(BufReader::new(file));
    let mut writer = Writer::new(db, claim, partitions, contents);
    writer.chats().await?;
    while let Some(row) = lines.read()? {
        // Again, because nothing keeps a file from changing under its reader.
        checker.look(&row).map_err(|why| lines.fault(why))?;
        match row {
            Row::Member(member) => writer.member(member).await?,
            Row::Event(event) => {
                let line = lines.number();
                writer
                    .event(event)
                    .await
                    .with_context(|| format!("at line {line}"))?;
            }
            Row::Chat(_) | Row::End(_) => {}
        }
    }
    let again = checker.finish().map_err(|why| lines.fault(why))?;
    anyhow::ensure!(again == *contents, "the file has changed while it was read");
    writer.finish().await
}
