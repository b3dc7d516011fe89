//! Octets in, client frames out: incremental, bounded, and indifferent to how the octets were cut.
//!
//! ```text
//! frame-stream = *( EOL / frame )
//! frame        = command EOL *( name ":" value EOL ) EOL *OCTET NUL
//! EOL          = LF                 ; CR LF too in 1.2, and before a version is agreed on
//! ```
//!
//! Between frames CR LF counts as a heart-beat in every version. A value may contain bare colons, although 1.1
//! and 1.2 want them escaped: webstomp-client and stompjs (in 1.1) never escape, and the first colon of the line
//! is unambiguous. NUL ends a frame, so it cannot be part of a header, whatever the grammar of 1.2 says.
//!
//! The decoder knows no order of frames: "CONNECT first" is the session's rule.

use bytes::{Buf, Bytes, BytesMut};

use super::error::{DecodeError, Violation};
use super::escape::unescape;
use super::frame::{Command, Frame, Headers};
use super::version::Version;

/// What a frame may cost before it is understood.
#[derive(Debug, Clone, Copy)]
pub struct DecodeLimits {
    /// Longest frame, from its command to its NUL.
    pub frame_octets_max: usize,
    /// Most headers.
    pub headers_max: usize,
    /// Longest header line, and longest command line.
    pub header_octets_max: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            frame_octets_max: 64 << 10,
            headers_max: 64,
            header_octets_max: 8 << 10,
        }
    }
}

/// An empty buffer larger than this is given back, so that idle sessions stay small.
const IDLE_CAPACITY_OCTETS_MAX: usize = 4 << 10;

/// What the decoder found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A whole frame.
    Frame(Frame),
    /// One or more line ends between frames.
    HeartBeat,
}

/// The octets of one client that are not understood yet.
#[derive(Debug)]
pub struct Decoder {
    limits: DecodeLimits,
    buffer: BytesMut,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Between frames.
    Between,
    /// In command or headers; the frame starts at 0 in the buffer.
    Head {
        line_start: usize,
        scanned: usize,
        lines: usize,
    },
    /// Command and headers are understood and taken out of the buffer.
    Body(Head),
    /// After an error nothing is understood any more.
    Failed,
}

#[derive(Debug)]
struct Head {
    command: Command,
    headers: Headers,
    content_length: Option<usize>,
    /// Most octets that the body may have.
    body_octets_max: usize,
    /// Octets of the body already searched for NUL.
    scanned: usize,
}

impl Decoder {
    /// Nothing received yet.
    pub fn new(limits: DecodeLimits) -> Self {
        Self {
            limits,
            buffer: BytesMut::new(),
            state: State::Between,
        }
    }

