//! STOMP inside SockJS, as text.

/// A SockJS payload of these STOMP frames.
pub(crate) fn payload(frames: &[&str]) -> String {
    serde_json::to_string(frames).unwrap()
}

/// CONNECT, as a payload.
pub(crate) fn connect() -> String {
    payload(&["CONNECT\naccept-version:1.2\nhost:test\n\n\0"])
}

/// A SEND that nothing but this gateway has a part in: it is answered with an error MESSAGE. As a payload.
pub(crate) fn send_to_nowhere() -> String {
    payload(&["SEND\ndestination:/nowhere\n\n{}\0"])
}

/// DISCONNECT, as a payload.
pub(crate) fn disconnect() -> String {
    payload(&["DISCONNECT\nreceipt:bye\n\n\0"])
}

/// The messages of a SockJS array frame.
pub(crate) fn messages(frame: &str) -> Vec<String> {
    let array = frame
        .strip_prefix('a')
        .unwrap_or_else(|| panic!("no array frame: {frame:?}"));
    serde_json::from_str(array).unwrap()
}

/// The only message of a SockJS array frame, which begins so.
pub(crate) fn assert_message(frame: &str, start: &str) {
    let messages = messages(frame);
    assert!(
        messages.len() == 1 && messages[0].starts_with(start),
        "{messages:?} instead of {start:?}"
    );
}

/// An error MESSAGE about a SEND to nowhere.
pub(crate) fn assert_unknown_destination(frame: &str) {
    let messages = messages(frame);
    assert!(messages[0].starts_with("MESSAGE\n"), "{messages:?}");
    assert!(
        messages[0].contains("\"UNKNOWN_DESTINATION\""),
        "{messages:?}"
    );
}
