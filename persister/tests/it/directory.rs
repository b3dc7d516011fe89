//! Who and what there is, as gateways ask for it.

use persister::provision;
use serde::de::DeserializeOwned;
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping};
use shared::id::UserId;
use shared::policy::ChatType;
use shared::query::{
    Chat, Country, DirectoryRequest, Page, PageRequest, ROWS_MAX, Reply, UserCountry,
};
use shared::subject;

use crate::support::gateway::{command, stored};
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    chats_are_listed_by_id_and_by_country,
    a_chat_tells_its_members_and_its_newest_event,
    members_are_listed_by_user,
    users_are_where_they_joined,
);

async fn ask<A: DeserializeOwned>(gateway: &Gateway, question: &DirectoryRequest) -> Reply<A> {
    gateway.question(subject::DIRECTORY, question).await
}

fn page(after: i64, limit: u64) -> PageRequest {
    PageRequest { after, limit }
}

fn ids(page: &Page<Chat>) -> Vec<i64> {
    page.rows.iter().map(|chat| chat.id.get()).collect()
}

async fn chats_are_listed_by_id_and_by_country(rig: Rig) {
    let persister = rig.persister(1).await;
    let gateway = rig.gateway(1).await;
    let db = rig.database().await.writer;
    let extra = provision::add(&db, "AF", "Extra").await.unwrap();
    let list = async |country: Option<&str>, page| {
        let country = country.map(str::to_owned);
        let answer: Reply<Page<Chat>> =
            ask(&gateway, &DirectoryRequest::Chats { country, page }).await;
        answer.unwrap()
    };
    let first = list(None, page(0, 2)).await;
    assert_eq!((ids(&first), first.more), (vec![1, 2], true));
    let next = list(None, page(2, 2)).await;
    assert_eq!((ids(&next), next.more), (vec![3, 4], true));
    let all = list(None, page(0, u64::MAX)).await;
    assert_eq!((all.rows.len(), all.more), (250, false));
    assert!(all.rows.len() as u64 <= ROWS_MAX);

    let of_country = list(Some("AF"), page(0, 1)).await;
    assert_eq!((ids(&of_country), of_country.more), (vec![1], true));
    let rest = list(Some("AF"), page(1, 1)).await;
    assert_eq!((ids(&rest), rest.more), (vec![extra], false));
    assert!(list(Some("XX"), page(0, 10)).await.rows.is_empty());
    persister.stop().await;
}

async fn a_chat_tells_its_members_and_its_newest_event(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let chat = DirectoryRequest::Chat(1.try_into().unwrap());
    let afghanistan = |members, last_event_id: Option<i64>| Chat {
        id: 1.try_into().unwrap(),
        name: "Afghanistan".to_owned(),
        chat_type: ChatType::Group,
        country: Country {
            code: "AF".to_owned(),
            name: "Afghanistan".to_owned(),
            flag: "af".to_owned(),
        },
        members,
        last_event_id: last_event_id.map(|id| id.try_into().unwrap()),
    };
    assert_eq!(ask(&gateway, &chat).await, Ok(afghanistan(0, None)));
    for author in [7, 8] {
        stored(gateway.ask(&command(Join, author, 1)).await);
    }
    stored(gateway.ask(&command(Leave, 7, 1)).await);
    let newest = stored(gateway.ask(&command(StartTyping, 9, 1)).await);
    assert_eq!(ask(&gateway, &chat).await, Ok(afghanistan(1, Some(newest))));

    let nowhere = DirectoryRequest::Chat(987_654_321.try_into().unwrap());
    let answer: Reply<Chat> = ask(&gateway, &nowhere).await;
    assert_eq!(answer, Err(ErrorCode::ChatNotFound));
    persister.stop().await;
}

async fn members_are_listed_by_user(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    for author in [30, 10, 20] {
        stored(gateway.ask(&command(Join, author, 4)).await);
    }
    let list = async |chat: i64, page| {
        let chat = chat.try_into().unwrap();
        let answer: Reply<Page<UserId>> =
            ask(&gateway, &DirectoryRequest::Members { chat, page }).await;
        answer.map(|page| {
            let users: Vec<_> = page.rows.iter().map(|user| user.get()).collect();
            (users, page.more)
        })
    };
    assert_eq!(list(4, page(0, 2)).await, Ok((vec![10, 20], true)));
    assert_eq!(list(4, page(20, 2)).await, Ok((vec![30], false)));
    assert_eq!(list(4, page(30, 2)).await, Ok((vec![], false)));
    assert_eq!(list(5, page(0, 2)).await, Ok((vec![], false)));
    let nowhere = list(987_654_321, page(0, 2)).await;
    assert_eq!(nowhere, Err(ErrorCode::ChatNotFound));
    persister.stop().await;
}

async fn users_are_where_they_joined(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let db = rig.database().await.writer;
    let extra = provision::add(&db, "AF", "Extra").await.unwrap();
    for chat in [extra, 2, 1] {
        stored(gateway.ask(&command(Join, 7, chat)).await);
    }
    let user = UserId::try_from(7).unwrap();
    let list = async |page| {
        let question = DirectoryRequest::UserChats { user, page };
        let answer: Reply<Page<Chat>> = ask(&gateway, &question).await;
        let page = answer.unwrap();
        (ids(&page), page.more)
    };
    assert_eq!(list(page(0, 2)).await, (vec![1, 2], true));
    assert_eq!(list(page(2, 2)).await, (vec![extra], false));

    let countries: Reply<Vec<UserCountry>> =
        ask(&gateway, &DirectoryRequest::UserCountries(user)).await;
    let countries: Vec<_> = countries
        .unwrap()
        .into_iter()
        .map(|row| (row.country.code, row.chats))
        .collect();
    assert_eq!(countries, [("AF".to_owned(), 2), ("AX".to_owned(), 1)]);
    let stranger = DirectoryRequest::UserCountries(8.try_into().unwrap());
    assert_eq!(
        ask::<Vec<UserCountry>>(&gateway, &stranger).await,
        Ok(vec![])
    );
    persister.stop().await;
}
