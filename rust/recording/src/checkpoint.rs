//! A checkpoint: the signed head of a stream's chain as one line of text, to be kept where the gateway cannot
//! rewrite it. What a recording holds up to it cannot be cut off unnoticed.

use crate::chain::Chain;
use crate::error::CheckpointError;
use crate::key::{SigningKey, VerifyingKey};
use crate::layout::{SegmentHeader, is_node};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer};
use std::fmt::Write as _;

const CONTEXT: &str = "hoopwire recording checkpoint v1\0";
const WORD: &str = "hoopwire-checkpoint-v1";

/// The head of a stream's chain at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the gateway.
    pub node: String,
    /// Number of the stream.
    pub stream: u16,
    /// Sequence number of the segment.
    pub segment: u64,
    /// Sequence number of the last frame.
    pub frame: u64,
    /// Bytes of the segment up to here: the end of a block.
    pub offset: u64,
    /// The chain's head there.
    pub head: [u8; 32],
    /// Unix microseconds.
    pub unix_us: u64,
    /// Ed25519 over the context and the line up to the signature.
    pub signature: [u8; 64],
}

impl Checkpoint {
    /// Signs where `chain` stands.
    #[must_use]
    pub fn sign(
        header: &SegmentHeader,
        chain: &Chain,
        offset: u64,
        unix_us: u64,
        key: &SigningKey,
    ) -> Checkpoint {
        let mut checkpoint = Checkpoint {
            node: header.node.clone(),
            stream: header.stream,
            segment: header.sequence,
            frame: chain.next_frame().saturating_sub(1),
            offset,
            head: chain.head(),
            unix_us,
            signature: [0; 64],
        };
        checkpoint.signature = key.sign(format!("{CONTEXT}{}", checkpoint.claim()).as_bytes()).to_bytes();
        checkpoint
    }

    /// The line, without a line break.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} signature={}", self.claim(), STANDARD.encode(self.signature))
    }

    fn claim(&self) -> String {
        format!(
            "{WORD} node={} stream={} segment={} frame={} offset={} chain={} time={}",
            self.node,
            self.stream,
            self.segment,
            self.frame,
            self.offset,
            hex(&self.head),
            self.unix_us
        )
    }

    /// Reads a line. Only the exact form that [`Checkpoint::line`] writes is one.
    ///
    /// # Errors
    /// [`CheckpointError`] names the first field that is missing or malformed.
    pub fn parse(line: &str) -> Result<Checkpoint, CheckpointError> {
        let line = line.trim_end();
        let mut words = line.split(' ');
        if words.next() != Some(WORD) {
            return Err(CheckpointError { field: WORD });
        }
        let mut field = |name: &'static str| {
            words
                .next()
                .and_then(|word| word.strip_prefix(name)?.strip_prefix('='))
                .ok_or(CheckpointError { field: name })
        };
        let checkpoint = Checkpoint {
            node: field("node").map(str::to_owned)?,
            stream: number(field("stream")?, "stream")?,
            segment: number(field("segment")?, "segment")?,
            frame: number(field("frame")?, "frame")?,
            offset: number(field("offset")?, "offset")?,
            head: unhex(field("chain")?).ok_or(CheckpointError { field: "chain" })?,
            unix_us: number(field("time")?, "time")?,
            signature: STANDARD
                .decode(field("signature")?)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(CheckpointError { field: "signature" })?,
        };
        if !is_node(&checkpoint.node) {
            return Err(CheckpointError { field: "node" });
        }
        if checkpoint.line() == line { Ok(checkpoint) } else { Err(CheckpointError { field: "signature" }) }
    }

    /// True if the signature is this key's (`verify_strict`).
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let claim = format!("{CONTEXT}{}", self.claim());
        key.verify_strict(claim.as_bytes(), &Signature::from_bytes(&self.signature)).is_ok()
    }
}

fn number<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, CheckpointError> {
    text.parse().map_err(|_| CheckpointError { field })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let bytes = digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}
