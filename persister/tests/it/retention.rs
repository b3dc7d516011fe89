//! Old events are pruned, and nobody takes what is left for the whole.

use std::time::Duration;

use persister::entity::{event, pruned_history, pruning};
use persister::retention::Class;
use persister::store::{AskFor, Store};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::event::EventType::{Join, Leave, StartTyping, StopTyping};
use shared::partition::Partition;
use shared::query::{
    Chat, DirectoryRequest, EventsPage, EventsRequest, Heads, HeadsRequest, Reply,
};
use shared::subject;
use tokio::time::{interval, timeout};

use crate::support::gateway::{command, stored};
use crate::support::wishes::wish;
use crate::support::{Gateway, PATIENCE, Rig, on_both_databases};

on_both_databases!(
    an_owner_prunes_old_typing_and_a_resume_from_before_is_told,
    pruning_goes_step_by_step_and_stops_at_what_is_young,
    each_class_is_pruned_for_itself,
    what_is_not_published_yet_is_not_pruned,
);

const PARTITION: Partition = Partition::new(0);
const WEEK: Duration = Duration::from_hours(7 * 24);

/// Makes all events up to this one eight days old.
async fn age(db: &DatabaseConnection, up_to: i64) {
    let days = Duration::from_hours(8 * 24);
    let micros = shared::clock::now().micros() - i64::try_from(days.as_micros()).unwrap();
    let time: DateTimeUtc = shared::clock::Timestamp::from_micros(micros).to_utc();
    event::Entity::update_many()
        .col_expr(event::Column::EventTime, Expr::value(time))
        .filter(event::Column::Id.lte(up_to))
        .exec(db)
        .await
        .unwrap();
}

async fn kept(db: &DatabaseConnection) -> Vec<i64> {
    event::Entity::find()
        .select_only()
        .column(event::Column::Id)
        .order_by_asc(event::Column::Id)
        .into_tuple()
        .all(db)
        .await
        .unwrap()
}

async fn events_after(gateway: &Gateway, after: i64) -> (Vec<i64>, Option<i64>) {
    let question = EventsRequest {
        chat: 4.try_into().unwrap(),
        after,
        limit: 100,
    };
    let page: Reply<EventsPage> = gateway.question(subject::EVENTS, &question).await;
    let page = page.unwrap();
    let ids = page.events.iter().map(|chained| chained.event.id.get());
    (ids.collect(), page.gone.map(i64::from))
}

async fn an_owner_prunes_old_typing_and_a_resume_from_before_is_told(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    for (kind, author) in [
        (Join, 7),
        (StartTyping, 7),
        (Join, 8),
        (StopTyping, 7),
        (StartTyping, 7),
        (StopTyping, 7),
    ] {
        stored(gateway.ask(&command(kind, author, 4)).await);
        gateway.event().await;
    }
    persister.stop().await;
    let db = rig.database().await.writer;
    age(&db, 5).await;

    let persister = rig.persister(1).await;
    let polling = async {
        let mut tick = interval(Duration::from_millis(20));
        while kept(&db).await != [1, 3, 6] {
            tick.tick().await;
        }
    };
    timeout(PATIENCE, polling).await.expect("old typing goes");
    for (after, events, gone) in [
        (0, vec![1, 3, 6], None),
        (1, vec![3, 6], Some(5)),
        (4, vec![6], Some(5)),
        (5, vec![6], None),
        (6, vec![], None),
    ] {
        assert_eq!(
            events_after(&gateway, after).await,
            (events, gone),
            "{after}"
        );
    }
    // Once the newest event goes too, what comes next still follows it.
    persister.stop().await;
    age(&db, 6).await;
    let persister = rig.persister(1).await;
    let polling = async {
        let mut tick = interval(Duration::from_millis(20));
        while kept(&db).await != [1, 3] {
            tick.tick().await;
        }
    };
    timeout(PATIENCE, polling).await.expect("old typing goes");
    let question = HeadsRequest {
        chats: vec![4.try_into().unwrap()],
    };
    let heads: Reply<Heads> = gateway.question(subject::HEADS, &question).await;
    assert_eq!(heads.unwrap().heads[0].event, 6);
    let question = DirectoryRequest::Chat(4.try_into().unwrap());
    let chat: Reply<Chat> = gateway.question(subject::DIRECTORY, &question).await;
    assert_eq!(chat.unwrap().last_event_id.map(i64::from), Some(6));
    stored(gateway.ask(&command(Leave, 7, 4)).await);
    let (envelope, _) = gateway.event().await;
    assert_eq!((envelope.id.get(), envelope.previous_id), (7, 6));
    persister.stop().await;
}

