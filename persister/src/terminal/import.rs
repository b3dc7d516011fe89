//! `persister import FILE`

use std::io::Write;

use anyhow::Context;
use shared::config::BadSettings;

use super::open;
use crate::config::ImportConfig;
use crate::database::WrongPartitionCount;
use crate::import::{self, Count, Summary};

/// Imports and writes what it came to.
pub async fn run(config: &ImportConfig, out: &mut impl Write) -> anyhow::Result<()> {
    let database = open(&config.database).await?;
    let imported = import::import(
        &database.writer,
        config.partitions,
        &config.file,
        config.dry_run,
    )
    .await;
    database.close().await?;
    let summary = imported
        .map_err(|error| match error.downcast::<WrongPartitionCount>() {
            Ok(wrong @ WrongPartitionCount::Other { .. }) => BadSettings(wrong.to_string()).into(),
            Ok(wrong) => wrong.into(),
            Err(error) => error,
        })
        .with_context(|| config.file.display().to_string())?;
    Ok(write!(out, "{}", text(&summary, config.dry_run))?)
}

fn text(summary: &Summary, dry_run: bool) -> String {
    let (verb, end) = if dry_run {
        ("to write", "Nothing was written.\n")
    } else {
        ("written", "")
    };
    let line = |name: &str, count: Count| {
        let Count { written, there } = count;
        format!("{name:<13}{written} {verb}, {there} there already\n")
    };
    let Summary {
        chats,
        displaced,
        added,
        members,
        events,
        ids_above,
    } = *summary;
    [
        line("chats", chats),
        line("memberships", members),
        line("events", events),
        format!(
            "empty chats  {displaced} replaced by others of their countries, {added} added for countries without\n"
        ),
        format!("new events   get ids above {ids_above}\n"),
        end.to_owned(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_was_done_and_what_would_be() {
        let summary = Summary {
            chats: Count {
                written: 2,
                there: 0,
            },
            displaced: 1,
            added: 1,
            members: Count {
                written: 3,
                there: 4,
            },
            events: Count {
                written: 5,
                there: 0,
            },
            ids_above: 40,
        };
        let done = text(&summary, false);
        assert_eq!(
            done,
            "chats        2 written, 0 there already\n\
             memberships  3 written, 4 there already\n\
             events       5 written, 0 there already\n\
             empty chats  1 replaced by others of their countries, 1 added for countries without\n\
             new events   get ids above 40\n"
        );
        let would = text(&summary, true);
        assert!(would.starts_with("chats        2 to write"), "{would}");
        assert!(would.ends_with("Nothing was written.\n"), "{would}");
    }
}
