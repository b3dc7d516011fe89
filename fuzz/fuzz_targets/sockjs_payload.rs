//! Any octets as what a SockJS client sends, over HTTP or the websocket transport: no panic, and what is read
//! as messages comes out the same when it is framed and read again.
//!
//! The first octet of the input chooses the way in; the rest is the payload.

#![no_main]

use gateway::sockjs::{frame, payload};
use libfuzzer_sys::fuzz_target;

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

fuzz_target!(|input: &[u8]| {
    let [way, octets @ ..] = input else {
        return;
    };
    let messages = match way % 4 {
        0 => payload::of_xhr(octets).ok(),
        1 => payload::of_jsonp(FORM, octets).ok(),
        2 => payload::of_jsonp(None, octets).ok(),
        _ => std::str::from_utf8(octets)
            .ok()
            .and_then(|text| frame::decode(text).ok()),
    };
    let Some(messages) = messages else {
        return;
    };
    let framed = frame::array_of(messages.iter().map(String::as_str));
    let array = framed
        .strip_prefix('a')
        .expect("an array frame starts with its letter");
    assert_eq!(
        frame::decode(array).expect("what we frame can be read"),
        messages
    );
    assert_eq!(
        serde_json::from_str::<Vec<String>>(array).expect("what we frame is JSON"),
        messages
    );
    for message in &messages {
        // The single-message frame that fan-out uses says the same.
        let alone = frame::array(message);
        assert_eq!(
            frame::decode(&alone[1..]).expect("what we frame can be read"),
            [message.clone()]
        );
    }
});
