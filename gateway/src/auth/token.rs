//! A bearer token as it came, before anybody looked at it (RFC 6750, section 2.1).

use std::fmt;

/// The scheme of an `Authorization` header, in any case (RFC 9110, section 11.1).
const SCHEME: &str = "bearer";

/// What a client shows to prove who it is. Prints as redacted: whoever reads it can be its user.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// From the value of an `Authorization` header: `Bearer <token>`. `None` for any other scheme.
    pub fn from_authorization(value: &str) -> Option<Self> {
        let (scheme, token) = value.trim().split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case(SCHEME);
        is_bearer.then(|| Self::bare(token))
    }

    /// From a text that is nothing but the token.
    pub fn bare(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The text, for whoever checks it.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_tokens_are_taken_and_none_is_printed() {
        for (header, token) in [
            ("Bearer a.b.c", Some("a.b.c")),
            ("bearer  a.b.c ", Some("a.b.c")),
            (" BEARER a.b.c", Some("a.b.c")),
            ("Basic YTpi", None),
            ("Bearer", None),
            ("a.b.c", None),
            ("", None),
        ] {
            let found = Token::from_authorization(header);
            assert_eq!(found.as_ref().map(Token::text), token, "{header:?}");
        }
        let printed = format!("{:?}", Token::bare("a.b.c"));
        assert_eq!(printed, "Token([redacted])");
    }
}
