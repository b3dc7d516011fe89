//! A whole STOMP session over each transport, with all requests at one gateway and spread over two.

use std::net::SocketAddr;

use crate::support::client::{Client, Transport};
use crate::support::http::{ask, post};
use crate::support::{stomp, two_gateways};

async fn whole_session(transport: Transport, receives_at: SocketAddr, sends_to: SocketAddr) {
    let mut client = Client::new(transport, receives_at, sends_to);
    client.connect().await;
    for _ in 0..3 {
        client.send(&stomp::send_to_nowhere()).await;
        stomp::assert_unknown_destination(&client.frame().await);
    }
    client.send(&stomp::disconnect()).await;
    let receipt = client.frame().await;
    stomp::assert_message(&receipt, "RECEIPT\n");
    assert!(receipt.contains("receipt-id:bye"), "{receipt}");
    assert_eq!(client.frame().await, "c[1000,\"disconnected\"]");
    assert!(client.is_over().await);
    assert_eq!(client.try_send("[\"x\"]").await, 404);
}

#[tokio::test]
async fn every_transport_carries_a_session() {
    let [gateway, _] = two_gateways().await;
    for transport in Transport::ALL {
        whole_session(transport, gateway, gateway).await;
    }
}

#[tokio::test]
async fn every_transport_carries_a_session_whose_sends_go_to_another_gateway() {
    let [first, second] = two_gateways().await;
    for transport in Transport::ALL {
        whole_session(transport, first, second).await;
    }
}

#[tokio::test]
async fn every_transport_carries_a_session_that_another_gateway_holds() {
    let [first, second] = two_gateways().await;
    for transport in Transport::ALL {
        let mut client = Client::new(transport, first, second);
        client.connect().await;
        if transport == Transport::Xhr || transport == Transport::Jsonp {
            // The session is the first gateway's; from here on everything comes to the second one.
            client.receives_at = second;
            for _ in 0..3 {
                client.send(&stomp::send_to_nowhere()).await;
                stomp::assert_unknown_destination(&client.frame().await);
            }
            client.send(&stomp::disconnect()).await;
            stomp::assert_message(&client.frame().await, "RECEIPT\n");
            assert_eq!(client.frame().await, "c[1000,\"disconnected\"]");
        }
    }
}

#[tokio::test]
async fn a_session_that_begins_with_an_upgrade_it_does_not_mean_goes_on_like_any_other() {
    let [gateway, _] = two_gateways().await;
    let mut client = Client::new(Transport::Xhr, gateway, gateway);
    let path = format!("{}/xhr", client.session);
    let opening = post(&path, "")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade");
    assert_eq!(ask(gateway, opening).await.body, "o\n");
    client.send(&stomp::connect()).await;
    stomp::assert_message(&client.frame().await, "CONNECTED\n");
    // Nobody here knows the chat; with the answer the client has arrived all the same.
    let subscribe = "SUBSCRIBE\nid:0\ndestination:/countries/4/events\n\n\0";
    client.send(&stomp::payload(&[subscribe])).await;
    stomp::assert_message(&client.frame().await, "MESSAGE\n");
    client.send(&stomp::send_to_nowhere()).await;
    stomp::assert_unknown_destination(&client.frame().await);
}
