//! How each receiving transport puts frames into the body of its response.
//!
//! SockJS protocol 0.3.3, `XhrPolling` to `JsonPolling`. Pure text; what the frames say is the session's
//! business.

use super::callback::Callback;
use super::handle::Appetite;

/// Octets that make browsers hand over the first part of a response before it is complete.
const XHR_PRELUDE_OCTETS: usize = 2_048;

/// The same for htmlfile.
const HTMLFILE_PRELUDE_OCTETS: usize = 1_024;

/// A receiving transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dress {
    /// `xhr`: one frame a response.
    Xhr,
    /// `xhr_streaming`: many.
    XhrStreaming,
    /// `eventsource`: many, as server-sent events.
    EventSource,
    /// `htmlfile`: many, each a script of an endless page.
    HtmlFile(Callback),
    /// `jsonp`: one, as a call.
    Jsonp(Callback),
}

impl Dress {
    /// Label of metrics and log lines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Xhr => "sockjs-xhr",
            Self::XhrStreaming => "sockjs-xhr-streaming",
            Self::EventSource => "sockjs-eventsource",
            Self::HtmlFile(_) => "sockjs-htmlfile",
            Self::Jsonp(_) => "sockjs-jsonp",
        }
    }

    /// How many frames a response has.
    pub const fn appetite(&self) -> Appetite {
        match self {
            Self::Xhr | Self::Jsonp(_) => Appetite::One,
            Self::XhrStreaming | Self::EventSource | Self::HtmlFile(_) => Appetite::Many,
        }
    }

    /// Content type of the response.
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::Xhr | Self::XhrStreaming | Self::Jsonp(_) => {
                "application/javascript; charset=UTF-8"
            }
            Self::EventSource => "text/event-stream",
            Self::HtmlFile(_) => "text/html; charset=UTF-8",
        }
    }

    /// What stands before the first frame.
    pub fn prelude(&self) -> String {
        match self {
            Self::Xhr | Self::Jsonp(_) => String::new(),
            Self::XhrStreaming => "h".repeat(XHR_PRELUDE_OCTETS) + "\n",
            // For a bug of Opera's.
            Self::EventSource => "\r\n".to_owned(),
            Self::HtmlFile(callback) => htmlfile_head(callback),
        }
    }

    /// One frame.
    pub fn frame(&self, frame: &str) -> String {
        match self {
            Self::Xhr | Self::XhrStreaming => format!("{frame}\n"),
            // A frame has no line ends of its own: JSON escapes them.
            Self::EventSource => format!("data: {frame}\r\n\r\n"),
            Self::HtmlFile(_) => format!("<script>\np({});\n</script>\r\n", script_string(frame)),
            // The comment keeps the answer from being taken for another file type than JavaScript.
            Self::Jsonp(callback) => format!("/**/{callback}({});\r\n", script_string(frame)),
        }
    }
}

fn htmlfile_head(callback: &Callback) -> String {
    let head = format!(
        r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.{callback};
    c.start();
    function p(d) {{c.message(d);}};
    window.onload = function() {{c.stop();}};
  </script>"#
    );
    format!("{head:<HTMLFILE_PRELUDE_OCTETS$}\r\n\r\n")
}

/// A frame as a JavaScript string.
fn script_string(frame: &str) -> String {
    let quoted = serde_json::to_string(frame).expect("a string always serialises");
    // `</script>` in a message must not end the script around it; `<\/` is the same to JavaScript.
    quoted.replace("</", "<\\/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback() -> Callback {
        Callback::from_query(Some("c=callback")).unwrap()
    }

    #[test]
    fn frames_are_dressed_to_the_octet() {
        let frame = r#"a["x"]"#;
        for (dress, expected) in [
            (Dress::Xhr, "a[\"x\"]\n"),
            (Dress::XhrStreaming, "a[\"x\"]\n"),
            (Dress::EventSource, "data: a[\"x\"]\r\n\r\n"),
            (
                Dress::HtmlFile(callback()),
                "<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n",
            ),
            (
                Dress::Jsonp(callback()),
                "/**/callback(\"a[\\\"x\\\"]\");\r\n",
            ),
        ] {
            assert_eq!(dress.frame(frame), expected, "{dress:?}");
        }
    }

    #[test]
    fn preludes_are_long_enough_for_the_browsers_that_need_them() {
        assert_eq!(Dress::XhrStreaming.prelude(), "h".repeat(2_048) + "\n");
        assert_eq!(Dress::EventSource.prelude(), "\r\n");
        let head = Dress::HtmlFile(callback()).prelude();
        assert!(head.len() > 1_024, "{}", head.len());
        assert!(head.contains("var c = parent.callback;\n"), "{head}");
        assert!(head.contains("function p(d) {c.message(d);};\n"), "{head}");
        assert_eq!(
            Dress::Xhr.prelude() + &Dress::Jsonp(callback()).prelude(),
            ""
        );
    }

    #[test]
    fn a_message_cannot_end_the_script_it_stands_in() {
        let dressed = Dress::HtmlFile(callback()).frame("a[\"</script><b>\"]");
        assert!(dressed.contains(r"<\/script><b>"), "{dressed}");
        assert_eq!(dressed.matches("</script>").count(), 1);
    }
}
