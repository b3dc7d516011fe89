//! `docs/migration.md`: its export, run against a database of the Spring server, makes a file that can be imported.

use std::io::Write;
use std::process::Command;

use persister::database::{Database, migrate};
use persister::import::{Count, import};
use sea_orm::{ConnectionTrait, Database as SeaOrm};

use crate::support::postgres;

const PAGE: &str = include_str!("../../../docs/migration.md");

/// The tables that the page names, as Flyway and Hibernate make them.
const TABLES: &str = "
    CREATE TABLE countries (name varchar(255) PRIMARY KEY, flag_code varchar(255) NOT NULL UNIQUE);
    CREATE TABLE chats (id bigserial PRIMARY KEY, name varchar(255),
        country_name varchar(255) REFERENCES countries (name));
    CREATE TABLE user_chats (id bigserial PRIMARY KEY, user_id bigint NOT NULL,
        chat_id bigint NOT NULL REFERENCES chats (id));
    CREATE TABLE events (id bigserial PRIMARY KEY, user_id bigint NOT NULL,
        chat_id bigint NOT NULL REFERENCES chats (id), event_type varchar(255), event_time timestamp(6) NOT NULL);
    INSERT INTO countries VALUES ('Ukraine', 'ua'), ('Côte d''Ivoire', 'ci');
    INSERT INTO chats VALUES (7, 'Côte d''Ivoire \"main\" \\ 1', 'Côte d''Ivoire'), (4, 'Ukraine', 'Ukraine');
    INSERT INTO user_chats (user_id, chat_id) VALUES (2, 4), (1, 7), (1, 4), (1, 4);
    INSERT INTO events VALUES
        (40, 1, 4, 'STOPPED_TYPING', '2024-08-11 08:58:07'),
        (37, 1, 4, 'JOIN', '2024-08-11 08:50:59.607196'),
        (38, 2, 4, 'JOIN', '2024-08-11 08:55:05.42974'),
        (39, 1, 4, 'TYPING', '2024-08-11 08:56:53.411722');
";

/// What goes over the wire, as the old server sent it.
const JOINED: &str = r#"{"id":37,"authorId":1,"chatId":4,"eventType":"JOIN","eventTime":"2024-08-11T08:50:59.607196"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_exports_is_imported() {
    let old = postgres::shared().new_database().await;
    let tables = SeaOrm::connect(&old).await.unwrap();
    tables.execute_unprepared(TABLES).await.unwrap();
    let export = export(&old);
    // As the page shows it, but for blanks.
    assert!(
        export
            .replace(" : ", ":")
            .replace(", \"", ",\"")
            .contains(JOINED),
        "{export}"
    );

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(export.as_bytes()).unwrap();
    let url = postgres::shared().new_database().await.parse().unwrap();
    migrate(&url).await.unwrap();
    let db = Database::connect(&url).await.unwrap().writer;
    let summary = import(&db, 8.try_into().unwrap(), file.path(), false).await;
    let summary = summary
        .map_err(|error| format!("{error:#}\n{export}"))
        .unwrap();
    let written = |written| Count { written, there: 0 };
    assert_eq!(summary.chats, written(2));
    assert_eq!(summary.members, written(3));
    assert_eq!(summary.events, written(4));

    // A chat of no country is not lost in silence.
    let nowhere = "INSERT INTO chats VALUES (9, 'Nowhere', NULL)";
    tables.execute_unprepared(nowhere).await.unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(self::export(&old).as_bytes()).unwrap();
    let refused = import(&db, 8.try_into().unwrap(), file.path(), true).await;
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("should have 3 chats"), "{said}");
}

/// What psql makes of the page's SQL.
fn export(url: &str) -> String {
    let (_, block) = PAGE.split_once("```sql\n").unwrap();
    let (sql, _) = block.split_once("\n```").unwrap();
    let mut script = tempfile::NamedTempFile::new().unwrap();
    script.write_all(sql.as_bytes()).unwrap();
    // With the arguments that its first line gives.
    assert!(sql.starts_with("-- psql -XAtq -v ON_ERROR_STOP=1 -f export.sql "));
    let output = Command::new("psql")
        .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(script.path())
        .arg(url)
        .env("PGCLIENTENCODING", "UTF8")
        .output()
        .expect("psql comes with PostgreSQL's server programs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
