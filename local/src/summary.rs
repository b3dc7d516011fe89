//! What a person reads once everything runs: what is where, and what to try next.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Node has a WebSocket of its own from this version on.
const NODE_WITH_WEBSOCKET: u32 = 22;

/// What the summary tells.
#[derive(Debug)]
pub struct Summary {
    /// Where clients connect.
    pub gateways: Vec<SocketAddr>,
    /// Name, administration port and log of every daemon.
    pub daemons: Vec<(String, SocketAddr, PathBuf)>,
    /// NATS's URL.
    pub nats: String,
    /// What the database is, without passwords.
    pub database: String,
    /// Where everything is kept.
    pub data: PathBuf,
    /// Whether the gateways serve the playground.
    pub playground: bool,
    /// Major version of the Node that is installed.
    pub node: Option<u32>,
    /// How to make tokens, where clients need one.
    pub tokens: Option<Tokens>,
}

/// What makes tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The gateway's program.
    pub gateway: PathBuf,
    /// File of the secret.
    pub secret: PathBuf,
}

impl Tokens {
    /// The command that prints a token for a user.
    fn command(&self, user: u32) -> String {
        format!(
            "{} token --user {user} --jwt-secret-file {}",
            self.gateway.display(),
            self.secret.display()
        )
    }
}

impl Summary {
    /// The text.
    pub fn text(&self) -> String {
        let mut text = "\nEverything runs.\n\n".to_owned();
        self.write(&mut text).expect("a String takes any text");
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        for gateway in &self.gateways {
            if self.playground {
                writeln!(text, "  playground   http://{gateway}/")?;
            }
            writeln!(
                text,
                "  clients      ws://{gateway}/ws (WebSocket), http://{gateway}/ws (SockJS)"
            )?;
        }
        for (name, admin, log) in &self.daemons {
            let log = log.display();
            writeln!(
                text,
                "  {name:<12} http://{admin}/readyz and /metrics, log {log}"
            )?;
        }
        writeln!(text, "  nats         {}", self.nats)?;
        writeln!(text, "  database     {}", self.database)?;
        writeln!(text, "  data         {}", self.data.display())?;
        let Some(gateway) = self.gateways.first() else {
            return Ok(());
        };
        if self.playground {
            writeln!(
                text,
                "\nOpen http://{gateway}/ in a browser to see all of it at work."
            )?;
        } else {
            writeln!(
                text,
                "\nThere is a page to see all of it at work; `make playground` builds it (it wants Node.js)."
            )?;
        }
        writeln!(
            text,
            "\nPoint a frontend at it: replace its handshake URL by http://{gateway}/ws (SockJS)"
        )?;
        writeln!(
            text,
            "or ws://{gateway}/ws (WebSocket). Pages that come from elsewhere have to be allowed, like\n\
             `make run ALLOWED_ORIGINS=http://localhost:5173`."
        )?;
        match &self.tokens {
            None => {
                writeln!(
                    text,
                    "\nNo token is needed here. Try it, in another terminal:\n\n{}\n",
                    self.try_it(*gateway)
                )?;
            }
            Some(tokens) => {
                writeln!(
                    text,
                    "\nEvery client needs a token. In another terminal, these print one for user 1 and one for user 2,\n\
                     valid for an hour (or for --lifetime 90s, to see one run out):\n\n  {}\n  {}\n",
                    tokens.command(1),
                    tokens.command(2)
                )?;
            }
        }
        writeln!(text, "  curl http://{gateway}/ws/info")?;
        for (_, admin, _) in &self.daemons {
            writeln!(text, "  curl http://{admin}/readyz")?;
        }
        writeln!(
            text,
            "\nCtrl-C stops everything; the next run finds its data again."
        )
    }

    /// Lines to paste, for what is installed.
    fn try_it(&self, gateway: SocketAddr) -> String {
        match self.node {
            Some(version) if version >= NODE_WITH_WEBSOCKET => {
                format!("{}\n\n{}", one_liner(gateway), four_events(gateway))
            }
            Some(_) => four_events(gateway),
            None => {
                "  (install Node.js for a client: then the next run prints a line to paste here)"
                    .to_owned()
            }
        }
    }
}

/// Subscribes to chat 1, says that user 1 types there, and prints every frame that comes.
fn one_liner(gateway: SocketAddr) -> String {
    format!(
        r#"  node -e 'const s=new WebSocket("ws://{gateway}/ws"),send=(...lines)=>s.send(lines.join("\n")+"\0");s.onopen=()=>send("CONNECT","accept-version:1.2","","");s.onmessage=({{data}})=>{{console.log(data);if(data.startsWith("CONNECTED")){{send("SUBSCRIBE","id:0","destination:/countries/1/events","","");send("SEND","destination:/chat/events.startTyping","","{{\"authorId\":1,\"chatId\":1}}")}}}}'"#
    )
}

/// Does everything that a client can do, right and wrong.
fn four_events(gateway: SocketAddr) -> String {
    format!(
        "  npm ci --silent --prefix e2e/clients && node e2e/clients/four-events.mjs ws://{gateway}/ws"
    )
}

/// Major version of the Node on PATH.
pub fn node_version() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().ok()?;
    parse_node_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_node_version(text: &str) -> Option<u32> {
    text.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// A database URL that can be shown.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.split_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        None => url.to_owned(),
    }
}

/// A path as a person in the current folder would write it.
pub fn relative(path: &Path) -> PathBuf {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(node: Option<u32>) -> String {
        let gateway = SocketAddr::from(([127, 0, 0, 1], 8080));
        let admin = SocketAddr::from(([127, 0, 0, 1], 9090));
        Summary {
            gateways: vec![gateway],
            daemons: vec![("gateway-1".to_owned(), admin, "logs/gateway-1.log".into())],
            nats: "nats://127.0.0.1:4222".to_owned(),
            database: "SQLite".to_owned(),
            data: "data".into(),
            playground: false,
            node,
            tokens: None,
        }
        .text()
    }

    #[test]
    fn the_lines_to_paste_suit_what_is_installed() {
        assert!(
            summary(Some(22))
                .contains("node -e 'const s=new WebSocket(\"ws://127.0.0.1:8080/ws\")")
        );
        for node in [20, 22] {
            assert!(summary(Some(node)).contains("node e2e/clients/four-events.mjs"));
        }
        assert!(summary(None).contains("install Node.js"));
        assert_eq!(parse_node_version("v22.1.0\n"), Some(22));
        assert_eq!(parse_node_version(""), None);
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(
            without_password("postgres://u:secret@h/d"),
            "postgres://u@h/d"
        );
        assert_eq!(without_password("postgres://h/d"), "postgres://h/d");
        assert_eq!(
            without_password("sqlite://f?mode=rwc"),
            "sqlite://f?mode=rwc"
        );
    }
}
