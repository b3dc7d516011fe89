//! Whatever comes in whatever order: no panic, no unbounded growth, nothing after the close.

use proptest::prelude::*;

use super::*;

/// Lines that mean something, and some that do not.
const LINES: [&str; 26] = [
    "CONNECT|accept-version:1.0",
    "CONNECT|accept-version:1.1|heart-beat:1,1",
    "STOMP|accept-version:1.2|heart-beat:5000,5000",
    JOIN,
    "SEND|destination:/chat/events.leaveChat|receipt:r||{\"authorId\":1,\"chatId\":4}",
    "SEND|destination:/chat/events.stopTyping|transaction:t||{\"authorId\":1,\"chatId\":5}",
    "SEND|destination:/x|receipt:r",
    "SUBSCRIBE|id:a|destination:/countries/4/events|receipt:r",
    "SUBSCRIBE|id:b|destination:/countries/4/events|ack:client",
    "SUBSCRIBE|id:c|destination:/user/queue/errors",
    "UNSUBSCRIBE|id:a|destination:/countries/4/events",
    "ACK|id:37-1|message-id:37|subscription:a|receipt:r",
    "BEGIN|transaction:t",
    "COMMIT|transaction:t|receipt:r",
    "ABORT|transaction:t",
    "DISCONNECT|receipt:r",
    "",
    "!subscribed 1",
    "!unsubscribed 2 CHAT_NOT_FOUND",
    "!stored 1",
    "!rejected 2 NOT_JOINED",
    "!wait 7000",
    "!sent",
    "!event 1 37",
    "!close going_away",
    "!gone",
];

proptest! {
    #[test]
    fn any_order_of_frames_and_answers_ends_at_most_once(
        connect in 0..3_usize,
        order in proptest::collection::vec(0..LINES.len(), 0..60),
    ) {
        let mut script = Script::new(SessionLimits { commands_in_flight_max: 3, ..SessionLimits::default() });
        let mut shown = script.play(LINES[connect]);
        for line in order {
            shown.extend(script.play(LINES[line]));
        }
        let close = shown.iter().position(|line| line.starts_with("close "));
        prop_assert!(close.is_none_or(|index| index == shown.len() - 1), "{shown:?}");
        prop_assert_eq!(close.is_some(), script.session.version().is_none());
    }

    #[test]
    fn no_octets_panic(version in 0..3_usize, pieces in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
        let mut script = Script::connected(Version::ALL[version]);
        let mut out = Vec::new();
        for piece in pieces {
            script.session.on_octets(&piece, script.now, &mut out);
        }
    }

    #[test]
    fn splits_make_no_difference(
        order in proptest::collection::vec(0..17_usize, 0..20),
        piece in 1..50_usize,
    ) {
        let stream: String = order.iter().map(|line| frame(LINES[*line])).collect();
        let played = |piece: usize| {
            let mut script = Script::connected(V1_2);
            let mut out = Vec::new();
            for octets in stream.as_bytes().chunks(piece) {
                script.session.on_octets(octets, script.now, &mut out);
            }
            out
        };
        prop_assert_eq!(played(piece), played(stream.len().max(1)));
    }
}
