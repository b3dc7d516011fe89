//! What a sending request carries: messages as a JSON array, bare or in a form.
//!
//! SockJS protocol 0.3.3, `XhrPolling` and `JsonPolling`.

use super::frame;

/// A payload that is refused, with the protocol's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPayload {
    /// There is none.
    #[error("Payload expected.")]
    Missing,
    /// It is no array of strings.
    #[error("Broken JSON encoding.")]
    Broken,
}

/// The messages of an `xhr_send` body. Its content type does not matter.
///
/// # Errors
/// What is wrong with it.
pub fn of_xhr(body: &[u8]) -> Result<Vec<String>, BadPayload> {
    if body.is_empty() {
        return Err(BadPayload::Missing);
    }
    let text = std::str::from_utf8(body).map_err(|_| BadPayload::Broken)?;
    frame::decode(text).map_err(|_| BadPayload::Broken)
}

/// The messages of a `jsonp_send` body: field `d` of a form, or the whole body.
///
/// # Errors
/// What is wrong with it.
pub fn of_jsonp(content_type: Option<&str>, body: &[u8]) -> Result<Vec<String>, BadPayload> {
    let essence = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return of_xhr(body);
    }
    let mut fields = form_urlencoded::parse(body);
    let (_, field) = fields
        .find(|(name, _)| name == "d")
        .ok_or(BadPayload::Missing)?;
    of_xhr(field.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(found: &Result<Vec<String>, BadPayload>) -> Result<Vec<&str>, BadPayload> {
        found
            .as_ref()
            .map(|list| list.iter().map(String::as_str).collect())
            .map_err(|bad| *bad)
    }

    #[test]
    fn xhr_send_takes_arrays_and_names_what_is_wrong() {
        for (body, expected) in [
            (&br#"["x"]"#[..], Ok(vec!["x"])),
            (br#"["a","b"]"#, Ok(vec!["a", "b"])),
            (b"[]", Ok(vec![])),
            (b"", Err(BadPayload::Missing)),
            (br#"["x"#, Err(BadPayload::Broken)),
            (b"{}", Err(BadPayload::Broken)),
            (b"[1]", Err(BadPayload::Broken)),
            (b"[\"\xff\"]", Err(BadPayload::Broken)),
        ] {
            assert_eq!(
                messages(&of_xhr(body)),
                expected,
                "{:?}",
                String::from_utf8_lossy(body)
            );
        }
    }

    #[test]
    fn jsonp_send_takes_a_form_or_plain_text() {
        let form = Some("application/x-www-form-urlencoded; charset=UTF-8");
        for (content_type, body, expected) in [
            (form, "d=%5B%22x%22%5D", Ok(vec!["x"])),
            (form, "d=%5B%5D", Ok(vec![])),
            (form, "d=%5B%22x", Err(BadPayload::Broken)),
            (form, "", Err(BadPayload::Missing)),
            (form, "d=", Err(BadPayload::Missing)),
            (form, "p=p", Err(BadPayload::Missing)),
            (Some("text/plain"), r#"["%61bc"]"#, Ok(vec!["%61bc"])),
            (None, r#"["x"]"#, Ok(vec!["x"])),
            (None, "", Err(BadPayload::Missing)),
        ] {
            assert_eq!(
                messages(&of_jsonp(content_type, body.as_bytes())),
                expected,
                "{content_type:?} {body:?}"
            );
        }
    }

    #[test]
    fn texts_are_the_protocols() {
        assert_eq!(BadPayload::Missing.to_string(), "Payload expected.");
        assert_eq!(BadPayload::Broken.to_string(), "Broken JSON encoding.");
    }
}
