//! The rows of the file, written in transactions of a bounded size.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait,
    QueryFilter, Set, TransactionTrait,
};
use shared::command::CommandId;
use shared::event::{ChatEvent, EventType};
use shared::id::{ChatId, EventId, UserId};
use shared::partition::PartitionCount;
use shared::policy::ChatType;

use super::check::Contents;
use super::claim::Claim;
use super::rows::Member;
use super::{Summary, chats};
use crate::database::IMMEDIATE;
use crate::decide::{Place, Typing};
use crate::entity::{event, user_chat};
use crate::store::{add_to_countries, memberships, seats, typing};

/// Rows of a transaction: enough that commits do not count, and far below the number of values that a statement may
/// have.
const ROWS_MAX: usize = 1_000;

/// Writes, or only counts what it would write.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    db: &'a DatabaseConnection,
    /// Without it nothing is written.
    claim: Option<&'a Claim>,
    partitions: PartitionCount,
    contents: &'a Contents,
    members: Vec<Member>,
    events: Vec<event::Model>,
    /// The newest event of each chat so far.
    heads: HashMap<ChatId, i64>,
    summary: Summary,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        db: &'a DatabaseConnection,
        claim: Option<&'a Claim>,
        partitions: PartitionCount,
        contents: &'a Contents,
    ) -> Self {
        Self {
            db,
            claim,
            partitions,
            contents,
            members: Vec::with_capacity(ROWS_MAX),
            events: Vec::with_capacity(ROWS_MAX),
            heads: HashMap::new(),
            summary: Summary::default(),
        }
    }

    /// All chats at once.
    pub(super) async fn chats(&mut self) -> anyhow::Result<()> {
        let transaction = self.begin().await?;
        let dry_run = self.claim.is_none();
        chats::replace(&transaction, self.contents, dry_run, &mut self.summary).await?;
        self.end(transaction).await
    }

    /// The next membership.
    pub(super) async fn member(&mut self, member: Member) -> anyhow::Result<()> {
        self.members.push(member);
        if self.members.len() == ROWS_MAX {
            self.flush_members().await?;
        }
        Ok(())
    }

    /// The next event.
    pub(super) async fn event(&mut self, new: ChatEvent) -> anyhow::Result<()> {
        let previous = self.heads.insert(new.chat_id, new.id.get());
        self.events.push(event::Model {
            id: new.id.get(),
            command_id: CommandId::imported(new.id).uuid(),
            author_id: new.author_id.get(),
            chat_id: new.chat_id.get(),
            event_type: new.event_type.code(),
            event_time: new.event_time.to_utc(),
            previous_id: previous.unwrap_or(0),
        });
        if self.events.len() == ROWS_MAX {
            self.flush_events().await?;
        }
        Ok(())
    }

    /// What is left, and what it all came to.
    pub(super) async fn finish(mut self) -> anyhow::Result<Summary> {
        self.flush_members().await?;
        self.flush_events().await?;
        Ok(self.summary)
    }

    async fn flush_members(&mut self) -> anyhow::Result<()> {
        let members = std::mem::take(&mut self.members);
        if members.is_empty() {
            return Ok(());
        }
        let transaction = self.begin().await?;
        let new = new_members(&transaction, &members).await?;
        self.summary.members.written += new.len() as u64;
        self.summary.members.there += (members.len() - new.len()) as u64;
        if self.claim.is_some() && !new.is_empty() {
            self.join(&transaction, &new).await?;
        }
        self.end(transaction).await
    }

    async fn join(&self, db: &impl ConnectionTrait, new: &[Member]) -> anyhow::Result<()> {
        let rows = new.iter().map(|member| user_chat::ActiveModel {
            user_id: Set(member.user_id.get()),
            chat_id: Set(member.chat_id.get()),
        });
        user_chat::Entity::insert_many(rows)
            .exec_without_returning(db)
            .await?;
        // Whoever left before is not in the file, and has no place to come back to.
        let is_private =
            |member: &&Member| self.contents.chats[&member.chat_id].chat_type == ChatType::Private;
        let private = new.iter().filter(is_private);
        let places: Vec<_> = private
            .map(|member| (member.user_id, member.chat_id))
            .collect();
        seats::take(db, &places).await?;
        let mut countries: BTreeMap<(UserId, String), i32> = BTreeMap::new();
        for member in new {
            let chat = &self.contents.chats[&member.chat_id];
            *countries
                .entry((member.user_id, chat.country.clone()))
                .or_default() += 1;
        }
        Ok(add_to_countries(db, &countries).await?)
    }

    async fn flush_events(&mut self) -> anyhow::Result<()> {
        let events = std::mem::take(&mut self.events);
        if events.is_empty() {
            return Ok(());
        }
        let transaction = self.begin().await?;
        let stored = event::Entity::find()
            .filter(event::Column::Id.is_in(events.iter().map(|event| event.id)))
            .all(&transaction)
            .await?;
        let stored: BTreeMap<i64, event::Model> =
            stored.into_iter().map(|event| (event.id, event)).collect();
        let mut new = Vec::with_capacity(events.len());
        for event in events {
            match stored.get(&event.id) {
                Some(found) if *found == event => self.summary.events.there += 1,
                Some(_) => anyhow::bail!(
                    "event {} is in the database already, and is another one",
                    event.id
                ),
                None => new.push(event),
            }
        }
        self.summary.events.written += new.len() as u64;
        if self.claim.is_some() && !new.is_empty() {
            let typing = typing_after(&new);
            let rows = new.into_iter().map(event::ActiveModel::from);
            // What was read from a row counts as unchanged and would be left out.
            let rows = rows.map(sea_orm::ActiveModelTrait::reset_all);
            event::Entity::insert_many(rows)
                .exec_without_returning(&transaction)
                .await?;
            self.note_typing(&transaction, typing).await?;
        }
        self.end(transaction).await
    }

    /// Has typing ended that never was: due at once, so that the first persister says so.
    async fn note_typing(
        &self,
        db: &impl ConnectionTrait,
        changes: BTreeMap<Place, Option<Typing>>,
    ) -> anyhow::Result<()> {
        for partition in self.partitions.all() {
            let of_partition = changes
                .iter()
                .filter(|((chat, _), _)| self.partitions.of(*chat) == partition)
                .map(|(place, typing)| (*place, *typing))
                .collect();
            typing::begin(db, partition, &of_partition).await?;
        }
        Ok(typing::end(db, &changes).await?)
    }

    async fn begin(&self) -> anyhow::Result<DatabaseTransaction> {
        let transaction = self.db.begin_with_options(IMMEDIATE).await?;
        if let Some(claim) = self.claim {
            claim.renew(&transaction).await?;
        }
        Ok(transaction)
    }

    async fn end(&self, transaction: DatabaseTransaction) -> anyhow::Result<()> {
        match self.claim {
            Some(_) => transaction.commit().await?,
            None => transaction.rollback().await?,
        }
        Ok(())
    }
}

