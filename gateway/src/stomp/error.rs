//! Everything a client can do against the protocol; each gets an ERROR frame and ends the session.
//!
//! What merely cannot be carried out is no violation but a [`crate::refusal::Refusal`], and the session goes on.

use thiserror::Error;

use super::frame::Command;
use super::version::Version;
use crate::disconnect::Disconnect;

/// Longest part of an unknown command that is repeated to the client, in characters.
pub const UNKNOWN_COMMAND_SHOWN_MAX: usize = 64;

/// A breach of the protocol. Its text is the ERROR frame's `message` header, so it has no `:`, no `\` and
/// nothing from the client: clients in the field unescape badly, and headers are no place for foreign text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Violation {
    /// See [`super::decode::DecodeLimits::frame_octets_max`].
    #[error("The frame is longer than {octets_max} octets")]
    FrameTooLarge {
        /// The limit.
        octets_max: usize,
    },
    /// See [`super::decode::DecodeLimits::header_octets_max`].
    #[error("A header is longer than {octets_max} octets")]
    HeaderTooLong {
        /// The limit.
        octets_max: usize,
    },
    /// See [`super::decode::DecodeLimits::headers_max`].
    #[error("The frame has more than {max} headers")]
    TooManyHeaders {
        /// The limit.
        max: usize,
    },
    /// Command and headers are UTF-8 in every version.
    #[error("Command and headers must be UTF-8")]
    NotUtf8,
    /// A NUL came before the blank line.
    #[error("The frame ends before the blank line that follows its headers")]
    HeadUnfinished,
    /// A header line without a colon, or with nothing before it.
    #[error("A header line is not of the form name, colon, value")]
    BadHeader,
    /// In 1.2 a carriage return may only stand before a line feed.
    #[error("A carriage return must be escaped or stand before a line feed")]
    StrayCarriageReturn,
    /// A backslash before something that the version gives no meaning.
    #[error("A header has an undefined escape sequence")]
    UndefinedEscape,
    /// `content-length` is no number of octets.
    #[error("The content-length header is not a number of octets")]
    BadContentLength,
    /// The octet after the body is not NUL.
    #[error("The body is not followed by NUL where content-length says that it ends")]
    BodyUnfinished,
    /// No command of this version.
    #[error("Unknown command")]
    UnknownCommand(
        /// The command as it came.
        String,
    ),
    /// A frame before CONNECT.
    #[error("The first frame must be CONNECT or STOMP")]
    NotConnected,
    /// A second CONNECT.
    #[error("The session is connected already")]
    AlreadyConnected,
    /// `accept-version` names none of ours.
    #[error("No common protocol version")]
    NoCommonVersion,
    /// `heart-beat` is not two numbers of milliseconds.
    #[error("The heart-beat header is not two numbers of milliseconds")]
    BadHeartBeat,
    /// Since 1.1 only SEND may have one, of all client frames.
    #[error("{0} must not have a body")]
    BodyNotAllowed(
        /// Of the frame.
        Command,
    ),
    /// A header that the version requires.
    #[error("{command} needs the header {header}")]
    MissingHeader {
        /// Of the frame.
        command: Command,
        /// Its name.
        header: &'static str,
    },
    /// 1.0 has `auto` and `client`; later versions `client-individual` as well.
    #[error("The ack header of SUBSCRIBE has a value that this version does not know")]
    BadAckMode,
    /// Within a connection, subscriptions have different ids.
    #[error("There is already a subscription with this id")]
    DuplicateSubscription,
    /// ACK or NACK of something that was never sent.
    #[error("There is no such message to acknowledge")]
    UnknownMessage,
    /// Within a connection, open transactions have different ids.
    #[error("There is already a transaction with this id")]
    DuplicateTransaction,
    /// It was never begun, or is over.
    #[error("There is no transaction with this id")]
    UnknownTransaction,
    /// See [`crate::session::SessionLimits::transactions_max`].
    #[error("There are already {max} open transactions")]
    TooManyTransactions {
        /// The limit.
        max: usize,
    },
    /// See [`crate::session::SessionLimits::transaction_frames_max`].
    #[error("The transaction has more than {max} frames")]
    TransactionTooLong {
        /// The limit.
        max: usize,
    },
    /// See [`crate::session::SessionLimits::transaction_octets_max`].
    #[error("The open transactions hold more than {octets_max} octets")]
    TransactionTooLarge {
        /// The limit.
        octets_max: usize,
    },
}

impl Violation {
    /// Why the connection is closed after the ERROR frame.
    pub const fn disconnect(&self) -> Disconnect {
        match self {
            Self::FrameTooLarge { .. }
            | Self::HeaderTooLong { .. }
            | Self::TooManyHeaders { .. } => Disconnect::FrameTooLarge,
            Self::TooManyTransactions { .. }
            | Self::TransactionTooLong { .. }
            | Self::TransactionTooLarge { .. } => Disconnect::LimitExceeded,
            _ => Disconnect::ProtocolError,
        }
    }

    /// The body of the ERROR frame, where there is more to say than its `message` header may hold.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::UnknownCommand(name) => {
                let shown: String = name.chars().take(UNKNOWN_COMMAND_SHOWN_MAX).collect();
                Some(format!("Unknown command: {shown}"))
            }
            Self::NoCommonVersion => {
                let versions = Version::ALL.map(Version::name).join(" ");
                Some(format!("Supported protocol versions are {versions}"))
            }
            _ => None,
        }
    }
}

/// A violation that the decoder found, with the `receipt` of the frame if it could be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{violation}")]
pub struct DecodeError {
    /// What is wrong.
    pub violation: Violation,
    /// To be repeated in the ERROR frame.
    pub receipt: Option<String>,
}
