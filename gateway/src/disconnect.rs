//! Every reason why a connection ends (contract section 8): the one table of close codes.
//!
//! Codes below 4000 are RFC 6455's; those from 4000 are ours, for what it has no code for. SockJS clients get the
//! same numbers in their close frame.

use std::fmt;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disconnect {
    /// The client sent DISCONNECT and everything before it is answered.
    ClientDisconnect,
    /// The client closed, or its connection broke. Nobody is left to read code and reason.
    ClientGone,
    /// The process is about to stop; the client should come back after the delay, which differs from client to
    /// client so that they do not all come at once.
    GoingAway {
        /// How long the client should wait, in milliseconds.
        reconnect_delay_ms: u32,
    },
    /// The connection is as old as it may become; another one may find a gateway with less to do.
    ConnectionAge {
        /// How long the client should wait, in milliseconds.
        reconnect_delay_ms: u32,
    },
    /// A breach of STOMP; an ERROR frame said which.
    ProtocolError,
    /// A breach of the WebSocket protocol.
    WebSocketProtocol,
    /// A text message that is not UTF-8.
    InvalidUtf8,
    /// A SockJS message that is not JSON, or no array of strings.
    SockJsPayload,
    /// A bound of the session other than those of a frame; an ERROR frame said which.
    LimitExceeded,
    /// A frame, or one of its headers, beyond its bounds.
    FrameTooLarge,
    /// No CONNECT in time.
    ConnectDeadline,
    /// The client promised heart-beats and fell silent.
    HeartBeatMissed,
    /// The client reads more slowly than its chats speak; it can resume from the last event it saw.
    SlowConsumer,
    /// CONNECT without a valid token.
    Unauthorized,
    /// CONNECT with a token that nobody can check at the moment.
    AuthenticationUnavailable,
    /// The token's time is over.
    TokenExpired,
    /// The client was refused for its rate time and again, and went on.
    RateLimited,
    /// An operator ended the session.
    Operator,
    /// A fault of ours.
    Internal,
}

