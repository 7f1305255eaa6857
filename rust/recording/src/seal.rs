//! The seal: the signed last block of a segment.

use crate::key::{SigningKey, VerifyingKey, key_id};
use crate::layout::{
    BLOCK_HEADER_BYTES, BlockHeader, CRC_BYTES, SEAL_BODY_BYTES, SEAL_BYTES, TRAILER_BYTES, TYPE_SEAL,
};
use ed25519_dalek::{Signature, Signer};

const CONTEXT: &[u8] = b"hoopwire recording seal v1\0";
const SIGNED_BODY_BYTES: usize = SEAL_BODY_BYTES - 64;

/// What a seal says of its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Digest of the seal of the segment before, zeros for the first.
    pub previous_seal: [u8; 32],
    /// The chain's head before this block: stands for the header and all blocks of frames.
    pub head: [u8; 32],
    /// Frames in the segment, fragments counted one by one.
    pub frames: u64,
    /// Blocks before this one.
    pub blocks: u64,
    /// Bytes before this block.
    pub bytes: u64,
    /// Unix microseconds.
    pub sealed_us: u64,
    /// First eight bytes of BLAKE3 of the public key.
    pub key_id: [u8; 8],
    /// Ed25519 over the context, the block's header and the fields above.
    pub signature: [u8; 64],
    /// The chain's head with this block: what the next segment's header repeats.
    pub digest: [u8; 32],
}

impl Seal {
    pub(crate) fn body(&self) -> [u8; SEAL_BODY_BYTES] {
        let fields: [&[u8]; 8] = [
            &self.previous_seal,
            &self.head,
            &self.frames.to_le_bytes(),
            &self.blocks.to_le_bytes(),
            &self.bytes.to_le_bytes(),
            &self.sealed_us.to_le_bytes(),
            &self.key_id,
            &self.signature,
        ];
        fields.concat().try_into().unwrap_or([0; SEAL_BODY_BYTES])
    }

    pub(crate) fn decode(body: &[u8], digest: [u8; 32]) -> Option<Seal> {
        let (previous_seal, rest) = body.split_first_chunk()?;
        let (head, rest) = rest.split_first_chunk()?;
        let (frames, rest) = rest.split_first_chunk()?;
        let (blocks, rest) = rest.split_first_chunk()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        let (sealed_us, rest) = rest.split_first_chunk()?;
        let (key_id, rest) = rest.split_first_chunk()?;
        let signature: &[u8; 64] = rest.try_into().ok()?;
        Some(Seal {
            previous_seal: *previous_seal,
            head: *head,
            frames: u64::from_le_bytes(*frames),
            blocks: u64::from_le_bytes(*blocks),
            bytes: u64::from_le_bytes(*bytes),
            sealed_us: u64::from_le_bytes(*sealed_us),
            key_id: *key_id,
            signature: *signature,
            digest,
        })
    }

    /// True if the seal names this key.
    #[must_use]
    pub fn names(&self, key: &VerifyingKey) -> bool {
        self.key_id == key_id(key)
    }

    /// True if the signature is this key's over this seal in a block with this header (`verify_strict`).
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey, block: &BlockHeader) -> bool {
        key.verify_strict(&signed(&block.encode(), self), &Signature::from_bytes(&self.signature)).is_ok()
    }
}

fn signed(header: &[u8; BLOCK_HEADER_BYTES], seal: &Seal) -> Vec<u8> {
    let body = seal.body();
    [CONTEXT, header, body.get(..SIGNED_BODY_BYTES).unwrap_or_default()].concat()
}

pub(crate) fn sign_seal(header: &[u8; BLOCK_HEADER_BYTES], seal: &Seal, key: &SigningKey) -> [u8; 64] {
    key.sign(&signed(header, seal)).to_bytes()
}

/// The seal in the last [`SEAL_BYTES`] of a segment, if they are one by form and checksum, and the sequence number
/// that the next frame gets. Says nothing of the chain or the signature: for the writer, which made them.
#[must_use]
pub fn read_seal(tail: &[u8]) -> Option<(Seal, u64)> {
    let bytes: &[u8; SEAL_BYTES] = tail.last_chunk()?;
    let header = BlockHeader::decode(bytes.first_chunk()?);
    let (covered, trailer) = bytes.split_at(SEAL_BYTES - TRAILER_BYTES);
    let (crc, digest) = trailer.split_first_chunk::<CRC_BYTES>()?;
    let whole = header.kind == TYPE_SEAL
        && header.length as usize == SEAL_BYTES
        && crc32c::crc32c(covered).to_le_bytes() == *crc;
    let seal = Seal::decode(covered.get(BLOCK_HEADER_BYTES..)?, digest.try_into().ok()?)?;
    whole.then_some((seal, header.first_frame))
}
