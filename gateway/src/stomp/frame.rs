//! A client's frame after decoding: command, headers, body.

use std::fmt;

use bytes::Bytes;

use super::version::Version;

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a client frame asks for: the verb on its first line.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Command {
            $($(#[$doc])* $variant,)*
        }

        impl Command {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The first line of the frame. Case matters.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

commands! {
    /// Opens the session.
    Connect = "CONNECT",
    /// Opens the session, with a name that cannot be taken for HTTP.
    Stomp = "STOMP",
    /// Sends a body to a destination.
    Send = "SEND",
    /// Starts a subscription.
    Subscribe = "SUBSCRIBE",
    /// Ends a subscription.
    Unsubscribe = "UNSUBSCRIBE",
    /// Opens a transaction.
    Begin = "BEGIN",
    /// Carries a transaction out.
    Commit = "COMMIT",
    /// Drops a transaction.
    Abort = "ABORT",
    /// A message was consumed.
    Ack = "ACK",
    /// A message was not consumed. Since 1.1.
    Nack = "NACK",
    /// Ends the session.
    Disconnect = "DISCONNECT",
}

impl Command {
    /// The command with this name in this version; `None` stands for a session that has none yet.
    pub fn from_name(name: &str, version: Option<Version>) -> Option<Self> {
        let known = |command: &Self| command.name() == name;
        let command = Self::ALL.iter().copied().find(known)?;
        let in_version = command != Self::Nack || version != Some(Version::V1_0);
        in_version.then_some(command)
    }

    /// Whether it opens the session. Headers of such a frame are never escaped.
    pub const fn opens_session(self) -> bool {
        matches!(self, Self::Connect | Self::Stomp)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Header entries in the order they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(pub(super) Vec<(String, String)>);

impl Headers {
    /// Adds an entry at the end.
    pub fn push(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    /// The value of a header; of repeated ones the first (STOMP 1.2, "Repeated Header Entries").
    pub fn get(&self, name: &str) -> Option<&str> {
        let entry = self.0.iter().find(|(known, _)| known == name)?;
        Some(&entry.1)
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// One frame from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it asks for.
    pub command: Command,
    /// Unescaped as the session's version wants it.
    pub headers: Headers,
    /// Everything up to the NUL, or as many octets as `content-length` said.
    pub body: Bytes,
}

impl Frame {
    /// The value of a header; of repeated ones the first.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The same, to keep.
    pub fn owned_header(&self, name: &str) -> Option<String> {
        self.header(name).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_repeated_headers_wins() {
        let entries = [("foo", "World"), ("foo", "Hello"), ("Foo", "other")];
        let headers: Headers = entries
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(headers.get("foo"), Some("World"));
        assert_eq!(headers.get("Foo"), Some("other"));
        assert_eq!(headers.get("bar"), None);
    }

    #[test]
    fn commands_are_case_sensitive_and_nack_came_with_1_1() {
        for (name, version, expected) in [
            ("SEND", None, Some(Command::Send)),
            ("send", None, None),
            ("SEND ", None, None),
            ("MESSAGE", Some(Version::V1_2), None),
            ("NACK", Some(Version::V1_0), None),
            ("NACK", Some(Version::V1_1), Some(Command::Nack)),
            ("STOMP", None, Some(Command::Stomp)),
        ] {
            assert_eq!(
                Command::from_name(name, version),
                expected,
                "{name} in {version:?}"
            );
        }
    }
}
