//! What the gateway measures of the road of an event.

use crate::support::script::{Client, join};
use crate::support::{fresh_chat, gateway_with, metric, within};

#[tokio::test]
async fn a_send_is_measured_up_to_the_subscribers_here() {
    let gateway = gateway_with(&[]).await;
    let (followed, unseen) = (fresh_chat(), fresh_chat());
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connected(gateway.listen(), "1.2").await;
        let subscribe =
            format!("SUBSCRIBE|id:s|destination:/countries/{followed}/events|receipt:s");
        client.check(&subscribe, &["RECEIPT|receipt-id:s"]).await;
        clients.push(client);
    }
    let sender = &mut clients[0];
    sender.send(&join(unseen, "|receipt:u")).await;
    assert_eq!(sender.next().await, "RECEIPT|receipt-id:u");
    sender.send(&join(followed, "|receipt:f")).await;
    // MESSAGE and RECEIPT, in whatever order.
    sender.next().await;
    sender.next().await;
    for client in &mut clients[1..] {
        assert!(client.next().await.starts_with("MESSAGE|"));
    }
    let measured = async {
        // The second of the two halves is told a moment after the client was.
        while metric(&gateway, "gateway_end_to_end_seconds_count").await < 0.5 {}
    };
    within(measured).await;
    for (series, expected) in [
        ("gateway_end_to_end_seconds_count", 1.0),
        ("gateway_command_seconds_count", 2.0),
        ("gateway_fan_out_deliveries_count", 1.0),
        ("gateway_fan_out_deliveries_sum", 3.0),
        ("gateway_fan_out_deliveries_bucket{le=\"2\"}", 0.0),
        ("gateway_fan_out_deliveries_bucket{le=\"5\"}", 1.0),
    ] {
        let found = metric(&gateway, series).await;
        assert!((found - expected).abs() < f64::EPSILON, "{series}: {found}");
    }
    let took = metric(&gateway, "gateway_end_to_end_seconds_sum").await;
    assert!(took > 0.0 && took < 20.0, "{took}");
}
