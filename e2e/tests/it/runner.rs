//! `make run`'s program: says what runs where, stops in order, finds its data again, fails in one sentence.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::support::stomp::{Answer, Client};
use crate::support::within;
use crate::support::world::{built, permit};

/// Settings that a developer may have set for their own `make run`.
const VARIABLES: [&str; 8] = [
    "GATEWAYS",
    "PERSISTERS",
    "PARTITIONS",
    "PORT",
    "NATS_PORT",
    "DATA",
    "DATABASE_URL",
    "AUTH",
];

#[tokio::test]
async fn ctrl_c_ends_everything_and_the_next_run_finds_its_data() {
    let _permit = permit().await;
    let data = tempfile::tempdir().unwrap();
    let first = Runner::start(data.path(), &[]).await;
    let mut client = Client::connect(first.gateways[0]).await;
    assert_eq!(client.ask("joinChat", 1, 1).await, Answer::Receipt);
    let everywhere = first.addresses.clone();
    assert_eq!(first.end(Signal::INT).await.code(), Some(0));
    for address in everywhere {
        let connected = TcpStream::connect(address).await;
        assert!(connected.is_err(), "{address} is still served");
    }

    let second = Runner::start(data.path(), &[]).await;
    let mut client = Client::connect(second.gateways[0]).await;
    let answer = client.ask("joinChat", 1, 1).await;
    assert_eq!(answer, Answer::error("ALREADY_JOINED"));
    assert_eq!(second.end(Signal::TERM).await.code(), Some(0));
}

#[tokio::test]
async fn two_persisters_get_a_postgres_of_their_own() {
    let _permit = permit().await;
    // Temporary folders are for their owner alone, and PostgreSQL may have to run as somebody else.
    let data = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .unwrap();
    let two = ["--persisters", "2", "--gateways", "2"];
    let first = Runner::start(data.path(), &two).await;
    assert!(
        first.said.contains("Several persisters want PostgreSQL"),
        "{}",
        first.said
    );
    let mut reader = Client::connect(first.gateways[1]).await;
    reader.subscribe(1).await;
    let mut sender = Client::connect(first.gateways[0]).await;
    assert_eq!(sender.ask("joinChat", 1, 1).await, Answer::Receipt);
    assert_eq!(reader.event().await.json()["eventType"], "JOIN");
    assert_eq!(first.end(Signal::INT).await.code(), Some(0));

    let second = Runner::start(data.path(), &two).await;
    let mut client = Client::connect(second.gateways[0]).await;
    let answer = client.ask("joinChat", 1, 1).await;
    assert_eq!(answer, Answer::error("ALREADY_JOINED"));
    assert_eq!(second.end(Signal::INT).await.code(), Some(0));
}

#[tokio::test]
async fn with_auth_jwt_it_says_how_to_make_tokens_that_its_gateways_take() {
    let _permit = permit().await;
    let data = tempfile::tempdir().unwrap();
    let run = Runner::start(data.path(), &["--auth", "jwt"]).await;
    let mut stranger = Client::open(run.gateways[0]).await;
    let versions = ("accept-version", "1.2");
    stranger.send_frame("CONNECT", &[versions], "").await;
    let refused = stranger.take(|frame| frame.command == "ERROR").await;
    assert_eq!(refused.header("message"), Some("UNAUTHORIZED"));

    let commands = run
        .said
        .lines()
        .filter(|line| line.contains(" token --user "));
    let commands: Vec<&str> = commands.map(str::trim).collect();
    assert_eq!(commands.len(), 2, "{}", run.said);
    for (user, command) in ["1", "2"].into_iter().zip(commands) {
        let output = Command::new("sh")
            .args(["-c", command])
            .output()
            .await
            .unwrap();
        let token = String::from_utf8(output.stdout).unwrap();
        let bearer = format!("Bearer {}", token.trim());
        let mut client = Client::open(run.gateways[0]).await;
        let headers = [versions, ("Authorization", bearer.as_str())];
        client.send_frame("CONNECT", &headers, "").await;
        let connected = client.take(|frame| frame.command == "CONNECTED").await;
        assert_eq!(connected.header("user-name"), Some(user));
    }
    assert_eq!(run.end(Signal::INT).await.code(), Some(0));
}

