//! Many sockets, each doing as little as it can.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep};

use super::Attacker;
use super::door::{self, PATIENCE};

/// So many come together, and then so long nobody: below the rate at which a gateway takes newcomers, since a crowd
/// that is turned away at the door would show nothing.
pub(super) const AT_ONCE: usize = 15;
pub(super) const INTERVAL: Duration = Duration::from_millis(10);

/// Time between two octets of a slow head.
const OCTET_INTERVAL: Duration = Duration::from_millis(500);

/// Connects and waits.
pub(super) async fn say_nothing(attacker: Attacker, number: usize) -> String {
    let Ok(mut stream) = attacker.knock(number).await else {
        return "not connected".to_owned();
    };
    let begun = Instant::now();
    let mut octets = [0; 64];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut octets)).await;
    match read {
        Ok(Ok(1..)) => "answered unasked".to_owned(),
        Ok(_) => after("cut off", begun),
        Err(_) => "still open".to_owned(),
    }
}

/// Begins a request and never ends it.
pub(super) async fn dawdle(attacker: Attacker, number: usize) -> String {
    let Ok(mut stream) = attacker.knock(number).await else {
        return "not connected".to_owned();
    };
    let begun = Instant::now();
    let head = b"GET /ws HTTP/1.1\r\nHost: gateway\r\nX-Padding: ".iter();
    for &octet in head.chain(std::iter::repeat(&b'a')) {
        let mut answer = [0; 64];
        tokio::select! {
            read = stream.read(&mut answer) => {
                return match read {
                    Ok(1..) => after("answered", begun),
                    _ => after("cut off", begun),
                };
            }
            () = sleep(OCTET_INTERVAL) => {}
        }
        door::write(&mut stream, &[octet]).await;
        if begun.elapsed() > PATIENCE {
            break;
        }
    }
    "still open".to_owned()
}

/// Becomes a WebSocket and waits.
pub(super) async fn never_connect(attacker: Attacker, number: usize) -> String {
    match attacker.websocket(number).await {
        Ok(mut stream) => door::end(&mut stream).await,
        Err(status) => status,
    }
}

fn after(fate: &str, begun: Instant) -> String {
    format!("{fate} after {} s", begun.elapsed().as_secs_f64().round())
}
