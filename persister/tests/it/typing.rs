//! Typing never sticks: whoever started and says no more is said to have stopped, once.

use std::time::Duration;

use persister::entity::typing;
use persister::provision;
use persister::store::AskFor;
use sea_orm::{EntityTrait, PaginatorTrait};
use shared::command::{Command, CommandId};
use shared::event::EventType::{self, Join, Leave, StartTyping, StopTyping};
use shared::partition::Partition;

use crate::support::gateway::{command, stored};
use crate::support::rig::Running;
use crate::support::wishes::wish;
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    who_says_no_more_is_said_to_have_stopped_when_the_lease_ends,
    who_types_on_keeps_typing,
    who_leaves_stops_typing_at_once,
    who_stops_is_not_said_to_have_stopped_again,
    an_end_that_two_noticed_comes_once,
    an_end_that_came_too_late_comes_to_nothing,
    the_next_owner_ends_what_an_owner_left_behind,
    no_typing_outlives_its_chat,
    without_a_lease_only_leaving_ends_typing,
);

/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(400);

async fn persister(rig: &Rig, typing_lease: Duration) -> Running {
    let mut config = rig.config(1);
    config.typing_lease = typing_lease;
    Running::start(&config).await
}

/// Type, author and id of the next event.
async fn next(gateway: &mut Gateway) -> (EventType, i64, i64) {
    let (_, event) = gateway.event().await;
    (event.event_type, event.author_id.get(), event.id.get())
}

/// What ends the typing of user 7 in chat 4 begun by this event.
fn end_of(since: i64) -> Command {
    let since = since.try_into().unwrap();
    Command {
        id: CommandId::stop_typing(since),
        if_typing_since: Some(since),
        ..command(StopTyping, 7, 4)
    }
}

async fn who_says_no_more_is_said_to_have_stopped_when_the_lease_ends(rig: Rig) {
    let persister = persister(&rig, SHORT).await;
    let mut gateway = rig.gateway(1).await;
    let start = stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    let (_, started) = gateway.event().await;
    let (envelope, stopped) = gateway.event().await;
    assert_eq!(stopped.event_type, StopTyping);
    assert_eq!(stopped.author_id.get(), 7);
    assert_eq!(envelope.previous_id, start, "it has its place in the chain");
    let lasted_ms = stopped.event_time.millis_since(started.event_time);
    assert!(lasted_ms >= 400, "it was cut short: {lasted_ms} ms");
    persister.stop().await;
}

async fn who_types_on_keeps_typing(rig: Rig) {
    let persister = persister(&rig, Duration::from_secs(1)).await;
    let mut gateway = rig.gateway(1).await;
    let first = stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    next(&mut gateway).await;
    let second = stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    let (_, again) = gateway.event().await;
    let (_, stopped) = gateway.event().await;
    assert_eq!(stopped.event_type, StopTyping);
    let lasted_ms = stopped.event_time.millis_since(again.event_time);
    assert!(
        lasted_ms >= 1_000,
        "the lease counts from the second: {lasted_ms} ms"
    );
    // What ended it was meant for the second start; the first is not ended once more.
    gateway.send(&end_of(first)).await;
    gateway.send(&end_of(second)).await;
    stored(gateway.ask(&command(Join, 7, 4)).await);
    assert_eq!(next(&mut gateway).await.0, Join);
    persister.stop().await;
}

async fn who_leaves_stops_typing_at_once(rig: Rig) {
    let persister = persister(&rig, Duration::from_mins(10)).await;
    let mut gateway = rig.gateway(1).await;
    for kind in [Join, StartTyping, Leave] {
        stored(gateway.ask(&command(kind, 7, 4)).await);
        assert_eq!(next(&mut gateway).await.0, kind);
    }
    // Long before the lease ends, or this would not come in time.
    assert_eq!(next(&mut gateway).await.0, StopTyping);
    persister.stop().await;
}

async fn who_stops_is_not_said_to_have_stopped_again(rig: Rig) {
    let persister = persister(&rig, SHORT).await;
    let mut gateway = rig.gateway(1).await;
    stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    stored(gateway.ask(&command(StopTyping, 7, 4)).await);
    // Ends after the first would have.
    stored(gateway.ask(&command(StartTyping, 8, 4)).await);
    let told = [
        next(&mut gateway).await,
        next(&mut gateway).await,
        next(&mut gateway).await,
        next(&mut gateway).await,
    ];
    let told = told.map(|(kind, author, _)| (kind, author));
    let expected = [
        (StartTyping, 7),
        (StopTyping, 7),
        (StartTyping, 8),
        (StopTyping, 8),
    ];
    assert_eq!(told, expected);
    persister.stop().await;
}

