//! The proxy in front of an echo server: what passes, what is cut, what is held.

use std::path::Path;

use local::proxy::{Proxy, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinSet;

/// Answers every connection with what it sends.
async fn echo_server(tasks: &mut JoinSet<()>) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let (mut reader, mut writer) = stream.into_split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    Target::Tcp(address)
}

async fn echoed(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// Reads to the end, which a cut may also show as a reset.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

#[tokio::test]
async fn a_cut_ends_connections_and_lets_new_ones_through() {
    let mut tasks = JoinSet::new();
    let proxy = Proxy::start(0, echo_server(&mut tasks).await)
        .await
        .unwrap();
    let mut first = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(echoed(&mut first, "one").await, "one");
    proxy.cut();
    assert!(rest(&mut first).await.is_empty());
    let mut second = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(echoed(&mut second, "two").await, "two");
}

#[tokio::test]
async fn a_refusing_proxy_ends_new_connections_until_it_passes_again() {
    let mut tasks = JoinSet::new();
    let proxy = Proxy::start(0, echo_server(&mut tasks).await)
        .await
        .unwrap();
    let mut before = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(echoed(&mut before, "one").await, "one");
    proxy.refuse();
    assert!(rest(&mut before).await.is_empty());
    let mut during = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(rest(&mut during).await.is_empty());
    proxy.pass();
    let mut after = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(echoed(&mut after, "two").await, "two");
}

#[tokio::test]
async fn what_is_held_goes_on_when_the_proxy_passes_again() {
    let mut tasks = JoinSet::new();
    let proxy = Proxy::start(0, echo_server(&mut tasks).await)
        .await
        .unwrap();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(echoed(&mut stream, "one").await, "one");
    proxy.hold();
    stream.write_all(b"two").await.unwrap();
    // Another connection cannot overtake: nothing is passed on in any of them.
    let mut answer = [0; 3];
    let early = tokio::time::timeout(
        std::time::Duration::from_millis(100),
        stream.read_exact(&mut answer),
    );
    assert!(early.await.is_err(), "nothing may come through");
    proxy.pass();
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"two");
}

#[tokio::test]
async fn a_unix_socket_can_be_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(Path::new(&path)).unwrap();
    let proxy = Proxy::start(0, Target::Unix(path)).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    client.write_all(b"one").await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let mut heard = [0; 3];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"one");
}
