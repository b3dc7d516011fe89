//! The part of the document that is about tokens, and about those who send too fast, against a gateway that wants
//! tokens and little else.

use std::time::Duration;

use gateway::auth::mint::sign;
use serde_json::json;
use shared::clock;

use super::dialogue::Dialogue;
use super::join;
use crate::support::world::{Database, Plan, World};

const SECRET: &str = "a secret of this test and of nobody else";

/// The token of the document's examples, in whose place a real one goes.
const EXAMPLE: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

/// Less than the minute before the end in which the client is warned, so that it is warned at once.
const NEARLY_OVER: Duration = Duration::from_secs(50);
/// Long enough for the renewal's RECEIPT to come first.
const OVER_SOON: Duration = Duration::from_secs(5);

/// More than a session may send at once, a burst of five, and not so many that the rest could not be sent to a gateway
/// that has stopped listening.
const SENDS: u32 = 20;

/// Everything that is said and heard about tokens.
pub(super) async fn play(dialogue: &mut Dialogue) {
    let mut plan = Plan::small(Database::Sqlite);
    let args = [
        "--auth",
        "jwt",
        "--jwt-secret",
        SECRET,
        "--jwt-leeway",
        "0s",
        "--session-sends-per-second-max",
        "1",
        "--session-refusals-per-minute-max",
        "1",
    ];
    plan.gateway_args = args.map(str::to_owned).to_vec();
    let world = World::start(plan).await;
    let gateway = world.system.gateways[0].listen();

    dialogue.reopen(gateway).await;
    let versions = [("accept-version", "1.2")];
    dialogue.raw("CONNECT", &versions, "").await;
    dialogue.hear(&["breach/UNAUTHORIZED"]).await;

    dialogue.reopen(gateway).await;
    connect(dialogue).await;
    dialogue.say("subscribe/subscribeToErrorsOfUser").await;
    dialogue
        .say("subscribe/subscribeToErrorsOfSomebodyElse")
        .await;
    dialogue.hear(&["error/FORBIDDEN"]).await;
    dialogue.say("joinChat/joinAsUser").await;
    dialogue.hear(&["receipt/stored"]).await;
    dialogue
        .raw("SEND", &join(), r#"{"authorId":2,"chatId":4}"#)
        .await;
    dialogue.hear(&["error/AUTHOR_MISMATCH"]).await;

    dialogue.say("subscribe/subscribeToNotices").await;
    dialogue.hear(&["tokenExpiresSoon/tokenExpiresSoon"]).await;
    let renewal = [("destination", "/session/token")];
    dialogue.raw("SEND", &renewal, "no token").await;
    dialogue.hear(&["error/UNAUTHORIZED"]).await;
    let token = token(OVER_SOON);
    dialogue
        .say_with("freshToken/renewed", EXAMPLE, &token)
        .await;
    dialogue
        .hear(&["receipt/renewed", "breach/TOKEN_EXPIRED"])
        .await;

    dialogue.reopen(gateway).await;
    connect(dialogue).await;
    hurry(dialogue).await;
}

async fn connect(dialogue: &mut Dialogue) {
    let token = token(NEARLY_OVER);
    dialogue
        .say_with("connect/withToken", EXAMPLE, &token)
        .await;
    dialogue.hear(&["connected/asUser"]).await;
}

/// Sends faster than the gateway takes it, and goes on when it is told so.
async fn hurry(dialogue: &mut Dialogue) {
    let typing = [("destination", "/chat/events.stopTyping")];
    for _ in 0..SENDS {
        dialogue.raw("SEND", &typing, r#"{"chatId":4}"#).await;
    }
    let refused = ["error/RATE_LIMITED", "breach/RATE_LIMITED"];
    dialogue.hear(&refused).await;
}

/// A token of user 1.
fn token(lifetime: Duration) -> String {
    let now = clock::now().micros() / 1_000_000;
    let expires = now + i64::try_from(lifetime.as_secs()).unwrap();
    let claims = json!({"sub": "1", "exp": expires});
    sign(SECRET.as_bytes(), claims.as_object().unwrap()).unwrap()
}
