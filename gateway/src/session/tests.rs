//! Sessions as scripts: what goes in on the left, what comes out on the right.
//!
//! A frame is written on one line, `COMMAND|header:value|header:value||body`; what the shell says starts with
//! `!`. Frames of ours are shown the same way without `content-type` and `content-length`, and an error body as
//! `CODE message`; one test looks at its octets.

mod acknowledging;
mod authenticating;
mod connecting;
mod ending;
mod heart_beats;
mod private;
mod renewing;
mod repeating;
mod robustness;
mod sending;
mod subscribing;
mod transactions;

use std::time::Duration;

use shared::clock::Timestamp;
use shared::error_code::ErrorCode;
use shared::id::ChatId;

use super::*;
use crate::auth::{Principal, Unproven};

/// 2024-08-16T17:26:57.660207Z
const WALL: Timestamp = Timestamp::from_micros(1_723_829_217_660_207);

const JOIN: &str = r#"SEND|destination:/chat/events.joinChat||{"authorId":1,"chatId":4}"#;

struct Script {
    session: Session,
    now: Now,
}

impl Script {
    fn new(limits: SessionLimits) -> Self {
        Self::admitting(Admission::Anybody, limits)
    }

    fn admitting(admission: Admission, limits: SessionLimits) -> Self {
        let now = Now {
            instant: Instant::now(),
            wall: WALL,
        };
        Self {
            session: Session::new("s-1".to_owned(), "talk/1", Arc::new(limits), admission, now),
            now,
        }
    }

    /// A session that is connected in this version.
    fn connected(version: Version) -> Self {
        Self::connected_with(version, SessionLimits::default())
    }

    fn connected_with(version: Version, limits: SessionLimits) -> Self {
        let mut script = Self::new(limits);
        let connected = script.play(&format!("CONNECT|accept-version:{version}"));
        assert!(connected[0].starts_with("CONNECTED"), "{connected:?}");
        script
    }

    /// A session of user 7, whose token is valid for so many seconds more.
    fn proven(seconds: i64) -> Self {
        let mut script = Self::admitting(Admission::TokenHolders, SessionLimits::default());
        script.play("CONNECT|accept-version:1.2|heart-beat:0,0|Authorization:Bearer a.b.c");
        let connected = script.play(&format!("!proven 7 {seconds}"));
        assert!(connected[0].ends_with("|user-name:7"), "{connected:?}");
        script
    }

    /// Plays one line and shows what came of it.
    fn play(&mut self, line: &str) -> Vec<String> {
        let mut out = Vec::new();
        match line.strip_prefix('!') {
            Some(said) => self.say(said, &mut out),
            None => self
                .session
                .on_octets(frame(line).as_bytes(), self.now, &mut out),
        }
        out.iter().map(show).collect()
    }

    fn say(&mut self, said: &str, out: &mut Vec<Action>) {
        let words: Vec<&str> = said.split(' ').collect();
        let (now, session) = (self.now, &mut self.session);
        let number = || words[1].parse().unwrap();
        let code = || {
            *ErrorCode::ALL
                .iter()
                .find(|code| code.name() == words[2])
                .unwrap()
        };
        let (author, chat) = (UserId::try_from(1).unwrap(), ChatId::try_from(4).unwrap());
        match words[0] {
            "subscribed" => session.on_subscribed(number(), Ok(()), now, out),
            "unsubscribed" => {
                let refusal = Refusal::for_subscription(code(), chat);
                session.on_subscribed(number(), Err(refusal), now, out);
            }
            "ended" => {
                let refusal = Refusal::no_longer_a_member(chat);
                session.on_ended(number(), &refusal, now, out);
            }
            "stored" => session.on_outcome(
                number().into(),
                Ok(EventId::try_from(37).unwrap()),
                now,
                out,
            ),
            "rejected" => {
                let refusal = Refusal::for_outcome(code(), author, chat);
                session.on_outcome(number().into(), Err(refusal), now, out);
            }
            "event" => session.on_event(number(), words[2].parse().unwrap()),
            "octets" => session.on_octets(words[1].as_bytes(), now, out),
            "sent" => session.on_sent(now.instant),
            "proven" => {
                let left: i64 = words[2].parse().unwrap();
                let micros = left.saturating_mul(1_000_000);
                let principal = Principal {
                    user: words[1].parse().unwrap(),
                    valid_until: Timestamp::from_micros(now.wall.micros().saturating_add(micros)),
                };
                session.on_authenticated(Ok(principal), now, out);
            }
            "unproven" => {
                let mut all = Unproven::ALL.into_iter();
                let reason = all.find(|reason| reason.name() == words[1]).unwrap();
                session.on_authenticated(Err(reason), now, out);
            }
            "wait" => {
                let time = Duration::from_millis(number().into());
                self.now.instant += time;
                let micros = i64::try_from(time.as_micros()).unwrap();
                self.now.wall = Timestamp::from_micros(now.wall.micros() + micros);
                session.on_deadline(self.now, out);
            }
            "close" => {
                let reason = Disconnect::ALL
                    .into_iter()
                    .find(|reason| reason.name() == words[1]);
                session.close(reason.unwrap(), now, out);
            }
            "gone" => session.on_client_gone(now, out),
            other => panic!("{other}?"),
        }
    }

