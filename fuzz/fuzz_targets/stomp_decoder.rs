//! Any octets, cut anywhere, in any version: no panic, and how they were cut makes no difference.
//!
//! The first octet of the input chooses the version, the second how long the pieces are; the rest is the stream.

#![no_main]

use gateway::stomp::Version;
use gateway::stomp::decode::{DecodeLimits, Decoded, Decoder};
use libfuzzer_sys::fuzz_target;

/// Small, so that short inputs reach them.
const LIMITS: DecodeLimits = DecodeLimits {
    frame_octets_max: 256,
    headers_max: 6,
    header_octets_max: 64,
};

const VERSIONS: [Option<Version>; 4] = [
    None,
    Some(Version::V1_0),
    Some(Version::V1_1),
    Some(Version::V1_2),
];

fuzz_target!(|input: &[u8]| {
    let [version, piece, stream @ ..] = input else {
        return;
    };
    let version = VERSIONS[usize::from(*version) % VERSIONS.len()];
    let whole = decode(stream, version, stream.len());
    assert_eq!(decode(stream, version, usize::from(*piece)), whole);
});

/// What is found, without heart-beats: how many line ends come at once depends on the pieces.
fn decode(stream: &[u8], version: Option<Version>, piece: usize) -> Vec<String> {
    let mut decoder = Decoder::new(LIMITS);
    let mut found = Vec::new();
    for octets in stream.chunks(piece.max(1)) {
        decoder.push(octets);
        while let Some(step) = decoder.next(version) {
            match step {
                Ok(Decoded::HeartBeat) => {}
                Ok(Decoded::Frame(frame)) => {
                    assert!(frame.body.len() < LIMITS.frame_octets_max);
                    found.push(format!("{frame:?}"));
                }
                Err(error) => found.push(format!("{error:?}")),
            }
        }
    }
    found
}