async fn new_members(db: &impl ConnectionTrait, members: &[Member]) -> anyhow::Result<Vec<Member>> {
    let keys: Vec<_> = members
        .iter()
        .map(|member| (member.user_id, member.chat_id))
        .collect();
    let there = user_chat::Entity::find()
        .filter(memberships::one_of(db, &keys))
        .all(db)
        .await?;
    let there: BTreeSet<(i64, i64)> = there
        .into_iter()
        .map(|row| (row.user_id, row.chat_id))
        .collect();
    Ok(members
        .iter()
        .filter(|member| !there.contains(&(member.user_id.get(), member.chat_id.get())))
        .copied()
        .collect())
}

/// Who is typing after these events, and who no more.
fn typing_after(events: &[event::Model]) -> BTreeMap<Place, Option<Typing>> {
    let mut changes = BTreeMap::new();
    for event in events {
        let place: Option<Place> = ChatId::try_from(event.chat_id)
            .ok()
            .zip(UserId::try_from(event.author_id).ok());
        let since = EventId::try_from(event.id).ok();
        let (Some(place), Some(since)) = (place, since) else {
            continue;
        };
        match EventType::from_code(event.event_type) {
            Some(EventType::StartTyping) => {
                let ends_at_ms = Typing::AT_ONCE;
                changes.insert(place, Some(Typing { since, ends_at_ms }));
            }
            Some(EventType::StopTyping | EventType::Leave) => {
                changes.insert(place, None);
            }
            _ => {}
        }
    }
    changes
}
