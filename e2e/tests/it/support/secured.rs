//! A NATS server with the users and permissions of `deploy/`, and daemons that connect to it as one of them.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use local::daemon::{Daemon, DaemonSpec};
use local::nats::{NatsExtras, NatsServer};
use local::preflight;
use local::system::sqlite_url;
use tempfile::TempDir;
use tokio::sync::{SemaphorePermit, mpsc};

use super::within;
use super::world::{built, permit, programs};

/// Events of a connection that wait for the test.
const EVENTS_MAX: usize = 1_000;

/// How long a process that was to end by itself may take.
const END_MAX: Duration = Duration::from_secs(30);

/// The users of `deploy/nats/authorization.conf`. Each has its own password.
pub(crate) const USERS: [&str; 3] = ["gateway", "persister", "operator"];

/// Who may do what, as deployed.
pub(crate) const AUTHORIZATION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../deploy/nats/authorization.conf"
);

/// The server and a folder for those who use it. Fields in the order in which they must go.
pub(crate) struct Secured {
    pub(crate) nats: NatsServer,
    pub(crate) folder: TempDir,
    _permit: SemaphorePermit<'static>,
}

impl Secured {
    /// Starts it, with more configuration.
    pub(crate) async fn start(folder: TempDir, config: &str) -> Self {
        let store = folder.path().join("nats");
        std::fs::create_dir(&store).unwrap();
        std::fs::copy(AUTHORIZATION, store.join("authorization.conf")).unwrap();
        Self::start_with(folder, &format!("include authorization.conf\n{config}")).await
    }

    /// Starts it with this configuration, which may ask for the passwords of [`USERS`].
    pub(crate) async fn start_with(folder: TempDir, config: &str) -> Self {
        let permit = permit().await;
        for user in USERS {
            std::fs::write(folder.path().join(user), password(user) + "\n").unwrap();
        }
        let extras = NatsExtras {
            config: config.to_owned(),
            env: vec![
                ("NATS_GATEWAY_PASSWORD", password("gateway")),
                ("NATS_PERSISTER_PASSWORD", password("persister")),
                ("NATS_OPERATOR_PASSWORD", password("operator")),
            ],
        };
        let nats = NatsServer::start_with(
            &programs().nats_server,
            preflight::free_port().unwrap(),
            &folder.path().join("nats"),
            folder.path(),
            None,
            extras,
        )
        .await
        .unwrap();
        Self {
            nats,
            folder,
            _permit: permit,
        }
    }

    /// The file with a user's password.
    pub(crate) fn password_file(&self, user: &str) -> PathBuf {
        self.folder.path().join(user)
    }

    /// Arguments of whoever connects as this user.
    pub(crate) fn identity(&self, user: &str) -> Vec<String> {
        let file = self.password_file(user).display().to_string();
        [
            "--nats-url",
            &self.nats.url(),
            "--nats-user",
            user,
            "--nats-password-file",
            &file,
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// A daemon, with more arguments. A persister stores into a file.
    pub(crate) fn spec(&self, kind: &'static str, number: u16, more: Vec<String>) -> DaemonSpec {
        let mut args = match kind {
            "gateway" => ["--auth", "open"].map(str::to_owned).to_vec(),
            _ => vec!["run".to_owned()],
        };
        args.extend(more);
        DaemonSpec {
            kind,
            number,
            program: built(kind),
            args,
            env: vec![("DATABASE_URL", self.database_url())],
            listen: (kind == "gateway").then_some(([127, 0, 0, 1], 0).into()),
            logs: self.folder.path().to_owned(),
            listener: None,
        }
    }

    pub(crate) fn database_url(&self) -> String {
        sqlite_url(&self.folder.path().join("persister.db")).unwrap()
    }

    /// Starts a daemon and waits until it is ready.
    pub(crate) async fn ready(&self, spec: DaemonSpec) -> Daemon {
        let daemon = Daemon::start(spec).await.unwrap();
        daemon.wait_ready().await.unwrap();
        daemon
    }

    /// Runs a program that ends by itself, and says how.
    pub(crate) async fn run_to_end(&self, program: &str, args: Vec<String>) -> Output {
        let child = tokio::process::Command::from({
            let mut command = Command::new(built(program));
            command
                .args(args)
                .env("DATABASE_URL", self.database_url())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command
        })
        .kill_on_drop(true)
        .spawn()
        .unwrap();
        let output = tokio::time::timeout(END_MAX, child.wait_with_output()).await;
        output
            .unwrap_or_else(|_| panic!("{program} still runs after {END_MAX:?}"))
            .unwrap()
    }

    /// A connection as one of the users, with what NATS says about it.
    pub(crate) async fn client(&self, user: &str) -> (Client, mpsc::Receiver<Event>) {
        let (events, said) = mpsc::channel(EVENTS_MAX);
        let client = ConnectOptions::with_user_and_password(user.to_owned(), password(user))
            .custom_inbox_prefix(format!("_INBOX_{user}"))
            .event_callback(move |event| {
                // A test that does not listen does not mind.
                let _ = events.try_send(event);
                std::future::ready(())
            })
            .connect(self.nats.url())
            .await
            .unwrap();
        (client, said)
    }
}

/// The next refusal that NATS tells a connection of.
pub(crate) async fn refusal(said: &mut mpsc::Receiver<Event>) -> String {
    within("a refusal", async {
        loop {
            let event = said.recv().await.expect("the connection is open");
            if let Event::ServerError(error) = event {
                return error.to_string();
            }
        }
    })
    .await
}

fn password(user: &str) -> String {
    format!("secret-of-{user}")
}

/// What a page of metrics says that NATS did not allow; every kind of it is counted from zero.
pub(crate) fn refusals(metrics: &str) -> Vec<&str> {
    let counted = metrics
        .lines()
        .filter(|line| line.starts_with("nats_refusals_total"));
    counted.filter(|line| !line.ends_with(" 0")).collect()
}