async fn an_end_that_two_noticed_comes_once(rig: Rig) {
    // The lease ends, and the gateway sees the last session go, at about the same time.
    let persister = persister(&rig, SHORT).await;
    let mut gateway = rig.gateway(1).await;
    let start = stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    let end = end_of(start);
    gateway.send(&end).await;
    let stop = stored(gateway.outcome(end.id).await);
    assert_eq!(next(&mut gateway).await, (StartTyping, 7, start));
    assert_eq!(next(&mut gateway).await, (StopTyping, 7, stop));
    // The lease of another, begun later, ends later.
    stored(gateway.ask(&command(StartTyping, 8, 4)).await);
    assert_eq!(next(&mut gateway).await.1, 8);
    let (kind, author, _) = next(&mut gateway).await;
    assert_eq!((kind, author), (StopTyping, 8), "nothing of 7 in between");
    persister.stop().await;
}

async fn an_end_that_came_too_late_comes_to_nothing(rig: Rig) {
    let persister = persister(&rig, Duration::from_mins(10)).await;
    let mut gateway = rig.gateway(1).await;
    let first = stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    let second = stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    gateway.send(&end_of(first)).await;
    let mut elsewhere = end_of(second);
    elsewhere.chat_id = 987_654_321.try_into().unwrap();
    gateway.send(&elsewhere).await;
    stored(gateway.ask(&command(Join, 7, 4)).await);
    for kind in [StartTyping, StartTyping, Join] {
        assert_eq!(next(&mut gateway).await.0, kind);
    }
    let db = rig.database().await.reader;
    let rows = typing::Entity::find().all(&db).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].since, second, "still typing");
    let rejected = persister::entity::cmd_rejection::Entity::find();
    assert_eq!(rejected.count(&db).await.unwrap(), 0, "that is no failure");
    persister.stop().await;
}

async fn the_next_owner_ends_what_an_owner_left_behind(rig: Rig) {
    rig.persister(1).await.stop().await;
    let mut gateway = rig.gateway(1).await;
    let typing = command(StartTyping, 7, 4);
    gateway.send(&typing).await;
    // An owner with a lease of a minute, who carries it out and then is no more.
    let store = rig.store("gone", Duration::from_mins(1)).await;
    let mut lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    let mut start = wish(1, StartTyping, 7, 4);
    start.id = Some(typing.id);
    start.asks = Ok(typing);
    start.time = shared::clock::Timestamp::from_micros(start.time.micros() - 5_000_000);
    store
        .commit(&mut lease, &[start], AskFor::Likely)
        .await
        .unwrap();
    let db = rig.database().await.writer;
    end_now(&db).await;
    store.release(&lease).await.unwrap();

    let persister = persister(&rig, Duration::from_mins(10)).await;
    assert_eq!(next(&mut gateway).await, (StartTyping, 7, 1));
    let (kind, author, _) = next(&mut gateway).await;
    assert_eq!((kind, author), (StopTyping, 7));
    assert_eq!(typing::Entity::find().count(&db).await.unwrap(), 0);
    persister.stop().await;
}

/// As if a minute had passed.
async fn end_now(db: &sea_orm::DatabaseConnection) {
    use sea_orm::sea_query::Expr;
    typing::Entity::update_many()
        .col_expr(typing::Column::EndsAt, Expr::value(1_i64))
        .exec(db)
        .await
        .unwrap();
}

async fn no_typing_outlives_its_chat(rig: Rig) {
    let persister = persister(&rig, Duration::from_mins(10)).await;
    let mut gateway = rig.gateway(1).await;
    let db = rig.database().await.writer;
    let chat = provision::add(&db, "AF", "Short-lived").await.unwrap();
    stored(gateway.ask(&command(StartTyping, 7, chat)).await);
    assert!(
        provision::remove(&db, chat.try_into().unwrap())
            .await
            .unwrap()
    );
    assert_eq!(typing::Entity::find().count(&db).await.unwrap(), 0);
    persister.stop().await;
}

async fn without_a_lease_only_leaving_ends_typing(rig: Rig) {
    let persister = persister(&rig, Duration::ZERO).await;
    let mut gateway = rig.gateway(1).await;
    stored(gateway.ask(&command(Join, 7, 4)).await);
    stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    let db = rig.database().await.reader;
    let row = typing::Entity::find().one(&db).await.unwrap().unwrap();
    assert_eq!(row.ends_at, i64::MAX, "never");
    stored(gateway.ask(&command(Leave, 7, 4)).await);
    for kind in [Join, StartTyping, Leave, StopTyping] {
        assert_eq!(next(&mut gateway).await.0, kind);
    }
    persister.stop().await;
}
