//! Chats between two people: who gets in, whoever races, and whom gateways are told that they are for.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use persister::database::Database;
use persister::entity::{chat_seat, user_chat, user_country};
use persister::provision;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use shared::command::{Command, Outcome};
use shared::error_code::ErrorCode::{self, Forbidden, NotJoined};
use shared::event::EventType::{Join, Leave, StartTyping};
use shared::id::{ChatId, UserId};
use shared::policy::ChatType;
use shared::query::{
    Audience, Chat, DirectoryRequest, Heads, HeadsRequest, Page, PageRequest, Reply,
};
use shared::subject;

use crate::support::gateway::{command, stored};
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    of_many_who_race_for_a_private_chat_two_get_in,
    a_place_in_a_private_chat_outlives_the_membership_and_the_owner,
    gateways_are_told_whom_a_private_chat_is_for,
    a_private_chat_is_made_for_two_and_vanishes_without_a_trace,
    private_chats_are_in_their_members_lists_only,
);

const PARTITIONS: u16 = 4;
const RACERS: i64 = 100;
const JOINS_EACH: usize = 4;

fn users(ids: &[i64]) -> std::collections::BTreeSet<UserId> {
    ids.iter().map(|id| (*id).try_into().unwrap()).collect()
}

async fn members(db: &DatabaseConnection, chat: i64) -> Vec<i64> {
    let rows = user_chat::Entity::find()
        .filter(user_chat::Column::ChatId.eq(chat))
        .order_by_asc(user_chat::Column::UserId)
        .all(db)
        .await;
    rows.unwrap().into_iter().map(|row| row.user_id).collect()
}

async fn seats(db: &DatabaseConnection, chat: i64) -> Vec<i64> {
    let rows = chat_seat::Entity::find()
        .filter(chat_seat::Column::ChatId.eq(chat))
        .order_by_asc(chat_seat::Column::UserId)
        .all(db)
        .await;
    rows.unwrap().into_iter().map(|row| row.user_id).collect()
}

async fn audience(gateway: &Gateway, chat: i64) -> Audience {
    let chats = vec![ChatId::try_from(chat).unwrap()];
    let question = HeadsRequest { chats };
    let answer: Reply<Heads> = gateway.question(subject::HEADS, &question).await;
    let mut audience = answer.unwrap().heads.remove(0).audience;
    if let Audience::Members(members) = &mut audience {
        members.sort_unstable();
    }
    audience
}

fn for_members(ids: &[i64]) -> Audience {
    Audience::Members(users(ids).into_iter().collect())
}

/// Sends commands through two gateways while there are two persisters.
async fn of_many_who_race_for_a_private_chat_two_get_in(rig: Rig) {
    let one = rig.persister(PARTITIONS).await;
    let other = rig.persister(PARTITIONS).await;
    let url = rig.database_url.parse().unwrap();
    let db = Database::connect(&url).await.unwrap().writer;
    let private = provision::add_private(&db, "AF", "Two", &users(&[])).await;
    let private = private.unwrap();
    let mut gateways = [rig.gateway(PARTITIONS).await, rig.gateway(PARTITIONS).await];
    let race: Vec<Command> = (0..RACERS)
        .flat_map(|user| (0..JOINS_EACH).map(move |_| command(Join, user + 1, private)))
        .collect();
    let (first, second) = race.split_at(race.len() / 2);
    let sending = join_all(
        first
            .iter()
            .map(|command| gateways[0].send(command))
            .chain(second.iter().map(|command| gateways[1].send(command))),
    );
    // The partition changes hands in the middle of it.
    tokio::join!(sending, one.stop());

    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for (gateway, half) in gateways.iter_mut().zip([first, second]) {
        for command in half {
            let outcome = match gateway.outcome(command.id).await {
                Outcome::Stored(_) => "stored",
                Outcome::Rejected(code) => code.name(),
            };
            *told.entry(outcome).or_default() += 1;
        }
    }
    let already = 2 * (JOINS_EACH - 1);
    let expected = [
        ("stored", 2),
        (ErrorCode::AlreadyJoined.name(), already),
        (Forbidden.name(), race.len() - already - 2),
    ];
    assert_eq!(told, BTreeMap::from(expected));
    let inside = members(&db, private).await;
    assert_eq!((inside.len(), &inside), (2, &seats(&db, private).await));
    other.stop().await;
}