#[tokio::test]
async fn children_do_not_outlive_a_runner_that_is_killed() {
    let _permit = permit().await;
    let data = tempfile::tempdir().unwrap();
    let runner = Runner::start(data.path(), &[]).await;
    // A connection ends when its server does: no need to ask again and again.
    let mut connections = Vec::new();
    for address in &runner.addresses {
        connections.push(TcpStream::connect(address).await.unwrap());
    }
    runner.end(Signal::KILL).await;
    for mut connection in connections {
        let mut rest = Vec::new();
        // Reset or closed: both are an end.
        let _ = within("the end of a child", connection.read_to_end(&mut rest)).await;
    }
}

#[tokio::test]
async fn a_child_that_dies_is_reported_and_ends_the_rest() {
    let _permit = permit().await;
    let data = tempfile::tempdir().unwrap();
    let mut runner = Runner::start(data.path(), &[]).await;
    // NATS begins each line of its log with its process id: `[4711] 2026/… [INF] …`.
    let log = std::fs::read_to_string(data.path().join("logs/nats.log")).unwrap();
    let nats = log[1..].split(']').next().and_then(|pid| pid.parse().ok());
    kill_process(Pid::from_raw(nats.unwrap()).unwrap(), Signal::KILL).unwrap();
    let mut said = String::new();
    let read = runner.stderr.read_to_string(&mut said);
    within("the runner's last words", read).await.unwrap();
    let status = within("the runner's end", runner.child.wait())
        .await
        .unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains("nats ended unexpectedly (signal: 9"),
        "{said}"
    );
}

#[tokio::test]
async fn a_taken_port_is_one_sentence() {
    let data = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (flag, variable) in [("--port", "PORT=…"), ("--nats-port", "NATS_PORT=…")] {
        let output = command(data.path(), &[flag, &port]).output();
        let output = within("the runner's end", output).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(&port) && said.contains(variable), "{said}");
    }
}

#[tokio::test]
async fn wrong_settings_have_their_own_exit_code() {
    let data = tempfile::tempdir().unwrap();
    let two_on_sqlite = ["--persisters", "2", "--database-url", "sqlite://x"];
    for wrong in [&["--gateways", "0"][..], &["--port", "x"], &two_on_sqlite] {
        let output = command(data.path(), wrong).output();
        let status = within("the runner's end", output).await.unwrap().status;
        assert_eq!(status.code(), Some(64), "{wrong:?}");
    }
}

/// The runner on free ports unless `arguments` say otherwise.
fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(built("local"));
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    for free in ["--port", "--nats-port"] {
        if !arguments.contains(&free) {
            command.args([free, "0"]);
        }
    }
    command.args(arguments).arg("--data").arg(data);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A runner that has said that everything runs.
struct Runner {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: ChildStderr,
    said: String,
    gateways: Vec<SocketAddr>,
    addresses: Vec<SocketAddr>,
}

impl Runner {
    async fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut child = command(data, arguments).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut runner = Self {
            stdout: BufReader::new(stdout).lines(),
            stderr: child.stderr.take().unwrap(),
            child,
            said: String::new(),
            gateways: Vec::new(),
            addresses: Vec::new(),
        };
        within("the summary", runner.read_summary()).await;
        runner
    }

    async fn read_summary(&mut self) {
        while !self.said.contains("Ctrl-C stops everything") {
            let Some(line) = self.stdout.next_line().await.unwrap() else {
                let mut error = String::new();
                self.stderr.read_to_string(&mut error).await.unwrap();
                panic!("it ended: {}{error}", self.said);
            };
            let address: Option<SocketAddr> = line.split_once("://").and_then(|(_, rest)| {
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
                rest[..end.unwrap_or(rest.len())].parse().ok()
            });
            self.gateways
                .extend(address.filter(|_| line.trim_start().starts_with("clients")));
            self.addresses.extend(address);
            self.said.push_str(&line);
            self.said.push('\n');
        }
        self.addresses.sort_unstable();
        self.addresses.dedup();
    }

    /// Signals it and waits for its end.
    async fn end(mut self, signal: Signal) -> ExitStatus {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
        within("the runner's end", self.child.wait()).await.unwrap()
    }
}
