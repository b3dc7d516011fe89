//! `persister chats …`

use std::io::Write;

use super::open;
use crate::config::ChatsAction;
use crate::provision::{self, ChatLine};

/// Carries out one action and writes what it came to.
pub async fn run(action: ChatsAction, out: &mut impl Write) -> anyhow::Result<()> {
    match action {
        ChatsAction::List { database, json } => {
            let database = open(&database).await?;
            let chats = provision::list(&database.reader).await?;
            if json {
                serde_json::to_writer(&mut *out, &chats)?;
                writeln!(out)?;
            } else {
                table(&chats, out)?;
            }
            database.close().await?;
        }
        ChatsAction::Add {
            database,
            country,
            name,
            private,
            members,
        } => {
            let database = open(&database).await?;
            let db = &database.writer;
            let id = if private {
                let members = members.into_iter().collect();
                provision::add_private(db, &country, &name, &members).await?
            } else {
                provision::add(db, &country, &name).await?
            };
            writeln!(out, "{id}")?;
            database.close().await?;
        }
        ChatsAction::Remove { database, id } => {
            let database = open(&database).await?;
            let removed = provision::remove(&database.writer, id).await?;
            database.close().await?;
            anyhow::ensure!(removed, "there is no chat {id}");
        }
    }
    Ok(())
}

fn table(chats: &[ChatLine], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{:>6}  {:<7}  {:<7}  {:>7}  NAME",
        "ID", "COUNTRY", "TYPE", "MEMBERS"
    )?;
    for chat in chats {
        writeln!(
            out,
            "{:>6}  {:<7}  {:<7}  {:>7}  {}",
            chat.id, chat.country, chat.chat_type, chat.members, chat.name
        )?;
    }
    Ok(())
}
