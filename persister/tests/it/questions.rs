//! What gateways ask.

use std::time::Duration;

use persister::store::AskFor;
use shared::command::{CommandId, Outcome};
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping};
use shared::id::ChatId;
use shared::partition::Partition;
use shared::query::{
    CommandState, EventsPage, EventsRequest, HEADS_MAX, Heads, HeadsRequest, OutcomeRequest,
    Outcomes, Reply,
};
use shared::subject;

use crate::support::gateway::{command, stored};
use crate::support::wishes::wish;
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    heads_name_existing_chats_and_their_newest_events,
    history_comes_in_pages_in_order,
    outcomes_are_settled_or_pending,
    a_stored_event_is_pending_until_it_is_published,
    a_bad_question_is_refused,
);

fn chat(id: i64) -> ChatId {
    id.try_into().unwrap()
}

async fn heads_name_existing_chats_and_their_newest_events(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    gateway.ask(&command(Join, 7, 4)).await;
    let newest = stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    let question = HeadsRequest {
        chats: [4, 5, 987_654_321].map(chat).into(),
    };
    let answer: Reply<Heads> = gateway.question(subject::HEADS, &question).await;
    let mut heads: Vec<_> = answer
        .unwrap()
        .heads
        .into_iter()
        .map(|head| (head.chat.get(), head.event))
        .collect();
    heads.sort_unstable();
    assert_eq!(heads, [(4, newest), (5, 0)]);
    persister.stop().await;
}

async fn history_comes_in_pages_in_order(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let mut sent = Vec::new();
    for author in 1..=5 {
        stored(gateway.ask(&command(Join, author, 4)).await);
        sent.push(gateway.event().await.1);
        stored(gateway.ask(&command(Join, author, 5)).await);
        gateway.event().await;
    }
    let mut read = Vec::new();
    let mut after = 0;
    loop {
        let question = EventsRequest {
            chat: chat(4),
            after,
            limit: 2,
        };
        let page: Reply<EventsPage> = gateway.question(subject::EVENTS, &question).await;
        let page = page.unwrap();
        for chained in page.events {
            assert_eq!(chained.previous_id, after, "the chain closes");
            after = chained.event.id.get();
            read.push(chained.event);
        }
        if !page.more {
            break;
        }
    }
    assert_eq!(read, sent, "to the microsecond");
    persister.stop().await;
}

async fn outcomes(gateway: &Gateway, ids: &[CommandId]) -> Vec<CommandState> {
    let question = OutcomeRequest { ids: ids.to_vec() };
    let answer: Reply<Outcomes> = gateway.question(subject::OUTCOME, &question).await;
    answer.unwrap().states
}

async fn outcomes_are_settled_or_pending(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let (join, leave) = (command(Join, 7, 4), command(Leave, 7, 5));
    let joined = gateway.ask(&join).await;
    let refused = gateway.ask(&leave).await;
    assert_eq!(refused, Outcome::Rejected(ErrorCode::NotJoined));
    let ids = [join.id, CommandId::fresh(), leave.id];
    let expected = [
        CommandState::Settled(joined),
        CommandState::Pending,
        CommandState::Settled(refused),
    ];
    // An outcome comes after the publishing, which the batch of the next command stores.
    assert_eq!(outcomes(&gateway, &ids).await, expected);
    persister.stop().await;
}

async fn a_stored_event_is_pending_until_it_is_published(rig: Rig) {
    let store = rig.store("one", Duration::from_mins(1)).await;
    let mut lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    let join = wish(1, Join, 7, 4);
    let id = join.id.unwrap();
    store
        .commit(&mut lease, &[join], AskFor::Likely)
        .await
        .unwrap();

    // This persister cannot have the partition, but it answers.
    let persister = rig.persister(1).await;
    let gateway = rig.gateway(1).await;
    assert_eq!(outcomes(&gateway, &[id]).await, [CommandState::Pending]);
    lease.published.seq = 1;
    store.renew(&lease).await.unwrap();
    let settled = CommandState::Settled(Outcome::Stored(1.try_into().unwrap()));
    assert_eq!(outcomes(&gateway, &[id]).await, [settled]);
    persister.stop().await;
}

async fn a_bad_question_is_refused(rig: Rig) {
    let persister = rig.persister(1).await;
    let gateway = rig.gateway(1).await;
    let reply: Reply<Heads> = gateway.question(subject::HEADS, &"what?").await;
    assert_eq!(reply, Err(ErrorCode::MalformedPayload));
    let too_many = HeadsRequest {
        chats: vec![chat(1); HEADS_MAX + 1],
    };
    let reply: Reply<Heads> = gateway.question(subject::HEADS, &too_many).await;
    assert_eq!(reply, Err(ErrorCode::InvalidField));
    persister.stop().await;
}
