//! Where each byte lies. All integers are little-endian. docs/recording-format.md is the same in prose.

use std::fmt;

/// Bytes of a segment header.
pub const HEADER_BYTES: usize = 148;
/// Largest block, header and trailer included.
pub const BLOCK_MAX_BYTES: usize = 64 * 1024;
/// Bytes of a seal block.
pub const SEAL_BYTES: usize = BLOCK_HEADER_BYTES + SEAL_BODY_BYTES + TRAILER_BYTES;
/// Longest payload of one frame, its fragments joined.
pub const FRAME_MAX_BYTES: usize = 64 * 1024 * 1024;

pub(crate) const MAGIC: &[u8; 6] = b"HWREC1";
pub(crate) const VERSION: u16 = 1;
pub(crate) const BLOCK_HEADER_BYTES: usize = 40;
pub(crate) const CRC_BYTES: usize = 4;
pub(crate) const CHAIN_BYTES: usize = 32;
pub(crate) const TRAILER_BYTES: usize = CRC_BYTES + CHAIN_BYTES;
pub(crate) const BODY_MAX_BYTES: usize = BLOCK_MAX_BYTES - BLOCK_HEADER_BYTES - TRAILER_BYTES;
pub(crate) const SEAL_BODY_BYTES: usize = 168;
pub(crate) const FRAME_HEADER_BYTES: usize = 16;
pub(crate) const FLAG_MORE: u16 = 1;
pub(crate) const FLAG_CONTINUES: u16 = 2;
pub(crate) const TYPE_FRAMES: u8 = 1;
pub(crate) const TYPE_SEAL: u8 = 2;
const NODE_BYTES: usize = 64;

/// True if `node` may name a gateway in a recording: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[must_use]
pub fn is_node(node: &str) -> bool {
    (1..=NODE_BYTES).contains(&node.len())
        && node.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Reads fields one after the other; short input reads as zeros, so callers check lengths first.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.0 = rest;
                *taken
            }
            None => [0; N],
        }
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

/// The first bytes of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Position in the stream, from 1.
    pub sequence: u64,
    /// Random for each use of a file, never 0: blocks of an earlier use carry another one.
    pub epoch: u64,
    /// Unix microseconds.
    pub created_us: u64,
    /// Sequence number of the first frame.
    pub first_frame: u64,
    /// Number of the stream at this node.
    pub stream: u16,
    /// Digest of the seal of the segment before, zeros for the first.
    pub previous_seal: [u8; 32],
    /// Name of the gateway; see [`is_node`].
    pub node: String,
}

impl SegmentHeader {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let node = self.node.as_bytes().get(..NODE_BYTES).unwrap_or(self.node.as_bytes());
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.created_us.to_le_bytes());
        bytes.extend_from_slice(&self.first_frame.to_le_bytes());
        bytes.extend_from_slice(&self.stream.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(node.len()).unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.previous_seal);
        bytes.extend_from_slice(node);
        bytes.resize(HEADER_BYTES - CRC_BYTES, 0);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes.try_into().unwrap_or([0; HEADER_BYTES])
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`HeaderFault`] says what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<SegmentHeader, HeaderFault> {
        let bytes = bytes.get(..HEADER_BYTES).ok_or(HeaderFault::Short)?;
        let (covered, crc) = bytes.split_at(HEADER_BYTES - CRC_BYTES);
        let mut fields = Fields(bytes);
        if &fields.take::<6>() != MAGIC {
            return Err(HeaderFault::NotASegment);
        }
        let version = fields.u16();
        if version != VERSION {
            return Err(HeaderFault::Version(version));
        }
        if crc32c::crc32c(covered).to_le_bytes() != crc {
            return Err(HeaderFault::Changed);
        }
        let sequence = fields.u64();
        let epoch = fields.u64();
        let created_us = fields.u64();
        let first_frame = fields.u64();
        let stream = fields.u16();
        let node_len = usize::from(fields.u16());
        fields.take::<4>();
        let previous_seal = fields.take();
        let node = fields.take::<NODE_BYTES>();
        let node = node.get(..node_len).and_then(|node| std::str::from_utf8(node).ok());
        let node = node.filter(|node| is_node(node) && epoch != 0).ok_or(HeaderFault::Changed)?.to_owned();
        Ok(SegmentHeader { sequence, epoch, created_us, first_frame, stream, previous_seal, node })
    }
}

