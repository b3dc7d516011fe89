//! What an error of a publish proves: that NATS did not take the command, or nothing.

use std::error::Error;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self, ErrorCode};

/// Whether NATS said no: nobody leads the stream, or the stream is full or out of order.
///
/// One answer of the server is no such no: a message of the same id is just being stored, sent by another gateway
/// or by an earlier attempt, so that the command is about to take effect.
pub(super) fn is_refusal(error: &PublishError) -> bool {
    match error.kind() {
        PublishErrorKind::StreamNotFound => true,
        PublishErrorKind::Other => error
            .source()
            .and_then(|source| source.downcast_ref::<jetstream::Error>())
            .is_some_and(|said| said.error_code() != ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(err_code: u64) -> PublishError {
        let said = serde_json::json!({ "code": 400, "err_code": err_code, "description": "" });
        let said: jetstream::Error = serde_json::from_value(said).unwrap();
        PublishError::with_source(PublishErrorKind::Other, said)
    }

    #[test]
    fn a_full_stream_and_a_stream_without_a_leader_refuse() {
        assert!(is_refusal(&said(ErrorCode::STREAM_STORE_FAILED.0)));
        let nobody = PublishError::new(PublishErrorKind::StreamNotFound);
        assert!(is_refusal(&nobody));
    }

    #[test]
    fn a_command_that_is_just_being_stored_is_not_refused() {
        let under_way = said(ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT.0);
        assert!(!is_refusal(&under_way));
    }

    #[test]
    fn silence_and_garbage_refuse_nothing() {
        for kind in [
            PublishErrorKind::TimedOut,
            PublishErrorKind::BrokenPipe,
            PublishErrorKind::Other,
        ] {
            assert!(!is_refusal(&PublishError::new(kind)), "{kind:?}");
        }
    }
}
