//! `svc.outcome`: what became of these commands?
//!
//! For gateways that heard nothing in time. A stored event counts only once it is known to be published, since
//! the gateway makes a RECEIPT of the answer.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, EntityTrait};
use shared::command::Outcome;
use shared::error_code::ErrorCode;
use shared::id::EventId;
use shared::query::{CommandState, OUTCOMES_MAX, OutcomeRequest, Outcomes};

use super::Unanswered;
use crate::entity::cmd_partition;
use crate::store::lookup;

pub(super) async fn answer(
    db: DatabaseConnection,
    question: OutcomeRequest,
) -> Result<Outcomes, Unanswered> {
    if question.ids.len() > OUTCOMES_MAX {
        return Err(Unanswered::Refused(ErrorCode::InvalidField));
    }
    // In this order: what is found below was published before if the row read now says so.
    let published = Published::read(&db).await?;
    let outcomes = lookup::outcomes(&db, &question.ids).await?;
    let state = |id| match outcomes.get(id) {
        Some(Outcome::Stored(event)) if !published.contains(*event) => CommandState::Pending,
        Some(outcome) => CommandState::Settled(*outcome),
        None => CommandState::Pending,
    };
    Ok(Outcomes {
        states: question.ids.iter().map(state).collect(),
    })
}

/// How far the events of each partition are published: the number of the last command whose event surely is (see
/// [`crate::decide::Numbering`]).
struct Published {
    up_to: HashMap<i64, i64>,
}

impl Published {
    async fn read(db: &impl ConnectionTrait) -> Result<Self, DbErr> {
        let rows = cmd_partition::Entity::find().all(db).await?;
        let up_to = rows
            .into_iter()
            .map(|row| (i64::from(row.part), row.published().number()))
            .collect();
        Ok(Self { up_to })
    }

    fn contains(&self, event: EventId) -> bool {
        let partitions = i64::try_from(self.up_to.len()).unwrap_or(i64::MAX).max(1);
        let partition = event.get() % partitions;
        self.up_to
            .get(&partition)
            .is_some_and(|up_to| event.get() / partitions <= *up_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_published_up_to_the_row_of_its_partition() {
        let published = Published {
            up_to: HashMap::from([(0, 10), (1, 20)]),
        };
        for (event, expected) in [(20, true), (22, false), (41, true), (43, false)] {
            let event = EventId::try_from(event).unwrap();
            assert_eq!(published.contains(event), expected, "{event}");
        }
    }
}