impl Disconnect {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 19] = [
        Self::ClientDisconnect,
        Self::ClientGone,
        Self::GoingAway {
            reconnect_delay_ms: 0,
        },
        Self::ConnectionAge {
            reconnect_delay_ms: 0,
        },
        Self::ProtocolError,
        Self::WebSocketProtocol,
        Self::InvalidUtf8,
        Self::SockJsPayload,
        Self::LimitExceeded,
        Self::FrameTooLarge,
        Self::ConnectDeadline,
        Self::HeartBeatMissed,
        Self::SlowConsumer,
        Self::Unauthorized,
        Self::AuthenticationUnavailable,
        Self::TokenExpired,
        Self::RateLimited,
        Self::Operator,
        Self::Internal,
    ];

    /// The WebSocket close code.
    pub const fn code(self) -> u16 {
        match self {
            // 1000 also for whoever is gone: 1006, its code at the other end, must never be sent.
            Self::ClientDisconnect | Self::ClientGone => 1000,
            Self::ProtocolError | Self::WebSocketProtocol => 1002,
            Self::InvalidUtf8 | Self::SockJsPayload => 1007,
            Self::LimitExceeded => 1008,
            Self::FrameTooLarge => 1009,
            Self::Internal => 1011,
            Self::GoingAway { .. } | Self::ConnectionAge { .. } => 1012,
            // "Try again later", as registered with IANA.
            Self::AuthenticationUnavailable => 1013,
            Self::ConnectDeadline => 4000,
            Self::HeartBeatMissed => 4001,
            Self::SlowConsumer => 4002,
            Self::Unauthorized => 4003,
            Self::TokenExpired => 4004,
            Self::Operator => 4005,
            // 4000 and the number of HTTP's Too Many Requests.
            Self::RateLimited => 4429,
        }
    }

    /// The short text beside the code; RFC 6455 allows it 123 octets.
    pub fn reason(self) -> String {
        let text = match self {
            Self::ClientDisconnect => "disconnected",
            Self::ClientGone => "client gone",
            Self::GoingAway { reconnect_delay_ms } => {
                return format!("going away, reconnect in {reconnect_delay_ms} ms");
            }
            Self::ConnectionAge { reconnect_delay_ms } => {
                return format!("connection too old, reconnect in {reconnect_delay_ms} ms");
            }
            Self::ProtocolError => "STOMP protocol error",
            Self::WebSocketProtocol => "WebSocket protocol error",
            Self::InvalidUtf8 => "text is not UTF-8",
            Self::SockJsPayload => "broken JSON encoding",
            Self::LimitExceeded => "session limit exceeded",
            Self::FrameTooLarge => "frame too large",
            Self::ConnectDeadline => "no CONNECT in time",
            Self::HeartBeatMissed => "heart-beat missed",
            Self::SlowConsumer => "slow consumer",
            Self::Unauthorized => "unauthorized",
            Self::AuthenticationUnavailable => "tokens cannot be checked",
            Self::TokenExpired => "token expired",
            Self::RateLimited => "rate limited",
            Self::Operator => "disconnected by an operator",
            Self::Internal => "internal error",
        };
        text.to_owned()
    }

    /// Whether the same client, doing the same again, may fare better.
    pub const fn reconnect(self) -> bool {
        match self {
            Self::ClientGone
            | Self::GoingAway { .. }
            | Self::ConnectionAge { .. }
            | Self::ConnectDeadline
            | Self::HeartBeatMissed
            | Self::SlowConsumer
            | Self::AuthenticationUnavailable
            // With a fresh token.
            | Self::TokenExpired
            | Self::Internal => true,
            Self::ClientDisconnect
            | Self::ProtocolError
            | Self::WebSocketProtocol
            | Self::InvalidUtf8
            | Self::SockJsPayload
            | Self::LimitExceeded
            | Self::FrameTooLarge
            | Self::RateLimited
            | Self::Unauthorized
            // Whoever ended the session does not want it back; nothing but a token that is refused keeps a user out.
            | Self::Operator => false,
        }
    }

    /// The label of metrics and log lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientDisconnect => "client_disconnect",
            Self::ClientGone => "client_gone",
            Self::GoingAway { .. } => "going_away",
            Self::ConnectionAge { .. } => "connection_age",
            Self::ProtocolError => "protocol_error",
            Self::WebSocketProtocol => "websocket_protocol",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::SockJsPayload => "sockjs_payload",
            Self::LimitExceeded => "limit_exceeded",
            Self::FrameTooLarge => "frame_too_large",
            Self::ConnectDeadline => "connect_deadline",
            Self::HeartBeatMissed => "heart_beat_missed",
            Self::SlowConsumer => "slow_consumer",
            Self::Unauthorized => "unauthorized",
            Self::AuthenticationUnavailable => "authentication_unavailable",
            Self::TokenExpired => "token_expired",
            Self::RateLimited => "rate_limited",
            Self::Operator => "operator",
            Self::Internal => "internal",
        }
    }

    /// The `message` of the ERROR frame that goes before the close when the server ends the session by itself.
    ///
    /// Only where the client did something that it should hear of: client libraries take ERROR for a fault, and
    /// some throw, so going away, slow consumers and missed heart-beats are told by the close alone. And only in
    /// STOMP: nobody who breaks SockJS's framing would hear anything inside it.
    pub const fn error_message(self) -> Option<&'static str> {
        match self {
            Self::ProtocolError => Some("Protocol error"),
            Self::FrameTooLarge => Some("The frame is too large"),
            Self::ConnectDeadline => Some("No CONNECT frame came in time"),
            Self::Unauthorized => Some("UNAUTHORIZED"),
            Self::AuthenticationUnavailable => Some("UNAVAILABLE"),
            Self::TokenExpired => Some("TOKEN_EXPIRED"),
            Self::RateLimited => Some("RATE_LIMITED"),
            _ => None,
        }
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_reasons_fit_a_close_frame() {
        let names: HashSet<_> = Disconnect::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Disconnect::ALL.len());
        let longest = Disconnect::ConnectionAge {
            reconnect_delay_ms: u32::MAX,
        };
        for reason in Disconnect::ALL.into_iter().chain([longest]) {
            assert!(reason.reason().len() <= 123, "{reason}");
        }
    }

    #[test]
    fn every_code_may_be_sent_by_a_server() {
        for reason in Disconnect::ALL {
            let code = reason.code();
            // 1004 to 1006 and 1015 never appear in a close frame; 1010 is the client's.
            let sendable = matches!(code, 1000..=1003 | 1007..=1009 | 1011..=1014 | 4000..=4999);
            assert!(sendable, "{reason} has {code}");
        }
    }
}
