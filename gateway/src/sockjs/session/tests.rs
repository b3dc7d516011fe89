//! The session as a table: what is done to it, what a receiver then gets.

use super::*;

const TIMING: Timing = Timing {
    heartbeat: Duration::from_secs(25),
    disconnect_delay: Duration::from_secs(5),
};
const INTERRUPTED: &str = r#"c[1002,"Connection interrupted"]"#;
const GO_AWAY: &str = r#"c[3000,"Go away!"]"#;

#[derive(Debug, Clone, Copy)]
enum Do {
    Attach(ReceiverId),
    Refused(ReceiverId),
    Lease(ReceiverId, u64),
    Renew(ReceiverId, u64),
    /// What this receiver gets, and whether it is the last.
    Take(ReceiverId, &'static str, bool),
    Nothing(ReceiverId),
    Release(ReceiverId),
    Abort(ReceiverId),
    Push(&'static str),
    Close,
    /// Seconds pass.
    Wait(u64),
    /// On the deadline: whether the session is forgotten.
    Forgotten(bool),
    Closed(bool),
}

fn check(steps: &[Do]) {
    let start = Instant::now();
    let (mut session, mut now) = (SockJsSession::new(TIMING, start), start);
    for (index, step) in steps.iter().enumerate() {
        let place = format!("step {index}: {step:?}");
        match *step {
            Do::Attach(id) => assert_eq!(session.attach(id, None), Ok(()), "{place}"),
            Do::Refused(id) => {
                assert_eq!(session.attach(id, None), Err(AlreadyReceiving), "{place}");
            }
            Do::Lease(id, seconds) => {
                let lease = now + Duration::from_secs(seconds);
                assert_eq!(session.attach(id, Some(lease)), Ok(()), "{place}");
            }
            Do::Renew(id, seconds) => session.renew(id, now + Duration::from_secs(seconds)),
            Do::Take(id, text, last) => {
                assert_eq!(
                    session.take(id, now),
                    Some(SockJsFrame {
                        text: text.into(),
                        last
                    }),
                    "{place}"
                );
            }
            Do::Nothing(id) => assert_eq!(session.take(id, now), None, "{place}"),
            Do::Release(id) => session.release(id, now),
            Do::Abort(id) => session.abort(id, now),
            Do::Push(message) => session.push(frame::array(message).into()),
            Do::Close => session.close(3000, "Go away!", now),
            Do::Wait(seconds) => now += Duration::from_secs(seconds),
            Do::Forgotten(forgotten) => assert_eq!(session.on_deadline(now), forgotten, "{place}"),
            Do::Closed(closed) => assert_eq!(session.is_closed(), closed, "{place}"),
        }
    }
}

#[test]
fn a_session_opens_before_it_says_anything() {
    check(&[
        Do::Attach(1),
        Do::Push("x"),
        Do::Take(1, "o", false),
        Do::Take(1, r#"a["x"]"#, false),
        Do::Nothing(1),
    ]);
}

#[test]
fn messages_that_waited_come_in_one_frame_and_in_order() {
    check(&[
        Do::Attach(1),
        Do::Take(1, "o", false),
        Do::Release(1),
        Do::Push("x"),
        Do::Push("y\n"),
        Do::Attach(2),
        Do::Take(2, r#"a["x","y\n"]"#, false),
        Do::Nothing(2),
    ]);
}

#[test]
fn a_second_receiver_is_refused_until_the_first_has_left() {
    check(&[
        Do::Attach(1),
        Do::Take(1, "o", false),
        Do::Refused(2),
        Do::Release(1),
        Do::Attach(2),
        Do::Nothing(2),
    ]);
}

#[test]
fn a_receiver_that_breaks_off_ends_the_session() {
    check(&[
        Do::Attach(1),
        Do::Take(1, "o", false),
        Do::Push("lost"),
        Do::Abort(1),
        Do::Closed(true),
        Do::Attach(2),
        Do::Take(2, INTERRUPTED, true),
        Do::Attach(3),
        Do::Take(3, INTERRUPTED, true),
    ]);
}

#[test]
fn only_the_attached_receiver_can_release_or_break_off() {
    check(&[
        Do::Attach(1),
        Do::Take(1, "o", false),
        Do::Abort(2),
        Do::Release(2),
        Do::Closed(false),
        Do::Refused(2),
    ]);
}

#[test]
fn what_waits_goes_before_the_close_frame_which_everybody_gets() {
    check(&[
        Do::Attach(1),
        Do::Take(1, "o", false),
        Do::Release(1),
        Do::Push("ERROR"),
        Do::Close,
        Do::Push("too late"),
        Do::Attach(2),
        Do::Refused(3),
        Do::Take(2, r#"a["ERROR"]"#, false),
        Do::Take(2, GO_AWAY, true),
        Do::Attach(3),
        Do::Attach(4),
        Do::Take(4, GO_AWAY, true),
        Do::Take(3, GO_AWAY, true),
    ]);
}

#[test]
fn an_idle_receiver_gets_heartbeats() {
    check(&[
        Do::Attach(1),
        Do::Take(1, "o", false),
        Do::Wait(24),
        Do::Nothing(1),
        Do::Wait(1),
        Do::Take(1, "h", false),
        Do::Nothing(1),
        Do::Wait(25),
        Do::Forgotten(false),
        Do::Take(1, "h", false),
    ]);
}

#[test]
fn a_session_without_a_receiver_is_forgotten_after_the_disconnect_delay() {
    check(&[
        Do::Attach(1),
        Do::Take(1, "o", false),
        Do::Wait(60),
        Do::Forgotten(false),
        Do::Release(1),
        Do::Wait(4),
        Do::Forgotten(false),
        Do::Closed(false),
        Do::Wait(1),
        Do::Forgotten(true),
        Do::Closed(true),
    ]);
}

#[test]
fn a_closed_session_is_remembered_for_the_disconnect_delay() {
    check(&[
        Do::Attach(1),
        Do::Take(1, "o", false),
        Do::Close,
        Do::Take(1, GO_AWAY, true),
        Do::Wait(4),
        Do::Forgotten(false),
        Do::Attach(2),
        Do::Take(2, GO_AWAY, true),
        Do::Wait(1),
        Do::Forgotten(true),
    ]);
}

#[test]
fn a_receiver_elsewhere_must_be_heard_of() {
    check(&[
        Do::Lease(1, 10),
        Do::Take(1, "o", false),
        Do::Wait(9),
        Do::Renew(1, 10),
        Do::Renew(2, 99),
        Do::Wait(9),
        Do::Forgotten(false),
        Do::Closed(false),
        Do::Wait(1),
        Do::Forgotten(false),
        Do::Closed(true),
        Do::Take(1, INTERRUPTED, true),
    ]);
}

#[test]
fn whoever_is_not_attached_takes_nothing_of_an_open_session() {
    check(&[
        Do::Attach(1),
        Do::Take(1, "o", false),
        Do::Push("x"),
        Do::Take(2, INTERRUPTED, true),
        Do::Take(1, r#"a["x"]"#, false),
    ]);
}

#[test]
fn pending_messages_are_bounded_but_a_long_one_goes_alone() {
    let now = Instant::now();
    let mut session = SockJsSession::new(TIMING, now);
    session.attach(1, None).unwrap();
    session.take(1, now).unwrap();
    assert!(session.has_room(PENDING_OCTETS_MAX + 1));
    let message = |length| Utf8Bytes::from(frame::array(&"x".repeat(length)));
    session.push(message(FRAME_OCTETS_MAX + 1));
    assert!(!session.has_room(1));
    assert_eq!(
        session.take(1, now).unwrap().text,
        message(FRAME_OCTETS_MAX + 1)
    );
    session.push(message(PENDING_OCTETS_MAX / 2));
    assert!(session.has_room(PENDING_OCTETS_MAX / 4));
    assert!(!session.has_room(PENDING_OCTETS_MAX));
}

#[test]
fn deadlines_follow_the_receiver() {
    let now = Instant::now();
    let mut session = SockJsSession::new(TIMING, now);
    assert_eq!(session.end_due(), Some(now + TIMING.disconnect_delay));
    session.attach(1, None).unwrap();
    assert_eq!(session.end_due(), None);
    assert_eq!(session.heartbeat_due(), now + TIMING.heartbeat);
    let lease = now + Duration::from_secs(3);
    session.attach(1, Some(lease)).unwrap();
    assert_eq!(session.end_due(), Some(lease));
}

#[test]
fn a_close_frame_is_told_once_somebody_took_it() {
    let now = Instant::now();
    let mut session = SockJsSession::new(TIMING, now);
    session.attach(1, None).unwrap();
    session.take(1, now).unwrap();
    session.close(3000, "Go away!", now);
    assert!(!session.is_told());
    session.take(1, now).unwrap();
    assert!(session.is_told());
}
