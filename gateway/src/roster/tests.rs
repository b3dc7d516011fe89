use std::collections::HashSet;
use std::time::Duration;

use super::weigh::Weight;
use super::*;
use crate::client_address::ClientAddress;
use crate::outbound::{Delivery, EventMessage, Outbound};
use crate::stomp::Version;

fn chat(id: i64) -> shared::id::ChatId {
    id.try_into().unwrap()
}

fn user(id: i64) -> shared::id::UserId {
    id.try_into().unwrap()
}

fn guest(roster: &Roster, address: &str) -> Listed {
    let client = ClientAddress(address.parse().unwrap());
    let outbound = Arc::new(Outbound::new(1_000));
    roster.enter(Entry::new(Uuid::new_v4(), client, "websocket", outbound))
}

/// All pages of so many rows.
async fn all(roster: &Roster, filter: &Filter, limit: usize) -> Vec<SessionRow> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = roster.page(filter, after, limit).await;
        assert!(page.rows.len() <= limit);
        rows.extend(page.rows);
        match page.next {
            Some(next) => after = Some(next.parse().unwrap()),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn pages_hold_every_session_once_however_they_are_cut() {
    let roster = Roster::default();
    let guests: Vec<_> = (0..500).map(|_| guest(&roster, "10.0.0.1")).collect();
    let ids: HashSet<_> = guests.iter().map(|guest| guest.name()).collect();
    for limit in [1, 7, 499, 500, ROWS_MAX] {
        let rows = all(&roster, &Filter::default(), limit).await;
        assert_eq!(rows.len(), 500, "by {limit}");
        let listed: HashSet<_> = rows.into_iter().map(|row| row.id).collect();
        assert_eq!(listed, ids);
    }
    drop(guests);
    assert!(all(&roster, &Filter::default(), 10).await.is_empty());
}

#[tokio::test]
async fn a_filter_passes_what_matches_all_of_it() {
    let roster = Roster::default();
    let [first, second, third] =
        ["10.0.0.1", "10.0.0.2", "2001:db8::1"].map(|address| guest(&roster, address));
    first.let_in(Version::V1_2, Some(user(1)));
    second.let_in(Version::V1_1, Some(user(1)));
    third.let_in(Version::V1_0, None);
    first.subscribed(1, chat(4));
    first.subscribed(2, chat(5));
    third.subscribed(1, chat(4));
    let check = async |user: Option<i64>, chat: Option<i64>, address: Option<&str>| {
        let filter = Filter {
            user: user.map(|id| id.try_into().unwrap()),
            chat: chat.map(|id| id.try_into().unwrap()),
            address: address.map(|address| network(address).unwrap()),
        };
        let rows = all(&roster, &filter, 2).await;
        let mut addresses: Vec<_> = rows.iter().map(|row| row.address.to_string()).collect();
        addresses.sort();
        addresses
    };
    assert_eq!(check(None, None, None).await.len(), 3);
    assert_eq!(check(Some(1), None, None).await, ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(check(Some(1), Some(4), None).await, ["10.0.0.1"]);
    assert_eq!(
        check(None, Some(4), None).await,
        ["10.0.0.1", "2001:db8::1"]
    );
    assert_eq!(check(None, None, Some("10.0.0.2")).await, ["10.0.0.2"]);
    assert_eq!(
        check(None, None, Some("2001:db8::/32")).await,
        ["2001:db8::1"]
    );
    assert!(check(Some(2), None, None).await.is_empty());
    first.unsubscribed(1);
    assert_eq!(check(None, Some(4), None).await, ["2001:db8::1"]);
    assert_eq!(first.take_chats(), [(2, chat(5))]);
    assert!(check(None, Some(5), None).await.is_empty());
    assert!(network("10.0.0.300").is_err());
}

#[tokio::test(start_paused = true)]
async fn who_is_dismissed_hears_of_it_even_later() {
    let roster = Roster::default();
    let guest = guest(&roster, "10.0.0.1");
    let wait = Duration::from_secs(1);
    assert!(tokio::time::timeout(wait, guest.dismissed()).await.is_err());
    roster.find(guest.id).unwrap().dismiss();
    guest.dismissed().await;
    let id = guest.id;
    drop(guest);
    assert!(roster.find(id).is_none());
}

#[tokio::test]
async fn what_waits_for_clients_is_summed_up() {
    let roster = Roster::default();
    let guests = [1, 2].map(|_| guest(&roster, "10.0.0.1"));
    let event = 1.try_into().unwrap();
    let push = |guest: &Listed, octets: usize| {
        let message = EventMessage::replayed(vec![0; octets].into(), event);
        let delivery = Delivery::of(message);
        guest.outbound.push_events(Arc::new(delivery), 1);
    };
    push(&guests[0], 100);
    push(&guests[1], 30);
    push(&guests[1], 50);
    let expected = Weight {
        all: 180,
        largest: 100,
    };
    assert_eq!(roster.weight().await, expected);
}