/// A store whose partition has carried out `starts` times START_TYPING and then a JOIN, all published.
async fn typed(rig: &Rig, starts: i64) -> (Store, DatabaseConnection) {
    let store = rig.store("one", Duration::from_mins(1)).await;
    let mut lease = store.acquire(PARTITION).await.unwrap().unwrap();
    let mut wishes: Vec<_> = (1..=starts)
        .map(|seq| wish(seq, StartTyping, 7, 4))
        .collect();
    wishes.push(wish(starts + 1, Join, 7, 4));
    for batch in wishes.chunks(256) {
        store
            .commit(&mut lease, batch, AskFor::Likely)
            .await
            .unwrap();
    }
    lease.published.seq = starts + 1;
    store.renew(&lease).await.unwrap();
    (store, rig.database().await.writer)
}

async fn pruning_goes_step_by_step_and_stops_at_what_is_young(rig: Rig) {
    let (store, db) = typed(&rig, 600).await;
    age(&db, 550).await;
    let mut steps = Vec::new();
    for _ in 0..3 {
        let step = store.prune(PARTITION, Class::Typing, WEEK).await.unwrap();
        steps.push((step.pruned, step.more));
    }
    assert_eq!(steps, [(500, true), (50, false), (0, false)]);
    assert_eq!(kept(&db).await, (551..=601).collect::<Vec<_>>());
    let histories = pruned_history::Entity::find().all(&db).await.unwrap();
    assert_eq!(
        histories,
        [pruned_history::Model {
            chat_id: 4,
            through: 550
        }]
    );
}

async fn each_class_is_pruned_for_itself(rig: Rig) {
    let (store, db) = typed(&rig, 3).await;
    age(&db, 4).await;
    let step = store.prune(PARTITION, Class::Membership, WEEK).await;
    assert_eq!(step.unwrap().pruned, 1);
    assert_eq!(kept(&db).await, [1, 2, 3]);
    let step = store.prune(PARTITION, Class::Typing, WEEK).await;
    assert_eq!(step.unwrap().pruned, 3);
    let histories = pruned_history::Entity::find().all(&db).await.unwrap();
    assert_eq!(histories[0].through, 4, "it never goes back");
    let prunings = pruning::Entity::find().all(&db).await.unwrap();
    assert_eq!(prunings.len(), 2);
}

async fn what_is_not_published_yet_is_not_pruned(rig: Rig) {
    let store = rig.store("one", Duration::from_mins(1)).await;
    let mut lease = store.acquire(PARTITION).await.unwrap().unwrap();
    let starts: Vec<_> = (1..=3).map(|seq| wish(seq, StartTyping, 7, 4)).collect();
    store
        .commit(&mut lease, &starts, AskFor::Likely)
        .await
        .unwrap();
    lease.published.seq = 2;
    store.renew(&lease).await.unwrap();
    let db = rig.database().await.writer;
    age(&db, 3).await;
    let step = store.prune(PARTITION, Class::Typing, WEEK).await;
    assert_eq!(step.unwrap().pruned, 2);
    assert_eq!(kept(&db).await, [3]);
}
