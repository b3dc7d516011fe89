//! Every reason why a client is not believed.
//!
//! Clients read [`Unproven::detail`], logs and metrics [`Unproven::name`]. Neither says anything of the token's
//! contents.

use jsonwebtoken::errors::ErrorKind;
use shared::error_code::ErrorCode;

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unproven {
    /// There is none.
    Missing,
    /// It is longer than any token has to be.
    TooLong,
    /// It is no JSON Web Token, or one with claims or headers that cannot be.
    Malformed,
    /// It says that it is signed with another algorithm than its key is for.
    Algorithm,
    /// None of the issuer's keys has the id that it names.
    UnknownKey,
    /// It was not signed with the key that it names.
    Signature,
    /// It never expires.
    NoExpiry,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// Somebody else issued it.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// It names no user.
    NoUser,
    /// Nobody can tell: the issuer's keys could not be had. The only one that may pass by itself.
    KeysUnavailable,
}

impl Unproven {
    /// All of them, in the order in which a token is looked at.
    pub const ALL: [Self; 13] = [
        Self::Missing,
        Self::TooLong,
        Self::Malformed,
        Self::Algorithm,
        Self::UnknownKey,
        Self::Signature,
        Self::NoExpiry,
        Self::Expired,
        Self::NotYetValid,
        Self::Issuer,
        Self::Audience,
        Self::NoUser,
        Self::KeysUnavailable,
    ];

    /// The code that clients get.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::KeysUnavailable => ErrorCode::Unavailable,
            _ => ErrorCode::Unauthorized,
        }
    }

    /// One sentence for people.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Missing => "There is no bearer token",
            Self::TooLong => "The token is too long",
            Self::Malformed => "The token is no valid JSON Web Token",
            Self::Algorithm => "The token is signed with an algorithm that its key is not for",
            Self::UnknownKey => "The token names a key that its issuer does not have",
            Self::Signature => "The token's signature is wrong",
            Self::NoExpiry => "The token does not say when it expires",
            Self::Expired => "The token has expired",
            Self::NotYetValid => "The token is not valid yet",
            Self::Issuer => "The token is of another issuer",
            Self::Audience => "The token is for another audience",
            Self::NoUser => "The token does not say whose it is",
            Self::KeysUnavailable => "Tokens cannot be checked at the moment",
        }
    }

    /// The label of metrics and log lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::NoExpiry => "no_expiry",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::NoUser => "no_user",
            Self::KeysUnavailable => "keys_unavailable",
        }
    }

    /// What the library found.
    pub(super) fn from_library(error: &ErrorKind) -> Self {
        match error {
            ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => Self::Algorithm,
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYetValid,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::InvalidAudience => Self::Audience,
            ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
                "iss" => Self::Issuer,
                "aud" => Self::Audience,
                _ => Self::NoExpiry,
            },
            _ => Self::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_and_a_sentence_of_its_own() {
        let names: HashSet<_> = Unproven::ALL.iter().map(|reason| reason.name()).collect();
        let details: HashSet<_> = Unproven::ALL.iter().map(|reason| reason.detail()).collect();
        assert_eq!(names.len(), Unproven::ALL.len());
        assert_eq!(details.len(), Unproven::ALL.len());
    }
}
