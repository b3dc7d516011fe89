//! Escapes in header names and values, a table per version ("Value Encoding" in STOMP 1.1 and 1.2).
//!
//! | octet | 1.0 | 1.1 | 1.2 |
//! | --- | --- | --- | --- |
//! | line feed | – | `\n` | `\n` |
//! | colon | – | `\c` | `\c` |
//! | backslash | – | `\\` | `\\` |
//! | carriage return | – | – | `\r` |
//!
//! Any other sequence is a fatal protocol error. CONNECT and CONNECTED are never escaped, and neither is what
//! is sent before a version is agreed on: that is what `None` stands for.

use std::borrow::Cow;

use super::version::Version;

/// A backslash before something that the version gives no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndefinedEscape;

/// The octet for the letter after a backslash.
const fn meaning(letter: char, version: Version) -> Option<char> {
    match letter {
        'n' => Some('\n'),
        'c' => Some(':'),
        '\\' => Some('\\'),
        'r' if matches!(version, Version::V1_2) => Some('\r'),
        _ => None,
    }
}

/// From the wire. In 1.0, where headers were often padded (its own examples are), blanks around the text are
/// taken away; 1.1 and 1.2 forbid that.
pub fn unescape(text: &str, version: Option<Version>) -> Result<Cow<'_, str>, UndefinedEscape> {
    let version = match version {
        None => return Ok(Cow::Borrowed(text)),
        Some(Version::V1_0) => return Ok(Cow::Borrowed(text.trim_matches(' '))),
        Some(version) => version,
    };
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            let letter = characters.next().ok_or(UndefinedEscape)?;
            plain.push(meaning(letter, version).ok_or(UndefinedEscape)?);
        } else {
            plain.push(character);
        }
    }
    Ok(Cow::Owned(plain))
}

/// To the wire.
///
/// Where the version has no escapes, a line feed would end the header and let a client's text pass for a header
/// of ours; it becomes a blank. So does NUL everywhere, which no version can express. Neither comes out of
/// [`unescape`], so this is a second lock on the same door.
pub fn escape(text: &str, version: Option<Version>) -> Cow<'_, str> {
    let special = |character| escaped(character, version).is_some();
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut wire = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match escaped(character, version) {
            Some(sequence) => wire.push_str(sequence),
            None => wire.push(character),
        }
    }
    Cow::Owned(wire)
}

const fn escaped(character: char, version: Option<Version>) -> Option<&'static str> {
    match (character, version) {
        ('\0', _) | ('\n', None | Some(Version::V1_0)) => Some(" "),
        (_, None | Some(Version::V1_0)) => None,
        ('\n', _) => Some("\\n"),
        (':', _) => Some("\\c"),
        ('\\', _) => Some("\\\\"),
        ('\r', Some(Version::V1_2)) => Some("\\r"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_version_has_its_own_table() {
        let (v1_0, v1_1, v1_2) = (
            Some(Version::V1_0),
            Some(Version::V1_1),
            Some(Version::V1_2),
        );
        let undefined = Err(UndefinedEscape);
        for (text, version, expected) in [
            (r"a\nb\cc\\d", None, Ok(r"a\nb\cc\\d")),
            (r"a\nb\cc\\d", v1_0, Ok(r"a\nb\cc\\d")),
            (r"a\nb\cc\\d", v1_1, Ok("a\nb:c\\d")),
            (r"a\nb\cc\\d", v1_2, Ok("a\nb:c\\d")),
            (r"\r", v1_1, undefined),
            (r"\r", v1_2, Ok("\r")),
            (r"\t", v1_1, undefined),
            (r"\t", v1_2, undefined),
            (r"\t", v1_0, Ok(r"\t")),
            ("\\", v1_2, undefined),
            ("a:b", v1_2, Ok("a:b")),
            (" a ", v1_0, Ok("a")),
            (" a ", v1_1, Ok(" a ")),
            (" a ", v1_2, Ok(" a ")),
            (" a ", None, Ok(" a ")),
        ] {
            let plain = unescape(text, version);
            assert_eq!(
                plain.as_deref(),
                expected.as_ref().copied(),
                "{text:?} in {version:?}"
            );
        }
    }

    #[test]
    fn nothing_escaped_can_end_a_header_or_a_frame() {
        for version in [
            None,
            Some(Version::V1_0),
            Some(Version::V1_1),
            Some(Version::V1_2),
        ] {
            let wire = escape("a\n:\\\r\0b", version);
            assert!(!wire.contains(['\n', '\0']), "{wire:?} in {version:?}");
        }
        assert!(!escape("a\r", Some(Version::V1_2)).contains('\r'));
    }

    proptest! {
        #[test]
        fn what_is_escaped_reads_back(text in "[^\0]*", later: bool) {
            let version = Some(if later { Version::V1_2 } else { Version::V1_1 });
            let wire = escape(&text, version).into_owned();
            prop_assert_eq!(unescape(&wire, version), Ok(Cow::Borrowed(text.as_str())));
        }
    }
}
