//! Segments made by hand for the tests.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test support, shared by several binaries"
)]

use hoopwire_recording::*;

pub(crate) const NODE: &str = "gw-1";
pub(crate) const START_US: u64 = 1_800_000_000_000_000;

pub(crate) fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub(crate) fn header(sequence: u64, epoch: u64, first_frame: u64, previous_seal: [u8; 32]) -> SegmentHeader {
    SegmentHeader {
        sequence,
        epoch,
        created_us: START_US,
        first_frame,
        stream: 0,
        previous_seal,
        node: NODE.to_owned(),
    }
}

pub(crate) fn statement(no: u64, text: &[u8]) -> Frame<'_> {
    Frame::Statement(Statement {
        no,
        via: Via::Simple,
        name: b"",
        text,
        types: &[],
        allow: true,
        reason: b"reader",
    })
}

/// A segment under construction: its bytes, the chain, and where each block begins.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) bytes: Vec<u8>,
    pub(crate) chain: Chain,
    pub(crate) header: SegmentHeader,
    pub(crate) blocks: Vec<usize>,
}

impl Segment {
    pub(crate) fn new(header: SegmentHeader) -> Segment {
        Segment { bytes: header.encode().to_vec(), chain: Chain::start(&header), header, blocks: Vec::new() }
    }

    /// One block with one statement of this text.
    pub(crate) fn turn(&mut self, no: u64, text: &str) -> &mut Segment {
        let mut frames = Frames::new();
        frames.push(1, START_US + no, Direction::Upstream, &statement(no, text.as_bytes()));
        self.append(&frames)
    }

    pub(crate) fn append(&mut self, frames: &Frames) -> &mut Segment {
        self.blocks.push(self.bytes.len());
        self.chain.append(frames, &mut self.bytes);
        self
    }

    pub(crate) fn seal(&mut self) -> Seal {
        self.blocks.push(self.bytes.len());
        let offset = self.bytes.len() as u64;
        self.chain.seal(offset, START_US + 1000, &key(), &mut self.bytes)
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::sign(&self.header, &self.chain, self.bytes.len() as u64, START_US + 500, &key())
    }

    /// The bytes of a block.
    pub(crate) fn block(&self, index: usize) -> Vec<u8> {
        let end = self.blocks.get(index + 1).copied().unwrap_or(self.bytes.len());
        self.bytes[self.blocks[index]..end].to_vec()
    }

    /// The segment with other bytes from block `from` to block `to`.
    pub(crate) fn with_blocks(&self, from: usize, to: usize, bytes: &[u8]) -> Vec<u8> {
        let end = self.blocks.get(to).copied().unwrap_or(self.bytes.len());
        [&self.bytes[..self.blocks[from]], bytes, &self.bytes[end..]].concat()
    }
}

/// `turns` blocks of one statement each.
pub(crate) fn open_segment(turns: u64) -> Segment {
    let mut segment = Segment::new(header(1, 0x1111_2222_3333_4444, 1, [0; 32]));
    for no in 1..=turns {
        segment.turn(no, &format!("select {no}"));
    }
    segment
}

pub(crate) fn sealed_segment(turns: u64) -> Segment {
    let mut segment = open_segment(turns);
    segment.seal();
    segment
}

/// Findings of a stream of sealed segment files, the last of which may be open.
pub(crate) fn verify(
    segments: &[(&[u8], u64, bool)],
    checkpoints: Vec<Checkpoint>,
) -> (StreamReport, Vec<Finding>) {
    let mut verifier = Verifier::new(0, key().verifying_key(), checkpoints);
    for (index, (bytes, sequence, sealed)) in segments.iter().enumerate() {
        let path = format!("{sequence:010}");
        let last = index + 1 == segments.len();
        let place = Place { path: &path, sequence: Some(*sequence), sealed: *sealed, last };
        verifier.segment(&place, *bytes).unwrap();
    }
    verifier.finish()
}

/// Findings of one sealed segment file.
pub(crate) fn verify_one(bytes: &[u8]) -> Vec<Finding> {
    verify(&[(bytes, 1, true)], Vec::new()).1
}

/// Texts of the statements in the blocks that a scan gives out.
pub(crate) fn statements(bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    let Ok(mut scan) = Scan::open(bytes) else { return texts };
    let mut joiner = Joiner::default();
    loop {
        match scan.next().unwrap() {
            Step::Block(block) => {
                for (sequence, raw) in block.frames() {
                    let mut scratch = Scratch::default();
                    if let Some(joined) = joiner.next(sequence, &raw)
                        && let Ok(Frame::Statement(statement)) = joined.frame(&mut scratch)
                    {
                        texts.push(String::from_utf8_lossy(statement.text).into_owned());
                    }
                }
            }
            Step::End(_) => return texts,
            Step::Seal(_) | Step::Fault(_) => joiner.reset(),
        }
    }
}
