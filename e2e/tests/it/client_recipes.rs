//! The programs of `docs/clients.md`, taken out of the page and run: whoever copies them misses nothing when the
//! connection is cut, and what was sent without an answer happens once.

use std::io::Write;
use std::process::Stdio;

use local::proxy::{Proxy, Target};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::support::database::Records;
use crate::support::library::Recipe;
use crate::support::stomp::{Answer, Client};
use crate::support::within;
use crate::support::world::{Database, Plan, World};

const PAGE: &str = include_str!("../../../docs/clients.md");

/// Where and who.
const CHAT: i64 = 4;
const AUTHOR: i64 = 1;

#[tokio::test]
async fn the_javascript_program_misses_nothing() {
    misses_nothing("## JavaScript: `@stomp/stompjs`", Recipe::JavaScript).await;
}

#[tokio::test]
async fn the_python_program_misses_nothing() {
    misses_nothing("## Python: `stomp.py`", Recipe::Python).await;
}

#[tokio::test]
async fn the_react_program_misses_nothing() {
    misses_nothing("## React: `react-stomp-hooks`", Recipe::React).await;
}

#[tokio::test]
async fn the_program_on_top_of_our_package_misses_nothing() {
    let heading = "## TypeScript and JavaScript: our own package";
    misses_nothing(heading, Recipe::HelperPackage).await;
}

#[tokio::test]
async fn the_java_program_misses_nothing() {
    misses_nothing("## Java: nothing but the JDK", Recipe::Java).await;
}

#[test]
fn every_program_of_the_page_is_run() {
    // The rules that come first have no code.
    let headings = PAGE.lines().filter(|line| line.starts_with("## "));
    assert_eq!(headings.count(), 5);
}

async fn misses_nothing(heading: &str, recipe: Recipe) {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let gateway = world.system.gateways[0].listen();
    let proxy = Proxy::start(0, Target::Tcp(gateway)).await.unwrap();
    let url = format!("ws://{}/ws", proxy.address());
    let mut program = Program::start(heading, recipe, &url);

    program.send("/chat/events.joinChat").await;
    let mut seen = vec![program.event().await];
    assert_eq!(seen[0]["eventType"], "JOIN");
    program
        .hear(&json!({ "stored": "/chat/events.joinChat" }))
        .await;

    // Cut off, it is told to send, and others go on.
    proxy.refuse();
    program.send("/chat/events.leaveChat").await;
    let mut other = Client::connect(gateway).await;
    for verb in ["joinChat", "startTyping", "stopTyping"] {
        assert_eq!(other.ask(verb, 2, CHAT).await, Answer::Receipt);
    }
    proxy.pass();
    while seen.len() < 5 {
        seen.push(program.event().await);
    }
    program
        .hear(&json!({ "stored": "/chat/events.leaveChat" }))
        .await;
    assert_eq!(seen[4]["eventType"], "LEAVE", "{seen:?}");

    let seen: Vec<_> = seen
        .iter()
        .map(|event| event["id"].as_i64().unwrap())
        .collect();
    let stored = Records::open(&world.database_url).await.events().await;
    let stored: Vec<_> = stored.iter().map(|event| event.id).collect();
    assert_eq!(seen, stored);
    program.end().await;
}

/// A program of the page, running.
struct Program {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    inbox: Vec<Value>,
    _file: NamedTempFile,
}

impl Program {
    fn start(heading: &str, recipe: Recipe, url: &str) -> Self {
        // Beside the packages that it imports.
        let mut file = tempfile::Builder::new()
            .prefix(".recipe-")
            .suffix(recipe.suffix())
            .tempfile_in(recipe.folder())
            .unwrap();
        file.write_all(program(heading).as_bytes()).unwrap();
        let mut child = recipe
            .command()
            .arg(file.path())
            .args([url, &CHAT.to_string(), &AUTHOR.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{error}: `make tools` installs what {recipe:?} needs"));
        Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            inbox: Vec::new(),
            _file: file,
        }
    }

    async fn send(&mut self, destination: &str) {
        let line = format!("{destination}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
    }

    async fn event(&mut self) -> Value {
        self.take(|said| said.get("event").is_some()).await["event"].take()
    }

    async fn hear(&mut self, expected: &Value) {
        self.take(|said| said == expected).await;
    }

    /// The first thing said, and not taken yet, that is wanted. Nothing in these runs may fail.
    async fn take(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.inbox.iter().position(&wanted) {
            return self.inbox.remove(index);
        }
        loop {
            let line = within("a line of the program", self.stdout.next_line()).await;
            let line = line.unwrap().expect("the program goes on");
            let said: Value = serde_json::from_str(&line).unwrap();
            assert!(said.get("error").is_none(), "{said}");
            if wanted(&said) {
                return said;
            }
            self.inbox.push(said);
        }
    }

    /// Nothing is left over, and it leaves in peace.
    async fn end(mut self) {
        assert_eq!(self.inbox, Vec::<Value>::new());
        drop(self.stdin);
        let ended = within("the program's end", self.child.wait()).await;
        assert!(ended.unwrap().success());
    }
}

/// The first block of code under a heading.
fn program(heading: &str) -> String {
    let (_, section) = PAGE.split_once(heading).expect(heading);
    let (_, rest) = section.split_once("\n```").unwrap();
    let (_, code) = rest.split_once('\n').unwrap();
    code.split_once("\n```").unwrap().0.to_owned()
}
