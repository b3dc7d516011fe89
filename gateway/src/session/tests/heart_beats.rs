//! Heart-beats both ways.

use super::*;

/// A session whose client named these intervals, and whose server wants 10 seconds both ways.
fn connected(heart_beat: &str) -> Script {
    let mut script = Script::new(SessionLimits {
        heart_beat_receive_ms: 10_000,
        ..SessionLimits::default()
    });
    script.play(&format!(
        "CONNECT|accept-version:1.2|heart-beat:{heart_beat}"
    ));
    script
}

#[test]
fn without_agreement_there_are_none() {
    for heart_beat in ["0,0", "0,0", ""] {
        let mut script = match heart_beat {
            "" => Script::connected(V1_2),
            _ => connected(heart_beat),
        };
        assert_eq!(script.session.next_deadline(), None);
        script.check(&[("!wait 3600000", &[])]);
    }
    let mut script = Script::new(SessionLimits::default());
    script.play("CONNECT|heart-beat:1,1");
    assert_eq!(
        script.session.next_deadline(),
        None,
        "1.0 has no heart-beats"
    );
}

#[test]
fn a_beat_goes_out_before_the_interval_of_silence_is_over() {
    let mut script = connected("0,1000");
    script.check(&[
        ("!wait 8999", &[]),
        ("!wait 1", &["beat"]),
        ("!sent", &[]),
        ("!wait 9000", &["beat"]),
    ]);
    // Anything that goes out is as good as a beat.
    script.check(&[
        ("!wait 5000", &[]),
        ("!sent", &[]),
        ("!wait 8999", &[]),
        ("!wait 1", &["beat"]),
    ]);
}

#[test]
fn a_silent_client_is_given_three_intervals() {
    let mut script = connected("10000,0");
    script.check(&[
        ("!wait 29999", &[]),
        // Any octet is a sign of life, even of a frame that is never finished.
        ("!octets S", &[]),
        ("!wait 29999", &[]),
        ("!octets E", &[]),
        ("!wait 30000", &["close heart_beat_missed"]),
    ]);
    connected("20000,0").check(&[
        ("!wait 59999", &[]),
        ("!wait 1", &["close heart_beat_missed"]),
    ]);
}

#[test]
fn by_default_a_background_tab_that_beats_once_a_minute_lives() {
    let mut script = Script::new(SessionLimits::default());
    script.play("CONNECT|accept-version:1.2|heart-beat:10000,0");
    for _ in 0..10 {
        script.check(&[("!wait 60000", &[]), ("!octets \n", &[])]);
    }
    script.check(&[("!wait 75000", &["close heart_beat_missed"])]);
}

#[test]
fn silence_does_not_count_while_the_client_is_not_listened_to() {
    let mut script = connected("10000,10000");
    script.play("SUBSCRIBE|id:a|destination:/countries/4/events");
    script.check(&[
        ("!wait 60000", &["beat"]),
        ("!subscribed 1", &[]),
        ("!wait 9000", &["beat"]),
        ("!wait 20999", &["beat"]),
        ("!wait 1", &["close heart_beat_missed"]),
    ]);
}

#[test]
fn beats_go_on_while_disconnect_waits_for_its_commands() {
    let mut script = connected("10000,10000");
    script.play(JOIN);
    script.play("DISCONNECT");
    script.check(&[
        ("!wait 9000", &["beat"]),
        ("!wait 60000", &["beat"]),
        ("!stored 1", &["close client_disconnect"]),
    ]);
}

#[test]
fn intervals_beyond_time_itself_do_no_harm() {
    let mut script = connected("99999999999999999999,99999999999999999999");
    script.check(&[("!wait 3600000", &[])]);
    assert!(script.session.next_deadline().is_some());
}
