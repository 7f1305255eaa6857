//! The writer's side of the hash chain: frames become blocks, each bound to all before it.

use crate::frames::{Frames, RawFrame};
use crate::key::{SigningKey, key_id};
use crate::layout::{
    BLOCK_HEADER_BYTES, BODY_MAX_BYTES, BlockHeader, FLAG_CONTINUES, FLAG_MORE, FRAME_HEADER_BYTES,
    FrameHeader, SEAL_BODY_BYTES, SegmentHeader, TRAILER_BYTES, TYPE_FRAMES, TYPE_SEAL,
};
use crate::seal::{Seal, sign_seal};

/// Where the chain of one open segment stands. A plain value: a writer appends to a copy and keeps the copy only
/// when the bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    pub(crate) epoch: u64,
    pub(crate) blocks: u32,
    pub(crate) first_frame: u64,
    pub(crate) next_frame: u64,
    pub(crate) head: [u8; 32],
    pub(crate) previous_seal: [u8; 32],
}

impl Chain {
    /// The chain of an empty segment.
    #[must_use]
    pub fn start(header: &SegmentHeader) -> Chain {
        Chain {
            epoch: header.epoch,
            blocks: 0,
            first_frame: header.first_frame,
            next_frame: header.first_frame,
            head: *blake3::hash(&header.encode()).as_bytes(),
            previous_seal: header.previous_seal,
        }
    }

    /// The chain's head: stands for every byte so far.
    #[must_use]
    pub fn head(&self) -> [u8; 32] {
        self.head
    }

    /// Sequence number that the next frame gets.
    #[must_use]
    pub fn next_frame(&self) -> u64 {
        self.next_frame
    }

    /// Blocks so far.
    #[must_use]
    pub fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Appends blocks holding all of `frames` to `out`.
    pub fn append(&mut self, frames: &Frames, out: &mut Vec<u8>) {
        let bytes = frames.as_bytes();
        if bytes.is_empty() {
            return;
        }
        if bytes.len() <= BODY_MAX_BYTES {
            self.block(
                TYPE_FRAMES,
                u32::try_from(frames.len()).unwrap_or(u32::MAX),
                frames.base_us(),
                out,
                |out| {
                    out.extend_from_slice(bytes);
                },
            );
            return;
        }
        self.append_split(frames, out);
    }

    /// The frames do not fit into one block: whole frames are gathered up to the limit; a frame that is longer
    /// than a block is cut into fragments, a block each.
    fn append_split(&mut self, frames: &Frames, out: &mut Vec<u8>) {
        let base_us = frames.base_us();
        let mut rest = frames.as_bytes();
        let (mut gathered, mut gathered_len, mut count) = (rest, 0_usize, 0_u32);
        while let Some((frame, after)) = RawFrame::split(rest, base_us) {
            let len = rest.len() - after.len();
            if gathered_len + len > BODY_MAX_BYTES {
                self.gathered(gathered.get(..gathered_len).unwrap_or_default(), count, base_us, out);
                (gathered, gathered_len, count) = (rest, 0, 0);
            }
            if len > BODY_MAX_BYTES {
                self.fragments(&frame, base_us, out);
                gathered = after;
            } else {
                gathered_len += len;
                count += 1;
            }
            rest = after;
        }
        self.gathered(gathered.get(..gathered_len).unwrap_or_default(), count, base_us, out);
    }

    fn gathered(&mut self, bytes: &[u8], count: u32, base_us: u64, out: &mut Vec<u8>) {
        if count > 0 {
            self.block(TYPE_FRAMES, count, base_us, out, |out| out.extend_from_slice(bytes));
        }
    }

    fn fragments(&mut self, frame: &RawFrame<'_>, base_us: u64, out: &mut Vec<u8>) {
        let mut parts = frame.payload.chunks(BODY_MAX_BYTES - FRAME_HEADER_BYTES).peekable();
        let mut continues = 0;
        while let Some(part) = parts.next() {
            let header = FrameHeader {
                length: u32::try_from(part.len()).unwrap_or(u32::MAX),
                session: frame.session,
                kind: frame.kind,
                direction: frame.direction,
                flags: continues | if parts.peek().is_some() { FLAG_MORE } else { 0 },
                delta_us: u32::try_from(frame.unix_us.saturating_sub(base_us)).unwrap_or(u32::MAX),
            };
            self.block(TYPE_FRAMES, 1, base_us, out, |out| {
                out.extend_from_slice(&header.encode());
                out.extend_from_slice(part);
            });
            continues = FLAG_CONTINUES;
        }
    }

    /// Appends the seal block, the last of a segment. `offset` is where it will lie in the file. The chain's head
    /// afterwards is the seal's digest, which the next segment's header repeats.
    pub fn seal(&mut self, offset: u64, sealed_us: u64, key: &SigningKey, out: &mut Vec<u8>) -> Seal {
        let mut seal = Seal {
            previous_seal: self.previous_seal,
            head: self.head,
            frames: self.next_frame.saturating_sub(self.first_frame),
            blocks: u64::from(self.blocks),
            bytes: offset,
            sealed_us,
            key_id: key_id(&key.verifying_key()),
            signature: [0; 64],
            digest: [0; 32],
        };
        let header = self.header(TYPE_SEAL, 0, sealed_us, SEAL_BODY_BYTES);
        seal.signature = sign_seal(&header.encode(), &seal, key);
        let body = seal.body();
        self.block(TYPE_SEAL, 0, sealed_us, out, |out| out.extend_from_slice(&body));
        seal.digest = self.head;
        seal
    }

    fn header(&self, kind: u8, frames: u32, base_us: u64, body_len: usize) -> BlockHeader {
        BlockHeader {
            length: u32::try_from(BLOCK_HEADER_BYTES + body_len + TRAILER_BYTES).unwrap_or(u32::MAX),
            kind,
            epoch: self.epoch,
            first_frame: self.next_frame,
            frames,
            index: self.blocks,
            base_us,
        }
    }

    fn block(
        &mut self,
        kind: u8,
        frames: u32,
        base_us: u64,
        out: &mut Vec<u8>,
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = out.len();
        out.extend_from_slice(&[0; BLOCK_HEADER_BYTES]);
        body(out);
        let header = self.header(kind, frames, base_us, out.len() - start - BLOCK_HEADER_BYTES).encode();
        if let Some(place) = out.get_mut(start..start + BLOCK_HEADER_BYTES) {
            place.copy_from_slice(&header);
        }
        let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_le_bytes());
        self.head = link(&self.head, out.get(start..).unwrap_or_default());
        out.extend_from_slice(&self.head);
        self.blocks = self.blocks.saturating_add(1);
        self.next_frame = self.next_frame.saturating_add(u64::from(frames));
    }
}

/// One step of the chain: BLAKE3 of the head so far and the block's bytes up to and with its checksum.
pub(crate) fn link(previous: &[u8; 32], block: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    hasher.update(block);
    *hasher.finalize().as_bytes()
}