/// What is wrong with a segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// The file ends inside it.
    Short,
    /// It does not begin as a segment does.
    NotASegment,
    /// A version of the format that this program does not read.
    Version(u16),
    /// Its checksum, its epoch or its node name is wrong.
    Changed,
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderFault::Short => f.write_str("the file ends inside the segment header"),
            HeaderFault::NotASegment => {
                f.write_str("the file does not begin with HWREC1: it is not a segment")
            }
            HeaderFault::Version(version) => {
                write!(f, "format version {version} is not one that this program reads")
            }
            HeaderFault::Changed => {
                f.write_str("the segment header was changed: its checksum does not match")
            }
        }
    }
}

impl std::error::Error for HeaderFault {}

/// The first bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// Bytes of the whole block.
    pub length: u32,
    /// 1 frames, 2 seal.
    pub kind: u8,
    /// The segment's epoch.
    pub epoch: u64,
    /// Sequence number of the first frame.
    pub first_frame: u64,
    /// How many frames.
    pub frames: u32,
    /// Position in the segment, from 0.
    pub index: u32,
    /// Unix microseconds that the frames' times are relative to.
    pub base_us: u64,
}

impl BlockHeader {
    pub(crate) fn encode(&self) -> [u8; BLOCK_HEADER_BYTES] {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        let (length, rest) = bytes.split_at_mut(4);
        length.copy_from_slice(&self.length.to_le_bytes());
        let (kind, rest) = rest.split_at_mut(4);
        kind.copy_from_slice(&[self.kind, 0, 0, 0]);
        let (epoch, rest) = rest.split_at_mut(8);
        epoch.copy_from_slice(&self.epoch.to_le_bytes());
        let (first_frame, rest) = rest.split_at_mut(8);
        first_frame.copy_from_slice(&self.first_frame.to_le_bytes());
        let (frames, rest) = rest.split_at_mut(4);
        frames.copy_from_slice(&self.frames.to_le_bytes());
        let (index, base_us) = rest.split_at_mut(4);
        index.copy_from_slice(&self.index.to_le_bytes());
        base_us.copy_from_slice(&self.base_us.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; BLOCK_HEADER_BYTES]) -> BlockHeader {
        let mut fields = Fields(bytes);
        let length = fields.u32();
        let [kind, ..] = fields.take::<4>();
        BlockHeader {
            length,
            kind,
            epoch: fields.u64(),
            first_frame: fields.u64(),
            frames: fields.u32(),
            index: fields.u32(),
            base_us: fields.u64(),
        }
    }
}

/// The first bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) length: u32,
    pub(crate) session: u32,
    pub(crate) kind: u8,
    pub(crate) direction: u8,
    pub(crate) flags: u16,
    pub(crate) delta_us: u32,
}

impl FrameHeader {
    pub(crate) fn encode(&self) -> [u8; FRAME_HEADER_BYTES] {
        let [l0, l1, l2, l3] = self.length.to_le_bytes();
        let [s0, s1, s2, s3] = self.session.to_le_bytes();
        let [f0, f1] = self.flags.to_le_bytes();
        let [d0, d1, d2, d3] = self.delta_us.to_le_bytes();
        [l0, l1, l2, l3, s0, s1, s2, s3, self.kind, self.direction, f0, f1, d0, d1, d2, d3]
    }

    pub(crate) fn decode(bytes: &[u8; FRAME_HEADER_BYTES]) -> FrameHeader {
        let mut fields = Fields(bytes);
        let length = fields.u32();
        let session = fields.u32();
        let [kind, direction] = fields.take();
        FrameHeader { length, session, kind, direction, flags: fields.u16(), delta_us: fields.u32() }
    }
}
