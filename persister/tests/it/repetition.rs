//! The same command more than once: it takes effect once, and every repetition hears its first outcome.

use std::time::Duration;

use persister::decide::Wish;
use persister::entity::{event, user_chat};
use persister::store::{AskFor, Lease, Store, StoreError, TryAgain, lookup};
use sea_orm::{EntityTrait, PaginatorTrait};
use shared::command::{CommandId, Outcome};
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping};
use shared::partition::Partition;
use tokio::time::{interval, timeout};

use crate::support::gateway::{command, stored};
use crate::support::wishes::named;
use crate::support::{Gateway, PATIENCE, Rig, on_both_databases};

on_both_databases!(
    a_repetition_in_the_same_batch_has_no_effect,
    a_repetition_of_a_key_hours_later_has_no_effect,
    a_repetition_without_a_key_is_found_by_the_unique_index,
    who_would_be_told_already_joined_hears_of_their_own_first_attempt,
    old_typing_expires,
    a_command_redelivered_by_the_stream_has_no_effect,
);

async fn owner(rig: &Rig) -> (Store, Lease) {
    let store = rig.store("one", Duration::from_mins(1)).await;
    let lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    (store, lease)
}

async fn outcomes(store: &Store, lease: &mut Lease, wishes: &[Wish], ask: AskFor) -> Vec<Outcome> {
    let decision = store.commit(lease, wishes, ask).await.unwrap();
    decision.outcomes.into_iter().map(Option::unwrap).collect()
}

fn event_id(id: i64) -> Outcome {
    Outcome::Stored(id.try_into().unwrap())
}

async fn a_repetition_in_the_same_batch_has_no_effect(rig: Rig) {
    let (store, mut lease) = owner(&rig).await;
    let id = CommandId::fresh();
    let wishes = [named(1, id, Join, 7, 4), named(2, id, Join, 7, 4)];
    let told = outcomes(&store, &mut lease, &wishes, AskFor::Likely).await;
    assert_eq!(told, [event_id(1), event_id(1)]);
}

async fn a_repetition_of_a_key_hours_later_has_no_effect(rig: Rig) {
    let (store, mut lease) = owner(&rig).await;
    let author = 7.try_into().unwrap();
    let (done, refused) = (
        CommandId::from_key(author, "done"),
        CommandId::from_key(author, "refused"),
    );
    let first = [named(1, done, Join, 7, 4), named(2, refused, Leave, 7, 5)];
    let refusal = Outcome::Rejected(ErrorCode::NotJoined);
    let told = outcomes(&store, &mut lease, &first, AskFor::Likely).await;
    assert_eq!(told, [event_id(1), refusal]);

    // Between the two, the refused one would have become possible, and the other impossible.
    let fresh = CommandId::fresh;
    let between = [
        named(3, fresh(), Leave, 7, 4),
        named(4, fresh(), Join, 7, 5),
    ];
    outcomes(&store, &mut lease, &between, AskFor::Likely).await;
    let again = [named(5, done, Join, 7, 4), named(6, refused, Leave, 7, 5)];
    let told = outcomes(&store, &mut lease, &again, AskFor::Likely).await;
    assert_eq!(told, [event_id(1), refusal]);

    let db = rig.database().await.reader;
    let members = user_chat::Entity::find().all(&db).await.unwrap();
    assert_eq!(members.iter().map(|m| m.chat_id).collect::<Vec<_>>(), [5]);
}

async fn a_repetition_without_a_key_is_found_by_the_unique_index(rig: Rig) {
    let (store, mut lease) = owner(&rig).await;
    let id = CommandId::fresh();
    let first = [named(1, id, StartTyping, 7, 4)];
    outcomes(&store, &mut lease, &first, AskFor::Likely).await;
    let again = [named(2, id, StartTyping, 7, 4)];
    let conflict = store.commit(&mut lease, &again, AskFor::Likely).await;
    assert!(
        matches!(conflict, Err(StoreError::TryAgain(TryAgain::Conflict, _))),
        "{conflict:?}"
    );
    let told = outcomes(&store, &mut lease, &again, AskFor::All).await;
    assert_eq!(told, [event_id(1)]);
    let db = rig.database().await.reader;
    assert_eq!(event::Entity::find().count(&db).await.unwrap(), 1);
}

async fn who_would_be_told_already_joined_hears_of_their_own_first_attempt(rig: Rig) {
    let (store, mut lease) = owner(&rig).await;
    let id = CommandId::fresh();
    outcomes(
        &store,
        &mut lease,
        &[named(1, id, Join, 7, 4)],
        AskFor::Likely,
    )
    .await;
    let again = [named(2, id, Join, 7, 4)];
    let told = outcomes(&store, &mut lease, &again, AskFor::Likely).await;
    assert_eq!(told, [event_id(1)]);
}

async fn old_typing_expires(rig: Rig) {
    let (store, mut lease) = owner(&rig).await;
    let id = CommandId::fresh();
    let mut old = named(1, id, StartTyping, 7, 4);
    old.time = shared::clock::Timestamp::from_micros(old.time.micros() - 11_000_000);
    let expired = Outcome::Rejected(ErrorCode::Expired);
    let told = outcomes(&store, &mut lease, &[old], AskFor::Likely).await;
    assert_eq!(told, [expired]);
    let db = rig.database().await.reader;
    let known = lookup::outcomes(&db, &[id]).await.unwrap();
    assert_eq!(known.get(&id), Some(&expired), "a replay says the same");
}

async fn a_command_redelivered_by_the_stream_has_no_effect(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let join = command(Join, 7, 4);
    let id = stored(gateway.ask(&join).await);
    stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    // The stream refuses what it has seen, for as long as it remembers that.
    let polling = async {
        let mut tick = interval(Duration::from_millis(50));
        while gateway.make_forgetful("CMD_0").await < 3 {
            tick.tick().await;
            gateway.send(&join).await;
        }
    };
    timeout(PATIENCE, polling).await.expect("it is taken again");
    assert_eq!(stored(gateway.outcome(join.id).await), id);
    let outcome = gateway.ask(&command(Join, 7, 4)).await;
    Gateway::expect_rejection(outcome, ErrorCode::AlreadyJoined);
    persister.stop().await;
}
