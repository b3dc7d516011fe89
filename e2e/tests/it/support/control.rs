//! A door for test scripts in JavaScript: over it they ask, a line at a time, for parts of the system to be broken
//! and mended. `e2e/control.mjs` is the other end.

use std::convert::Infallible;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::database::Records;
use super::world::World;

/// The door, on a port of its own.
pub(crate) struct Control {
    listener: TcpListener,
}

impl Control {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self { listener }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Does what is asked, one request after the other, until it is dropped.
    pub(crate) async fn serve(&self, world: &mut World) -> Infallible {
        loop {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let request = line(&mut stream).await;
            let answer = match carry_out(&request, world).await {
                Some(()) => "done\n",
                None => "not understood\n",
            };
            // A script that does not wait for the answer has failed already.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }
}

async fn line(stream: &mut TcpStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    line
}

async fn carry_out(request: &str, world: &mut World) -> Option<()> {
    let words: Vec<&str> = request.split_whitespace().collect();
    let (verb, numbers) = words.split_first()?;
    let numbers: Vec<i64> = numbers.iter().map_while(|word| word.parse().ok()).collect();
    match (*verb, numbers.as_slice()) {
        ("prune", &[chat, through]) => {
            let records = Records::open(&world.database_url).await;
            records.prune(chat, through).await;
        }
        (verb, &[number]) => {
            let index = usize::try_from(number).ok()?.checked_sub(1)?;
            let gateway = world.system.gateways.get_mut(index)?;
            match verb {
                "kill" => gateway.kill().await,
                "stop" => assert!(gateway.stop().await.unwrap().success()),
                "start" => {
                    gateway.restart().await.unwrap();
                    gateway.wait_ready().await.unwrap();
                }
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}
