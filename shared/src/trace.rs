//! W3C trace context in one line of text, so that one trace runs through every process.
//!
//! Follows <https://www.w3.org/TR/trace-context/>, `traceparent` only. Unsampled context is not carried: it
//! would cost every command a header and tell nobody anything.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Name of the header, in STOMP and in NATS.
pub const HEADER: &str = "traceparent";

/// One for the process, as the subscriber of its spans is.
static IS_EXPORTED: AtomicBool = AtomicBool::new(false);

/// Whether traces go anywhere. If not, a span for each command would cost more than what it tells the log.
pub fn is_exported() -> bool {
    IS_EXPORTED.load(Ordering::Relaxed)
}

/// Says that they do, from now on.
pub(crate) fn set_exported() {
    IS_EXPORTED.store(true, Ordering::Relaxed);
}

/// The `traceparent` of a span, when its trace is sampled.
pub fn traceparent(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    (span.is_valid() && span.is_sampled())
        .then(|| format!("00-{}-{}-01", span.trace_id(), span.span_id()))
}

/// Makes `span` a child of the span named by `traceparent`. Anything malformed is ignored, as W3C asks.
pub fn continue_from(span: &Span, traceparent: &str) {
    if let Some(parent) = parse(traceparent) {
        // Without an OpenTelemetry layer there is no trace to continue, which is no failure.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
    }
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length| {
        text.len() == length
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let well_formed =
        hex(version, 2) && version != "ff" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    // Version 00 has exactly four parts; later versions may have more.
    if !well_formed || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(parent).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_context_is_followed() {
        assert!(parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").is_some());
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert!(parse(bad).is_none(), "{bad:?}");
        }
    }
}
