//! SockJS frames: what the server wraps messages into, and what a client sends over the websocket transport.
//!
//! SockJS protocol 0.3.3, "Protocol and framing" and "JSON Unicode Encoding". A frame is one letter and, for
//! messages and closes, JSON: `o`, `h`, `a["…"]`, `c[code,"reason"]`. Not the transports' own wrapping around
//! a frame, such as the newline of xhr.

use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use thiserror::Error;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Opens a session.
pub const OPEN: &str = "o";

/// Keeps proxies from closing an idle connection. Not STOMP's heart-beat.
pub const HEARTBEAT: &str = "h";

/// Something from the client that is no JSON string and no JSON array of strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Broken JSON encoding.")]
pub struct BrokenPayload;

/// One message: `a["…"]`.
pub fn array(message: &str) -> String {
    let mut frame = String::with_capacity(message.len() + message.len() / 8 + 8);
    frame.push_str("a[");
    push_string(&mut frame, message);
    frame.push(']');
    frame
}

/// Several messages: `a["…","…"]`.
pub fn array_of<'a>(messages: impl IntoIterator<Item = &'a str>) -> String {
    let mut frame = String::from("a[");
    for (index, message) in messages.into_iter().enumerate() {
        if index > 0 {
            frame.push(',');
        }
        push_string(&mut frame, message);
    }
    frame.push(']');
    frame
}

/// Several frames of one message each as one frame: what [`array()`] made need not be escaped again.
pub fn join(frames: &[Utf8Bytes]) -> Utf8Bytes {
    if let [only] = frames {
        return only.clone();
    }
    let mut joined = String::with_capacity(frames.iter().map(|frame| frame.len()).sum());
    joined.push_str("a[");
    for (index, frame) in frames.iter().enumerate() {
        if index > 0 {
            joined.push(',');
        }
        let inside = frame
            .strip_prefix("a[")
            .and_then(|rest| rest.strip_suffix(']'));
        joined.push_str(inside.unwrap_or_default());
    }
    joined.push(']');
    joined.into()
}

/// Ends a session: `c[code,"reason"]`.
pub fn close(code: u16, reason: impl AsRef<str>) -> String {
    let mut frame = format!("c[{code},");
    push_string(&mut frame, reason.as_ref());
    frame.push(']');
    frame
}

/// Whether the protocol wants a UTF-16 unit escaped, beyond what JSON itself wants: browsers mangle these.
/// Surrogates are among them, so that characters beyond U+FFFF go out as two escapes.
const fn is_escaped(unit: u16) -> bool {
    matches!(unit, 0..=0x1f | 0x200c..=0x200f | 0x2028..=0x202f | 0x2060..=0x206f | 0xd800..=0xdfff | 0xfff0..=0xffff)
}

fn push_string(frame: &mut String, text: &str) {
    frame.push('"');
    for character in text.chars() {
        match character {
            '"' => frame.push_str("\\\""),
            '\\' => frame.push_str("\\\\"),
            '\n' => frame.push_str("\\n"),
            ' '..='~' => frame.push(character),
            _ => {
                let mut units = [0; 2];
                let units = character.encode_utf16(&mut units);
                if units.iter().any(|unit| is_escaped(*unit)) {
                    for unit in units {
                        // Writing to a String cannot fail.
                        let _ = write!(frame, "\\u{unit:04x}");
                    }
                } else {
                    frame.push(character);
                }
            }
        }
    }
    frame.push('"');
}

/// The messages in what a client sent over the websocket transport: an array of strings or a single one. An
/// empty payload carries none and is ignored, as the protocol wants.
///
/// # Errors
/// [`BrokenPayload`] for everything else; the protocol has the connection closed.
pub fn decode(payload: &str) -> Result<Vec<String>, BrokenPayload> {
    if payload.is_empty() {
        return Ok(Vec::new());
    }
    let Messages(messages) = serde_json::from_str(payload).map_err(|_| BrokenPayload)?;
    Ok(messages)
}

struct Messages(Vec<String>);

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Messages;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Messages, E> {
                Ok(Messages(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Messages, A::Error> {
                let mut messages = Vec::new();
                while let Some(message) = array.next_element::<String>()? {
                    messages.push(message);
                }
                Ok(Messages(messages))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_the_protocol_to_the_octet() {
        assert_eq!(array("x"), r#"a["x"]"#);
        assert_eq!(array("a\n\"\\\0"), r#"a["a\n\"\\\u0000"]"#);
        assert_eq!(array_of(["a", "b"]), r#"a["a","b"]"#);
        assert_eq!(array_of([]), "a[]");
        assert_eq!(close(3000, "Go away!"), r#"c[3000,"Go away!"]"#);
        assert_eq!(close(2010, "a\"b"), r#"c[2010,"a\"b"]"#);
    }

    #[test]
    fn characters_that_browsers_mangle_are_escaped() {
        for (text, expected) in [
            ("\u{1f}", r"\u001f"),
            ("\u{7f}", "\u{7f}"),
            ("é", "é"),
            ("\u{200b}", "\u{200b}"),
            ("\u{200c}", r"\u200c"),
            ("\u{200f}", r"\u200f"),
            ("\u{2028}", r"\u2028"),
            ("\u{202f}", r"\u202f"),
            ("\u{2060}", r"\u2060"),
            ("\u{206f}", r"\u206f"),
            ("\u{ffef}", "\u{ffef}"),
            ("\u{fff0}", r"\ufff0"),
            ("\u{ffff}", r"\uffff"),
            ("\u{1f600}", r"\ud83d\ude00"),
        ] {
            assert_eq!(array(text), format!("a[\"{expected}\"]"), "{text:?}");
        }
    }

    #[test]
    fn a_client_sends_an_array_or_a_single_string() {
        let broken = || Err(BrokenPayload);
        for (payload, expected) in [
            ("", Ok(vec![])),
            ("[]", Ok(vec![])),
            (r#""a""#, Ok(vec!["a"])),
            (r#"["a"]"#, Ok(vec!["a"])),
            (r#" [ "a" , "" ] "#, Ok(vec!["a", ""])),
            (r#"["\u0000\ud83d\ude00"]"#, Ok(vec!["\0\u{1f600}"])),
            ("[", broken()),
            (r#"["a"#, broken()),
            (r#"["a",]"#, broken()),
            (r#"["a"] x"#, broken()),
            ("1", broken()),
            ("null", broken()),
            ("{}", broken()),
            ("[1]", broken()),
            (r#"["a",null]"#, broken()),
            ("[[\"a\"]]", broken()),
            ("x", broken()),
        ] {
            let expected: Result<Vec<String>, _> =
                expected.map(|list| list.into_iter().map(str::to_owned).collect());
            assert_eq!(decode(payload), expected, "{payload:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_wrapped_reads_back(messages in proptest::collection::vec("(?s).{0,20}", 0..4)) {
            let frame = array_of(messages.iter().map(String::as_str));
            prop_assert_eq!(decode(&frame[1..]), Ok(messages.clone()));
            let apart: Vec<_> = messages.iter().map(|message| array(message).into()).collect();
            let joined = join(&apart);
            prop_assert_eq!(joined.as_str(), &frame);
            for message in messages {
                prop_assert_eq!(decode(&array(&message)[1..]), Ok(vec![message]));
            }
        }

        #[test]
        fn no_payload_panics(payload: String) {
            let _ = decode(&payload);
        }
    }
}