async fn a_place_in_a_private_chat_outlives_the_membership_and_the_owner(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let db = rig.database().await.writer;
    let private = provision::add_private(&db, "AF", "Two", &users(&[7])).await;
    let private = private.unwrap();
    Gateway::expect_rejection(
        gateway.ask(&command(StartTyping, 8, private)).await,
        Forbidden,
    );
    stored(gateway.ask(&command(StartTyping, 7, private)).await);
    stored(gateway.ask(&command(Join, 8, private)).await);
    stored(gateway.ask(&command(Leave, 7, private)).await);
    persister.stop().await;

    let persister = rig.persister(1).await;
    Gateway::expect_rejection(gateway.ask(&command(Join, 9, private)).await, Forbidden);
    Gateway::expect_rejection(gateway.ask(&command(Leave, 9, private)).await, NotJoined);
    Gateway::expect_rejection(
        gateway.ask(&command(StartTyping, 7, private)).await,
        Forbidden,
    );
    stored(gateway.ask(&command(Join, 7, private)).await);
    assert_eq!(members(&db, private).await, [7, 8]);
    persister.stop().await;
}

async fn gateways_are_told_whom_a_private_chat_is_for(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let db = rig.database().await.writer;
    let private = provision::add_private(&db, "AF", "Two", &users(&[])).await;
    let private = private.unwrap();
    assert_eq!(audience(&gateway, 4).await, Audience::Everybody);
    assert_eq!(audience(&gateway, private).await, for_members(&[]));
    for user in [8, 7] {
        stored(gateway.ask(&command(Join, user, private)).await);
    }
    assert_eq!(audience(&gateway, private).await, for_members(&[7, 8]));
    stored(gateway.ask(&command(Leave, 7, private)).await);
    assert_eq!(audience(&gateway, private).await, for_members(&[8]));
    persister.stop().await;
}

async fn a_private_chat_is_made_for_two_and_vanishes_without_a_trace(rig: Rig) {
    let db = rig.database().await.writer;
    let three = provision::add_private(&db, "AF", "Three", &users(&[7, 8, 9])).await;
    assert!(three.is_err());
    let nowhere = provision::add_private(&db, "XX", "Nowhere", &users(&[7])).await;
    assert!(nowhere.is_err());
    assert_eq!(user_country::Entity::find().all(&db).await.unwrap(), []);

    let private = provision::add_private(&db, "af", "Two", &users(&[7, 8])).await;
    let private = private.unwrap();
    assert_eq!(members(&db, private).await, [7, 8]);
    assert_eq!(seats(&db, private).await, [7, 8]);
    let countries = user_country::Entity::find().all(&db).await.unwrap();
    let countries: Vec<_> = countries
        .iter()
        .map(|row| (row.user_id, row.country_code.as_str(), row.chats))
        .collect();
    assert_eq!(countries, [(7, "AF", 1), (8, "AF", 1)]);

    let id = ChatId::try_from(private).unwrap();
    assert!(provision::remove(&db, id).await.unwrap());
    assert_eq!(seats(&db, private).await, [] as [i64; 0]);
    assert_eq!(user_country::Entity::find().all(&db).await.unwrap(), []);
}

async fn private_chats_are_in_their_members_lists_only(rig: Rig) {
    let persister = rig.persister(1).await;
    let gateway = rig.gateway(1).await;
    let db = rig.database().await.writer;
    let private = provision::add_private(&db, "AF", "Two", &users(&[7, 8])).await;
    let private = private.unwrap();
    let list = async |question: DirectoryRequest| {
        let answer: Reply<Page<Chat>> = gateway.question(subject::DIRECTORY, &question).await;
        let rows = answer.unwrap().rows;
        let rows = rows.into_iter().map(|chat| (chat.id.get(), chat.chat_type));
        rows.collect::<Vec<_>>()
    };
    let page = PageRequest {
        after: 0,
        limit: 1_000,
    };
    let chats = |country: Option<&str>| DirectoryRequest::Chats {
        country: country.map(str::to_owned),
        page,
    };
    assert_eq!(list(chats(Some("AF"))).await, [(1, ChatType::Group)]);
    let all = list(chats(None)).await;
    assert_eq!(all.len(), 249);
    assert!(all.iter().all(|(_, kind)| *kind == ChatType::Group));
    for (user, expected) in [(7, Some((private, ChatType::Private))), (9, None)] {
        let user = user.try_into().unwrap();
        let own = list(DirectoryRequest::UserChats { user, page }).await;
        assert_eq!(own, Vec::from_iter(expected));
    }
    persister.stop().await;
}
