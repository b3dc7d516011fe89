//! `START_TYPING` that says nothing new.

use super::*;

fn typing(interval: Duration) -> Script {
    Script::connected_with(
        V1_2,
        SessionLimits {
            typing_interval_min: interval,
            ..SessionLimits::default()
        },
    )
}

fn send(verb: &str, author: u32, chat: u32) -> String {
    format!(
        r#"SEND|destination:/chat/events.{verb}|receipt:{verb}||{{"authorId":{author},"chatId":{chat}}}"#
    )
}

#[test]
fn a_repetition_is_answered_and_goes_no_further() {
    let mut script = typing(Duration::from_secs(3));
    let start = send("startTyping", 1, 4);
    script.check(&[
        (&start, &["publish 1 START_TYPING by 1 in 4"]),
        // Nothing is stored yet.
        (&start, &["publish 2 START_TYPING by 1 in 4"]),
        ("!stored 1", &["RECEIPT|receipt-id:startTyping"]),
        ("!stored 2", &["RECEIPT|receipt-id:startTyping"]),
        ("!wait 2999", &[]),
        (&start, &["RECEIPT|receipt-id:startTyping"]),
        (&start, &["RECEIPT|receipt-id:startTyping"]),
        // Answering a repetition does not put off the next that counts.
        ("!wait 1", &[]),
        (&start, &["publish 3 START_TYPING by 1 in 4"]),
    ]);
}

#[test]
fn what_says_something_new_is_carried_out() {
    for other in [
        send("startTyping", 2, 4),
        send("startTyping", 1, 5),
        send("stopTyping", 1, 4),
        send("leaveChat", 1, 4),
    ] {
        let mut script = typing(Duration::from_secs(3));
        script.play(&send("startTyping", 1, 4));
        script.play("!stored 1");
        assert!(script.play(&other)[0].starts_with("publish 2"), "{other}");
    }
}

#[test]
fn after_the_end_of_typing_it_begins_anew() {
    for end in ["stopTyping", "leaveChat"] {
        let mut script = typing(Duration::from_secs(3));
        let start = send("startTyping", 1, 4);
        script.play(&start);
        script.play("!stored 1");
        script.play(&send(end, 1, 4));
        // While the end is on its way as well as after it.
        script.check(&[(&start, &["publish 3 START_TYPING by 1 in 4"])]);
    }
    let mut script = typing(Duration::from_secs(3));
    let start = send("startTyping", 1, 4);
    for line in [&start, "!stored 1", &send("stopTyping", 1, 4), "!stored 2"] {
        script.play(line);
    }
    script.check(&[(&start, &["publish 3 START_TYPING by 1 in 4"])]);
}

#[test]
fn what_was_refused_is_not_repeated() {
    let mut script = typing(Duration::from_secs(3));
    let start = send("startTyping", 1, 4);
    script.play(&start);
    script.play("!rejected 1 NOT_JOINED");
    script.check(&[(&start, &["publish 2 START_TYPING by 1 in 4"])]);
}

#[test]
fn by_default_everything_is_carried_out() {
    let mut script = typing(Duration::ZERO);
    let start = send("startTyping", 1, 4);
    script.play(&start);
    script.play("!stored 1");
    script.check(&[(&start, &["publish 2 START_TYPING by 1 in 4"])]);
}
