//! What another server had, and what comes after it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use persister::database::{Database, fix_partitions, migrate};
use persister::entity::{chat, event, user_chat, user_country};
use persister::import::{Count, Summary, import};
use persister::provision;
use sea_orm::{DatabaseConnection, EntityTrait, PaginatorTrait, QueryOrder};
use shared::error_code::ErrorCode;
use shared::event::EventType;
use shared::partition::PartitionCount;
use tempfile::NamedTempFile;

use crate::support::gateway::{command, stored};
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    what_was_before_stays_and_what_comes_follows_it,
    a_private_chat_comes_with_the_places_of_its_members,
    importing_again_goes_on_where_it_broke_off_and_then_changes_nothing,
    a_file_with_a_fault_changes_nothing,
    a_dry_run_counts_the_same_and_writes_nothing,
    an_import_keeps_clear_of_persisters,
);

/// Chat 4 is another country's in a new database; Aruba's chat is 13 there.
const CHATS: [&str; 3] = [
    r#"{"chat":{"id":4,"name":"Ukraine","country":"UA"}}"#,
    r#"{"chat":{"id":5,"name":"Kyiv walks","country":"UA"}}"#,
    r#"{"chat":{"id":300,"name":"Aruba","country":"AW"}}"#,
];

const MEMBERS: [&str; 4] = [
    r#"{"member":{"userId":1,"chatId":4}}"#,
    r#"{"member":{"userId":2,"chatId":4}}"#,
    r#"{"member":{"userId":1,"chatId":5}}"#,
    r#"{"member":{"userId":1,"chatId":300}}"#,
];

/// User 2 never stopped typing; user 1 did.
const EVENTS: [(i64, i64, i64, &str); 6] = [
    (37, 1, 4, "JOIN"),
    (38, 2, 4, "JOIN"),
    (39, 1, 4, "START_TYPING"),
    (41, 2, 4, "START_TYPING"),
    (42, 1, 4, "STOP_TYPING"),
    (43, 1, 300, "JOIN"),
];

const FOUR: u16 = 4;

fn four() -> PartitionCount {
    FOUR.try_into().unwrap()
}

fn event_line((id, author, chat, kind): (i64, i64, i64, &str)) -> String {
    format!(
        r#"{{"event":{{"id":{id},"authorId":{author},"chatId":{chat},"eventType":"{kind}","eventTime":"2024-08-11T08:50:59.60719"}}}}"#
    )
}