    /// Takes the next octets of the stream. Whoever pushes without calling [`Self::next`] bounds what is pushed.
    pub fn push(&mut self, octets: &[u8]) {
        if !matches!(self.state, State::Failed) {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// The next frame or heart-beat, `None` when more octets are needed. `version` is the session's, once there
    /// is one. After an error there is nothing more.
    pub fn next(&mut self, version: Option<Version>) -> Option<Result<Decoded, DecodeError>> {
        let step = self.step(version);
        if let Some(Err(_)) = step {
            self.state = State::Failed;
            self.buffer = BytesMut::new();
        } else if self.buffer.is_empty() && self.buffer.capacity() > IDLE_CAPACITY_OCTETS_MAX {
            self.buffer = BytesMut::new();
        }
        step
    }

    fn step(&mut self, version: Option<Version>) -> Option<Result<Decoded, DecodeError>> {
        loop {
            match &mut self.state {
                State::Between => {
                    if self.skip_line_ends() {
                        return Some(Ok(Decoded::HeartBeat));
                    }
                    // A lone CR may be half of a line end.
                    if self.buffer.is_empty() || *self.buffer == *b"\r" {
                        return None;
                    }
                    self.state = State::Head {
                        line_start: 0,
                        scanned: 0,
                        lines: 0,
                    };
                }
                State::Head { .. } => match self.head(version)? {
                    Ok(head) => self.state = State::Body(head),
                    Err(error) => return Some(Err(error)),
                },
                State::Body(head) => {
                    let body = match head.body(&mut self.buffer, self.limits.frame_octets_max)? {
                        Ok(body) => body,
                        Err(violation) => {
                            let receipt = head.headers.get("receipt").map(str::to_owned);
                            return Some(Err(DecodeError { violation, receipt }));
                        }
                    };
                    let frame = Frame {
                        command: head.command,
                        headers: std::mem::take(&mut head.headers),
                        body,
                    };
                    self.state = State::Between;
                    return Some(Ok(Decoded::Frame(frame)));
                }
                State::Failed => return None,
            }
        }
    }

    /// Drops line ends at the front; whether there were any.
    fn skip_line_ends(&mut self) -> bool {
        let mut end = 0;
        loop {
            match self.buffer[end..] {
                [b'\n', ..] => end += 1,
                [b'\r', b'\n', ..] => end += 2,
                _ => break,
            }
        }
        self.buffer.advance(end);
        end > 0
    }

    /// Looks for the blank line; understands command and headers when it is there.
    fn head(&mut self, version: Option<Version>) -> Option<Result<Head, DecodeError>> {
        let (end, found) = match self.end_of_head(version)? {
            Ok(end) => (end, parse_head(&self.buffer[..end], version, &self.limits)),
            Err((violation, end)) => (end, Err(violation)),
        };
        let head = found.map_err(|violation| DecodeError {
            violation,
            receipt: receipt_of(&self.buffer[..end], version),
        });
        if head.is_ok() {
            self.buffer.advance(end);
        }
        Some(head)
    }

    /// Where the blank line ends; or what is wrong, and how far the lines before it go. The same violation is
    /// found at the same place however the octets were cut.
    fn end_of_head(
        &mut self,
        version: Option<Version>,
    ) -> Option<Result<usize, (Violation, usize)>> {
        let limits = self.limits;
        let State::Head {
            line_start,
            scanned,
            lines,
        } = &mut self.state
        else {
            return None;
        };
        loop {
            let rest = &self.buffer[*scanned..];
            let found = rest.iter().position(|octet| matches!(octet, b'\n' | 0));
            let line_end = found.map_or(self.buffer.len(), |index| *scanned + index);
            let bounded_end = line_end.min(limits.frame_octets_max);
            if bounded_end.saturating_sub(*line_start) > limits.header_octets_max {
                let octets_max = limits.header_octets_max;
                return Some(Err((Violation::HeaderTooLong { octets_max }, *line_start)));
            }
            if line_end >= limits.frame_octets_max {
                let octets_max = limits.frame_octets_max;
                return Some(Err((Violation::FrameTooLarge { octets_max }, *line_start)));
            }
            *scanned = line_end;
            if self.buffer.get(line_end) == Some(&0) {
                return Some(Err((Violation::HeadUnfinished, line_end)));
            }
            // Without a line end: more octets are needed.
            found?;
            let line = &self.buffer[*line_start..line_end];
            if line.is_empty() || (line == b"\r" && line_end_may_be_crlf(version)) {
                return Some(Ok(line_end + 1));
            }
            *lines += 1;
            // The command's line is no header.
            if *lines > limits.headers_max + 1 {
                let max = limits.headers_max;
                return Some(Err((Violation::TooManyHeaders { max }, *line_start)));
            }
            *line_start = line_end + 1;
            *scanned = *line_start;
        }
    }
}

impl Head {
    /// Takes the body and its NUL out of the buffer, when all of it is there.
    ///
    /// The body is copied: it is short, and a slice would keep alive a buffer that may be a thousand times its size.
    fn body(
        &mut self,
        buffer: &mut BytesMut,
        octets_max: usize,
    ) -> Option<Result<Bytes, Violation>> {
        let end = if let Some(length) = self.content_length {
            if *buffer.get(length)? != 0 {
                return Some(Err(Violation::BodyUnfinished));
            }
            length
        } else if let Some(index) = buffer[self.scanned..].iter().position(|octet| *octet == 0) {
            self.scanned + index
        } else {
            self.scanned = buffer.len();
            let too_large = buffer.len() > self.body_octets_max;
            return too_large.then_some(Err(Violation::FrameTooLarge { octets_max }));
        };
        if end > self.body_octets_max {
            return Some(Err(Violation::FrameTooLarge { octets_max }));
        }
        let body = Bytes::copy_from_slice(&buffer[..end]);
        buffer.advance(end + 1);
        Some(Ok(body))
    }
}

/// Whether a carriage return before a line feed belongs to the line end. CONNECT comes before there is a
/// version, and may be that of a 1.2 client.
fn line_end_may_be_crlf(version: Option<Version>) -> bool {
    matches!(version, None | Some(Version::V1_2))
}

fn lines(head: &[u8], version: Option<Version>) -> impl Iterator<Item = &[u8]> {
    let crlf = line_end_may_be_crlf(version);
    head.split(|octet| *octet == b'\n')
        .map(move |line| match line {
            [line @ .., b'\r'] if crlf => line,
            line => line,
        })
}

/// `head` ends with the blank line.
fn parse_head(
    head: &[u8],
    version: Option<Version>,
    limits: &DecodeLimits,
) -> Result<Head, Violation> {
    let mut lines = lines(head, version).take_while(|line| !line.is_empty());
    let name = text(lines.next().unwrap_or_default())?;
    let command = Command::from_name(name, version)
        .ok_or_else(|| Violation::UnknownCommand(name.to_owned()))?;
    let escapes = if command.opens_session() {
        None
    } else {
        version
    };
    let mut headers = Headers::default();
    for line in lines {
        let (name, value) = parse_header(text(line)?, version, escapes)?;
        headers.push(name, value);
    }
    // What is left for the body when the head and the NUL are counted.
    let body_octets_max = limits.frame_octets_max.saturating_sub(head.len() + 1);
    let content_length = headers
        .get("content-length")
        .map(content_length)
        .transpose()?;
    if content_length.is_some_and(|length| length > body_octets_max) {
        let octets_max = limits.frame_octets_max;
        return Err(Violation::FrameTooLarge { octets_max });
    }
    Ok(Head {
        command,
        headers,
        content_length,
        body_octets_max,
        scanned: 0,
    })
}

fn text(line: &[u8]) -> Result<&str, Violation> {
    std::str::from_utf8(line).map_err(|_| Violation::NotUtf8)
}

fn parse_header(
    line: &str,
    version: Option<Version>,
    escapes: Option<Version>,
) -> Result<(String, String), Violation> {
    if version == Some(Version::V1_2) && line.contains('\r') {
        return Err(Violation::StrayCarriageReturn);
    }
    let (name, value) = line.split_once(':').ok_or(Violation::BadHeader)?;
    let plain = |text| unescape(text, escapes).map_err(|_| Violation::UndefinedEscape);
    let (name, value) = (plain(name)?, plain(value)?);
    if name.is_empty() {
        return Err(Violation::BadHeader);
    }
    Ok((name.into_owned(), value.into_owned()))
}

fn content_length(value: &str) -> Result<usize, Violation> {
    if value.is_empty() || !value.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Violation::BadContentLength);
    }
    // More digits than a usize holds is a number all the same, and larger than any limit.
    Ok(value.parse().unwrap_or(usize::MAX))
}

/// The `receipt` in whole lines of a frame that cannot be understood, for the ERROR frame.
fn receipt_of(lines_before: &[u8], version: Option<Version>) -> Option<String> {
    let value = lines(lines_before, version)
        .skip(1)
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.strip_prefix(b"receipt:"))?;
    let plain = unescape(std::str::from_utf8(value).ok()?, version).ok()?;
    Some(plain.into_owned())
}

#[cfg(test)]
mod tests;
