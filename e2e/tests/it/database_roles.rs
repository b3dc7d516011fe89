//! PostgreSQL with the roles of `deploy/postgres/roles.sql`, passwords in files, and TLS that is checked.

use std::ffi::OsString;
use std::path::Path;

use local::postgres::{Durability, PostgresServer, PostgresSpec};
use local::{preflight, tools};
use rustix::fs::{Gid, Uid, chown};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::support::certificates::{Authority, Certified};
use crate::support::secured::Secured;
use crate::support::stomp::{Answer, Client};
use crate::support::world::open_folder;

const ROLES: &str = include_str!("../../../deploy/postgres/roles.sql");
const MIGRATE_PASSWORD: &str = "m1gr@te:/?";
const RUN_PASSWORD: &str = "run%run";

#[tokio::test]
async fn the_role_that_runs_may_not_change_the_schema() {
    let folder = open_folder();
    let authority = Authority::new(folder.path(), "database-authority");
    let strangers = Authority::new(folder.path(), "strangers");
    let port = preflight::free_port().unwrap();
    let postgres = postgres(folder.path(), &authority.vouch_for("postgres"), port).await;
    let socket = postgres.socket();
    let socket = socket.parent().unwrap().display();
    let superuser = format!("postgres://chat@localhost:{port}/chat?host={socket}");
    let mut create = Database::connect(superuser.replace("/chat?", "/postgres?"))
        .await
        .unwrap();
    run(&create, "CREATE DATABASE chat").await.unwrap();
    create = Database::connect(&superuser).await.unwrap();
    for (variable, password) in [
        (":'migrate_password'", MIGRATE_PASSWORD),
        (":'run_password'", RUN_PASSWORD),
    ] {
        // psql sets these, and quotes them.
        assert!(ROLES.contains(variable), "{variable}");
        assert!(!password.contains('\''));
    }
    let roles = ROLES
        .replace(":'migrate_password'", &format!("'{MIGRATE_PASSWORD}'"))
        .replace(":'run_password'", &format!("'{RUN_PASSWORD}'"));
    run(&create, &roles).await.unwrap();

    let secured = Secured::start(folder, "").await;
    let database = |role: &str, password: &str, authority: &Authority| {
        let file = format!("{role}.{}", password.len());
        let file = secured.folder.path().join(file);
        std::fs::write(&file, password).unwrap();
        let url = format!(
            "postgres://{role}@localhost:{port}/chat?sslmode=verify-full&sslrootcert={}",
            authority.file.display()
        );
        [
            "--database-url",
            &url,
            "--database-password-file",
            &file.display().to_string(),
        ]
        .map(str::to_owned)
    };
    let migrate = |arguments: [String; 4]| {
        let mut args = vec!["migrate".to_owned()];
        args.extend(arguments);
        args
    };

    for (arguments, why) in [
        (database("chat_migrate", "wrong", &authority), "password"),
        (
            database("chat_migrate", MIGRATE_PASSWORD, &strangers),
            "certificate",
        ),
        (
            database("chat_run", RUN_PASSWORD, &authority),
            "permission denied",
        ),
    ] {
        let output = secured.run_to_end("persister", migrate(arguments)).await;
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(
            !output.status.success() && said.contains(why),
            "{why}: {said}"
        );
        assert!(!said.contains(MIGRATE_PASSWORD), "{said}");
    }

    // One that may not migrate waits until somebody did.
    let mut args = secured.identity("persister");
    args.push("--no-migrate".to_owned());
    args.extend(database("chat_run", RUN_PASSWORD, &authority));
    let mut spec = secured.spec("persister", 1, args);
    spec.env = Vec::new();
    let starting = secured.ready(spec);
    let migrating = async {
        let arguments = migrate(database("chat_migrate", MIGRATE_PASSWORD, &authority));
        let output = secured.run_to_end("persister", arguments).await;
        assert!(output.status.success(), "{output:?}");
    };
    let (_persister, ()) = tokio::join!(starting, migrating);

    let as_gateway = secured.identity("gateway");
    let gateway = secured.ready(secured.spec("gateway", 1, as_gateway)).await;
    let mut client = Client::connect(gateway.listen()).await;
    assert_eq!(client.ask("joinChat", 1, 1).await, Answer::Receipt);
    assert_eq!(client.ask("leaveChat", 1, 1).await, Answer::Receipt);

    let as_run = format!(
        "postgres://chat_run:{}@localhost:{port}/chat?sslmode=verify-full&sslrootcert={}",
        RUN_PASSWORD.replace('%', "%25"),
        authority.file.display()
    );
    let as_run = Database::connect(as_run).await.unwrap();
    for forbidden in [
        "DROP TABLE events",
        "ALTER TABLE events ADD COLUMN x int",
        "CREATE TABLE mine (x int)",
        "TRUNCATE events",
    ] {
        let error = run(&as_run, forbidden).await.unwrap_err().to_string();
        assert!(
            error.contains("permission denied") || error.contains("must be owner"),
            "{forbidden}: {error}"
        );
    }
}

/// A server that wants passwords and TLS of everybody who comes over the network.
async fn postgres(folder: &Path, certified: &Certified, port: u16) -> PostgresServer {
    let spec = PostgresSpec {
        programs: tools::find_postgres().unwrap(),
        data: folder.join("cluster"),
        logs: folder.to_owned(),
        durability: Durability::ProcessLoss,
        listener: None,
    };
    PostgresServer::start_with(spec, |data| {
        std::fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
        )?;
        // PostgreSQL wants the key to be its own, and nobody else's.
        let owner = std::fs::metadata(data)?;
        for (from, name) in [
            (&certified.certificate, "server.crt"),
            (&certified.key, "server.key"),
        ] {
            let file = data.join(name);
            std::fs::copy(from, &file)?;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
            chown(
                &file,
                Some(Uid::from_raw(owner.uid())),
                Some(Gid::from_raw(owner.gid())),
            )?;
        }
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            "ssl=on".to_owned(),
        ];
        Ok(settings
            .into_iter()
            .flat_map(|setting| [OsString::from("-c"), setting.into()])
            .collect())
    })
    .await
    .unwrap()
}

async fn run(db: &DatabaseConnection, sql: &str) -> Result<(), sea_orm::DbErr> {
    db.execute_unprepared(sql).await.map(drop)
}