fn whole() -> Vec<String> {
    let mut lines: Vec<String> = CHATS
        .iter()
        .chain(&MEMBERS)
        .map(ToString::to_string)
        .collect();
    lines.extend(EVENTS.map(event_line));
    lines.push(r#"{"end":{"chats":3,"members":4,"events":6}}"#.to_owned());
    lines
}

fn file(lines: &[String]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
    file.flush().unwrap();
    file
}

/// The database, migrated and otherwise new.
async fn fresh(rig: &Rig) -> DatabaseConnection {
    let url = rig.database_url.parse().unwrap();
    migrate(&url).await.unwrap();
    Database::connect(&url).await.unwrap().writer
}

async fn bring(db: &DatabaseConnection, path: &Path) -> Result<Summary, String> {
    let imported = import(db, four(), path, false).await;
    imported.map_err(|error| format!("{error:#}"))
}

const fn count(written: u64, there: u64) -> Count {
    Count { written, there }
}

async fn events(db: &DatabaseConnection) -> Vec<event::Model> {
    let all = event::Entity::find().order_by_asc(event::Column::Id);
    all.all(db).await.unwrap()
}

async fn countries(db: &DatabaseConnection) -> BTreeMap<(i64, String), i32> {
    let rows = user_country::Entity::find().all(db).await.unwrap();
    rows.into_iter()
        .map(|row| ((row.user_id, row.country_code), row.chats))
        .collect()
}

async fn what_was_before_stays_and_what_comes_follows_it(rig: Rig) {
    let db = fresh(&rig).await;
    let whole = file(&whole());
    let summary = bring(&db, whole.path()).await.unwrap();
    assert_eq!(
        summary,
        Summary {
            chats: count(3, 0),
            // Those of Ukraine (4 and 5 are other countries', which the file's chats took over) and Aruba.
            displaced: 2,
            added: 2,
            members: count(4, 0),
            events: count(6, 0),
            ids_above: 47,
        }
    );
    let chats = chat::Entity::find().all(&db).await.unwrap();
    assert_eq!(chats.len(), 249 - 2 + 1 + 2);
    let of = |code: &str| {
        let of = chats.iter().filter(|chat| chat.country_code == code);
        let mut ids: Vec<i64> = of.map(|chat| chat.id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!((of("UA"), of("AW")), (vec![4, 5], vec![300]));
    // Whose chats 4 and 5 were.
    assert_eq!([of("DZ"), of("AS")].concat().len(), 2);
    assert!(provision::add(&db, "UA", "Lviv").await.unwrap() > 302);
    let expected = [((1, "AW"), 1), ((1, "UA"), 2), ((2, "UA"), 1)];
    let expected = expected.map(|((user, code), chats)| ((user, code.to_owned()), chats));
    assert_eq!(countries(&db).await, expected.into());
    let chain: Vec<_> = (events(&db).await.iter())
        .map(|event| (event.id, event.previous_id))
        .collect();
    let expected = [(37, 0), (38, 37), (39, 38), (41, 39), (42, 41), (43, 0)];
    assert_eq!(chain, expected);

    let mut gateway = Gateway::connect(&rig.nats.url(), FOUR).await;
    let _persister = rig.persister(FOUR).await;
    // Nobody else would ever say so.
    let (envelope, stopped) = gateway.event().await;
    assert_eq!(stopped.event_type, EventType::StopTyping);
    assert_eq!(stopped.author_id.get(), 2);
    assert!(
        stopped.id.get() > 47 && envelope.previous_id == 42,
        "{envelope:?}"
    );
    let joined = stored(gateway.ask(&command(EventType::Join, 3, 4)).await);
    assert!(joined > stopped.id.get());
    let (envelope, _) = gateway.event().await;
    assert_eq!(envelope.previous_id, stopped.id.get());
    let again = gateway.ask(&command(EventType::Join, 1, 4)).await;
    Gateway::expect_rejection(again, ErrorCode::AlreadyJoined);
    // The last of two, so that the country stays until then.
    for (chat, left) in [(4, Some(1)), (5, None)] {
        stored(gateway.ask(&command(EventType::Leave, 1, chat)).await);
        let key = (1, "UA".to_owned());
        assert_eq!(countries(&db).await.get(&key).copied(), left);
    }
}

async fn a_private_chat_comes_with_the_places_of_its_members(rig: Rig) {
    let db = fresh(&rig).await;
    let lines = [
        r#"{"chat":{"id":300,"name":"Two","country":"AW","chatType":"PRIVATE"}}"#,
        MEMBERS[3],
        r#"{"member":{"userId":2,"chatId":300}}"#,
        r#"{"end":{"chats":1,"members":2,"events":0}}"#,
    ];
    let two = file(&lines.map(str::to_owned));
    for (written, there) in [(2, 0), (0, 2)] {
        let summary = bring(&db, two.path()).await.unwrap();
        assert_eq!(summary.members, count(written, there));
    }
    let open = lines.map(|line| line.replace(r#","chatType":"PRIVATE""#, ""));
    let why = bring(&db, file(&open).path()).await.unwrap_err();
    let said = "chat 300 is in use in this database, a PRIVATE of AW, and not a GROUP of AW";
    assert!(why.contains(said), "{why}");

    let mut gateway = Gateway::connect(&rig.nats.url(), FOUR).await;
    let persister = rig.persister(FOUR).await;
    stored(gateway.ask(&command(EventType::Leave, 1, 300)).await);
    let third = gateway.ask(&command(EventType::Join, 3, 300)).await;
    Gateway::expect_rejection(third, ErrorCode::Forbidden);
    stored(gateway.ask(&command(EventType::Join, 1, 300)).await);
    persister.stop().await;
}

/// More than two transactions of events, and of members.
const MANY: i64 = 2_500;

fn many() -> Vec<String> {
    let mut lines = vec![CHATS[0].to_owned()];
    lines.extend((1..=MANY).map(|user| format!(r#"{{"member":{{"userId":{user},"chatId":4}}}}"#)));
    lines.extend((1..=MANY).map(|id| event_line((id, id, 4, "JOIN"))));
    lines.push(format!(
        r#"{{"end":{{"chats":1,"members":{MANY},"events":{MANY}}}}}"#
    ));
    lines
}

async fn importing_again_goes_on_where_it_broke_off_and_then_changes_nothing(rig: Rig) {
    let db = fresh(&rig).await;
    let many = file(&many());
    let all = u64::try_from(MANY).unwrap();
    // Something in the way of the last transaction, in a chat that the file has not.
    let obstacle = event::ActiveModel {
        id: sea_orm::Set(2_400),
        command_id: sea_orm::Set(uuid::Uuid::now_v7()),
        author_id: sea_orm::Set(1),
        chat_id: sea_orm::Set(200),
        event_type: sea_orm::Set(1),
        event_time: sea_orm::Set(shared::clock::now().to_utc()),
        previous_id: sea_orm::Set(0),
    };
    event::Entity::insert(obstacle).exec(&db).await.unwrap();
    let said = bring(&db, many.path()).await.unwrap_err();
    assert!(
        said.contains("event 2400 is in the database already"),
        "{said}"
    );
    assert_eq!(event::Entity::find().count(&db).await.unwrap(), 2_001);

    event::Entity::delete_by_id(2_400).exec(&db).await.unwrap();
    let summary = bring(&db, many.path()).await.unwrap();
    assert_eq!(summary.members, count(0, all));
    assert_eq!(summary.events, count(all - 2_000, 2_000));
    let before = (events(&db).await, countries(&db).await);
    assert_eq!(before.0.len() as u64, all);
    assert!(
        before
            .0
            .iter()
            .all(|event| event.previous_id == event.id - 1)
    );

    let summary = bring(&db, many.path()).await.unwrap();
    assert_eq!(summary.chats, count(0, 1));
    assert_eq!((summary.displaced, summary.added), (0, 0));
    assert_eq!(summary.members, count(0, all));
    assert_eq!(summary.events, count(0, all));
    assert_eq!((events(&db).await, countries(&db).await), before);
    assert_eq!(chat::Entity::find().count(&db).await.unwrap(), 249);
}

async fn a_file_with_a_fault_changes_nothing(rig: Rig) {
    let db = fresh(&rig).await;
    let before = chat::Entity::find().all(&db).await.unwrap();
    let whole = whole();
    let with = |number: usize, line: &str| {
        let mut lines = whole.clone();
        line.clone_into(&mut lines[number - 1]);
        lines
    };
    let cut = whole[..whole.len() - 2].to_vec();
    let elsewhere = event_line((44, 1, 6, "JOIN"));
    for (lines, said) in [
        (with(3, "{"), "line 3: EOF while parsing"),
        (with(13, &elsewhere), "line 13: the file has no chat 6"),
        (
            with(6, MEMBERS[0]),
            "line 6: members must be in ascending order",
        ),
        (
            with(14, r#"{"end":{"chats":3,"members":4,"events":7}}"#),
            "line 14: the file is not whole",
        ),
        (cut, "line 12: the file is not whole"),
    ] {
        let error = bring(&db, file(&lines).path()).await.unwrap_err();
        assert!(error.starts_with(said), "{error}");
    }
    assert_eq!(chat::Entity::find().all(&db).await.unwrap(), before);
    assert_eq!(user_chat::Entity::find().count(&db).await.unwrap(), 0);
    assert_eq!(event::Entity::find().count(&db).await.unwrap(), 0);
}

async fn a_dry_run_counts_the_same_and_writes_nothing(rig: Rig) {
    let db = fresh(&rig).await;
    let whole = file(&whole());
    let would = import(&db, four(), whole.path(), true).await.unwrap();
    assert_eq!(event::Entity::find().count(&db).await.unwrap(), 0);
    assert_eq!(user_chat::Entity::find().count(&db).await.unwrap(), 0);
    assert_eq!(chat::Entity::find().count(&db).await.unwrap(), 249);
    // Not even the number of partitions is fixed.
    fix_partitions(&db, four()).await.unwrap();
    let done = bring(&db, whole.path()).await.unwrap();
    assert_eq!(done, would);
}

async fn an_import_keeps_clear_of_persisters(rig: Rig) {
    let db = fresh(&rig).await;
    let whole = file(&whole());
    let persister = rig.persister(FOUR).await;
    let said = bring(&db, whole.path()).await.unwrap_err();
    assert!(said.contains("stop every persister first"), "{said}");
    let mut gateway = Gateway::connect(&rig.nats.url(), FOUR).await;
    stored(gateway.ask(&command(EventType::Join, 1, 1)).await);
    persister.stop().await;
    for dry_run in [false, true] {
        let imported = import(&db, four(), whole.path(), dry_run).await;
        let said = format!("{:#}", imported.unwrap_err());
        assert!(said.contains("has carried out commands already"), "{said}");
    }
    assert_eq!(user_chat::Entity::find().count(&db).await.unwrap(), 1);
}

#[tokio::test]
async fn the_program_says_what_was_done_or_which_line_is_wrong() {
    let rig = Rig::start(crate::support::Kind::Sqlite).await;
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_persister"))
            .args(arguments)
            .args(["--database-url", &rig.database_url])
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let whole_file = file(&whole());
    let path = whole_file.path().to_str().unwrap();
    let (code, said) = run(&["import", path]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`persister migrate`"), "{said}");
    assert_eq!(run(&["migrate"]).0, Some(0));

    let mut lines = whole();
    lines[8] = "no JSON".to_owned();
    let broken = file(&lines);
    let broken = broken.path().to_str().unwrap();
    let (code, said) = run(&["import", "--dry-run", broken]);
    assert_eq!(code, Some(1), "{said}");
    let expected = format!("persister: {broken}: line 9: expected value (column ");
    assert!(said.starts_with(&expected), "{said}");

    let (code, said) = run(&["import", path]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.starts_with("chats        3 written, 0 there already\n"),
        "{said}"
    );
    assert_eq!(run(&["import", "--partitions", "2", path]).0, Some(64));
    assert_eq!(run(&["import", "nowhere.ndjson"]).0, Some(1));
}
