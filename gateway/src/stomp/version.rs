//! The protocol versions and their negotiation (STOMP 1.2, "Protocol Negotiation").

use std::fmt;

/// A version of STOMP that we speak. Later ones compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// STOMP 1.0.
    V1_0,
    /// STOMP 1.1.
    V1_1,
    /// STOMP 1.2.
    V1_2,
}

impl Version {
    /// All of them, lowest first.
    pub const ALL: [Self; 3] = [Self::V1_0, Self::V1_1, Self::V1_2];

    /// What the ERROR frame lists in its `version` header when there is no common version.
    pub const SUPPORTED: &str = "1.0,1.1,1.2";

    /// As in the headers `accept-version` and `version`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }

    /// The highest version that both sides speak, from the value of `accept-version`; without that header the
    /// client speaks 1.0 only.
    ///
    /// The list may be in any order. Blanks around its entries are forgiven, since a version has none.
    pub fn negotiate(accept_version: Option<&str>) -> Option<Self> {
        let Some(list) = accept_version else {
            return Some(Self::V1_0);
        };
        let offered = |version: &Self| list.split(',').any(|entry| entry.trim() == version.name());
        Self::ALL.into_iter().rev().find(offered)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_is_chosen() {
        for (accept_version, expected) in [
            (None, Some(Version::V1_0)),
            (Some("1.0"), Some(Version::V1_0)),
            (Some("1.1"), Some(Version::V1_1)),
            (Some("1.2"), Some(Version::V1_2)),
            (Some("1.0,1.1,1.2"), Some(Version::V1_2)),
            (Some("1.2,1.1,1.0"), Some(Version::V1_2)),
            (Some("1.0,1.1,2.0"), Some(Version::V1_1)),
            (Some("1.0, 1.1"), Some(Version::V1_1)),
            (Some("2.0"), None),
            (Some("1.20"), None),
            (Some("1"), None),
            (Some(""), None),
        ] {
            assert_eq!(
                Version::negotiate(accept_version),
                expected,
                "{accept_version:?}"
            );
        }
    }

    #[test]
    fn the_list_of_supported_versions_is_complete() {
        assert_eq!(
            Version::ALL.map(Version::name).join(","),
            Version::SUPPORTED
        );
    }
}