    /// Plays a whole script. `""` on the right is nothing.
    #[track_caller]
    fn check(&mut self, script: &[(&str, &[&str])]) {
        for (index, (line, expected)) in script.iter().enumerate() {
            assert_eq!(self.play(line), *expected, "line {index}, {line}");
        }
    }
}

/// The frame that a line stands for; a line without a command is a heart-beat.
fn frame(line: &str) -> String {
    if line.is_empty() {
        return "\n".to_owned();
    }
    let (head, body) = line.split_once("||").unwrap_or((line, ""));
    format!("{}\n\n{body}\0", head.replace('|', "\n"))
}

fn show(action: &Action) -> String {
    match action {
        Action::Send(frame) if frame == "\n" => "beat".to_owned(),
        Action::Send(frame) => show_frame(frame),
        Action::Subscribe {
            number,
            chat,
            last_event_id,
            ..
        } => {
            let after = last_event_id.map_or(String::new(), |id| format!(" after {id}"));
            format!("subscribe {number} to chat {chat}{after}")
        }
        Action::Authenticate(Some(_)) => "authenticate the token".to_owned(),
        Action::Authenticate(None) => "authenticate nobody".to_owned(),
        Action::Unsubscribe { number, chat } => format!("unsubscribe {number} from chat {chat}"),
        Action::Publish(publish) => {
            let (key, trace) = (
                publish.idempotency_key.as_ref(),
                publish.traceparent.as_ref(),
            );
            let key = key.map_or(String::new(), |key| format!(" key {key}"));
            let trace = trace.map_or(String::new(), |trace| format!(" trace {trace}"));
            let Publish {
                ticket,
                kind,
                author,
                chat,
                ..
            } = publish;
            format!("publish {ticket} {kind} by {author} in {chat}{key}{trace}")
        }
        Action::Close(reason) => format!("close {reason}"),
    }
}

fn show_frame(frame: &str) -> String {
    let (head, rest) = frame.split_once("\n\n").unwrap();
    let body = rest.strip_suffix('\0').unwrap();
    let dull = |line: &&str| !line.starts_with("content-");
    let head: Vec<&str> = head.split('\n').filter(dull).collect();
    let head = head.join("|");
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(error) => format!(
            "{head}||{} {}",
            error["code"].as_str().unwrap(),
            error["message"].as_str().unwrap()
        ),
        Err(_) if body.is_empty() => head,
        Err(_) => format!("{head}||{body}"),
    }
}

/// How an error message without a subscription for it is shown.
fn unsolicited(number: u32, headers: &str, error: &str) -> String {
    format!(
        "MESSAGE|subscription:/user/queue/errors|message-id:error-{number}|destination:/user/queue/errors{headers}||{error}"
    )
}

const V1_0: Version = Version::V1_0;
const V1_1: Version = Version::V1_1;
const V1_2: Version = Version::V1_2;
