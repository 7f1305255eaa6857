//! The reader's side: walks a segment block by block, in constant memory, and goes on after a fault.
//!
//! Two rules. A block is given out only if its checksum holds and it continues the chain from the block before.
//! After a fault the walk goes on at the next block that is whole, so that each fault is named once.

use crate::chain::{Chain, link};
use crate::frames::RawFrame;
use crate::layout::{
    BLOCK_HEADER_BYTES, BLOCK_MAX_BYTES, BlockHeader, CHAIN_BYTES, HEADER_BYTES, HeaderFault, SEAL_BYTES,
    SegmentHeader, TRAILER_BYTES, TYPE_FRAMES, TYPE_SEAL,
};
use crate::seal::Seal;
use crate::source::{Source, Window};
use std::collections::VecDeque;

/// What the walk meets.
#[derive(Debug)]
pub enum Step<'a> {
    /// A whole block that continues the chain.
    Block(Block<'a>),
    /// The seal, in its place in the chain. Its signature is for the caller to check.
    Seal(SealBlock),
    /// Something is wrong here; the walk goes on after it.
    Fault(Fault),
    /// No more blocks.
    End(End),
}

/// A block of frames.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Its header.
    pub header: BlockHeader,
    /// Where it begins in the segment.
    pub offset: u64,
    body: &'a [u8],
}

impl<'a> Block<'a> {
    /// Its frames, each with its sequence number.
    pub fn frames(&self) -> impl Iterator<Item = (u64, RawFrame<'a>)> + use<'a> {
        let base_us = self.header.base_us;
        let mut rest = self.body;
        (self.header.first_frame..).map_while(move |sequence| {
            let (frame, after) = RawFrame::split(rest, base_us)?;
            rest = after;
            Some((sequence, frame))
        })
    }
}

/// The last block of a segment.
#[derive(Clone, Copy, Debug)]
pub struct SealBlock {
    /// Its header.
    pub header: BlockHeader,
    /// Where it begins in the segment.
    pub offset: u64,
    /// What it says.
    pub seal: Seal,
    /// The chain up to here leads to the head that the seal signs.
    pub joins: bool,
}

/// What is wrong at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of wrong.
    pub kind: FaultKind,
    /// Position of the block in the segment, as it should be.
    pub index: u32,
    /// Where it begins.
    pub offset: u64,
}

/// Kinds of wrong inside a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The bytes do not have the checksum or the chain value that was written with them.
    Changed,
    /// A whole block of this segment that belongs at this other position.
    OutOfPlace {
        /// Where it says it belongs.
        claimed: u32,
    },
    /// So many blocks are gone before this one.
    Missing {
        /// How many.
        blocks: u32,
    },
    /// A whole block with the epoch of another use of the file.
    Foreign,
    /// The file ends inside a block.
    CutOff,
}

/// Where the walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// End of the last whole block.
    pub offset: u64,
    /// Blocks that should have been met by then.
    pub index: u32,
    /// A seal was met.
    pub sealed: bool,
    /// What stands there, if it looks like a block and is none.
    pub torn: Option<FaultKind>,
    /// Bytes after it.
    pub rest: u64,
}

/// What stands at an offset.
enum Sight {
    /// A block of this segment whose checksum holds.
    Whole(BlockHeader),
    /// A block of this segment whose checksum does not hold; its length, if that can be one.
    Changed(Option<u64>),
    /// A whole block of another use of the file.
    Foreign,
    /// A block of this segment that the file's end cuts off.
    CutOff,
    /// Nothing that looks like a block of this segment.
    Nothing,
}

/// How many chain values are remembered, to tell a block out of place from a changed one.
const REMEMBERED: usize = 16;

/// A walk through one segment.
#[derive(Debug)]
pub struct Scan<S> {
    window: Window<S>,
    length: u64,
    header: SegmentHeader,
    offset: u64,
    index: u32,
    next_frame: u64,
    /// Heads that a block of an index may continue: what the bytes before give, and what stands before it.
    heads: VecDeque<(u32, [u8; 32])>,
    head: [u8; 32],
    intact: bool,
    sealed: bool,
}

/// Why a scan cannot begin.
#[derive(Debug)]
pub enum OpenError<E> {
    /// The source cannot be read.
    Source(E),
    /// The segment header is wrong.
    Header(HeaderFault),
}

impl<S: Source> Scan<S> {
    /// Reads the segment header.
    ///
    /// # Errors
    /// [`OpenError`] if the source fails or the header is wrong: then nothing in the segment can be read.
    pub fn open(source: S) -> Result<Scan<S>, OpenError<S::Error>> {
        let mut window = Window::new(source);
        let length = window.length().map_err(OpenError::Source)?;
        let bytes = window.at(0, HEADER_BYTES).map_err(OpenError::Source)?;
        let header = SegmentHeader::decode(bytes).map_err(OpenError::Header)?;
        let chain = Chain::start(&header);
        Ok(Scan {
            window,
            length,
            offset: HEADER_BYTES as u64,
            index: 0,
            next_frame: header.first_frame,
            heads: VecDeque::from([(0, chain.head())]),
            head: chain.head(),
            intact: true,
            sealed: false,
            header,
        })
    }

    /// The segment's header.
    #[must_use]
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// The chain as it stands after the last step, for a writer that goes on here. `None` after a fault.
    #[must_use]
    pub fn chain(&self) -> Option<Chain> {
        self.intact.then_some(Chain {
            epoch: self.header.epoch,
            blocks: self.index,
            first_frame: self.header.first_frame,
            next_frame: self.next_frame,
            head: self.head,
            previous_seal: self.header.previous_seal,
        })
    }

    /// Where the next step looks: after a block, its end.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// True if the chain stands at this head after the last step, by its bytes or by what is written in them.
    #[must_use]
    pub fn stands_at(&self, head: &[u8; 32]) -> bool {
        self.heads.iter().any(|(index, known)| *index == self.index && known == head)
    }

    /// The next step. After [`Step::End`] it is given again.
    ///
    /// # Errors
    /// If the source cannot be read.
    #[expect(clippy::should_implement_trait, reason = "it lends: the block lives in the window")]
    pub fn next(&mut self) -> Result<Step<'_>, S::Error> {
        if self.sealed || self.offset >= self.length {
            return Ok(Step::End(self.end(None)));
        }
        match self.look(self.offset)? {
            Sight::Whole(header) => self.whole(header),
            sight => self.broken(&sight),
        }
    }

    fn end(&self, torn: Option<FaultKind>) -> End {
        End {
            offset: self.offset,
            index: self.index,
            sealed: self.sealed,
            torn,
            rest: self.length.saturating_sub(self.offset),
        }
    }

    fn look(&mut self, offset: u64) -> Result<Sight, S::Error> {
        let epoch = self.header.epoch;
        let bytes = self.window.at(offset, BLOCK_HEADER_BYTES)?;
        let Some(head) = bytes.first_chunk() else {
            let empty = bytes.iter().all(|byte| *byte == 0);
            return Ok(if empty { Sight::Nothing } else { Sight::CutOff });
        };
        let header = BlockHeader::decode(head);
        let ours = header.epoch == epoch;
        let length = header.length as usize;
        if !is_plausible(&header) {
            return Ok(if ours { Sight::Changed(None) } else { Sight::Nothing });
        }
        let bytes = self.window.at(offset, length)?;
        if bytes.len() < length {
            return Ok(if ours { Sight::CutOff } else { Sight::Nothing });
        }
        let (covered, trailer) = bytes.split_at(length - TRAILER_BYTES);
        let holds = trailer.first_chunk() == Some(&crc32c::crc32c(covered).to_le_bytes());
        let body = covered.get(BLOCK_HEADER_BYTES..).unwrap_or_default();
        Ok(match (ours, holds) {
            (true, true) if is_well_formed(&header, body) => Sight::Whole(header),
            (true, _) => Sight::Changed(Some(length as u64)),
            (false, true) => Sight::Foreign,
            (false, false) => Sight::Nothing,
        })
    }

    /// A block whose checksum holds: is it the next one of the chain?
    fn whole(&mut self, header: BlockHeader) -> Result<Step<'_>, S::Error> {
        let (offset, expected) = (self.offset, self.index);
        let length = header.length as usize;
        let bytes = self.window.at(offset, length)?;
        let (linked, stored) = bytes.split_at(length - CHAIN_BYTES);
        let stored: [u8; 32] = stored.try_into().unwrap_or_default();
        let before: Vec<[u8; 32]> =
            self.heads.iter().filter(|(index, _)| *index == header.index).map(|(_, head)| *head).collect();
        let computed: Vec<[u8; 32]> = before.iter().map(|head| link(head, linked)).collect();
        let continues = computed.contains(&stored);
        self.offset = offset + length as u64;
        let kind = if header.index < expected {
            Some(FaultKind::OutOfPlace { claimed: header.index })
        } else if header.index > expected {
            Some(self.gap(header.index, expected)?)
        } else if continues && (!self.intact || header.first_frame == self.next_frame) {
            None
        } else {
            Some(FaultKind::Changed)
        };
        for head in computed.into_iter().filter(|head| *head != stored).chain([stored]) {
            self.remember(header.index.saturating_add(1), head);
        }
        self.index = expected.max(header.index.saturating_add(1));
        if let Some(kind) = kind {
            self.intact = false;
            // a seal at the very end closes the segment, if with a wrong chain value
            self.sealed = header.kind == TYPE_SEAL && self.offset >= self.length;
            return Ok(Step::Fault(Fault { kind, index: expected, offset }));
        }
        self.head = stored;
        self.next_frame = header.first_frame.saturating_add(u64::from(header.frames));
        let body = self.window.at(offset, length)?.get(BLOCK_HEADER_BYTES..length - TRAILER_BYTES);
        let body = body.unwrap_or_default();
        if header.kind == TYPE_FRAMES {
            return Ok(Step::Block(Block { header, offset, body }));
        }
        self.sealed = true;
        let Some(seal) = Seal::decode(body, stored) else {
            return Ok(Step::Fault(Fault { kind: FaultKind::Changed, index: expected, offset }));
        };
        Ok(Step::Seal(SealBlock { header, offset, joins: before.contains(&seal.head), seal }))
    }

    /// A later block stands here: are the ones between gone, or do they follow?
    fn gap(&mut self, found: u32, expected: u32) -> Result<FaultKind, S::Error> {
        Ok(match self.look(self.offset)? {
            Sight::Whole(next) if (expected..found).contains(&next.index) => {
                FaultKind::OutOfPlace { claimed: found }
            }
            _ => FaultKind::Missing { blocks: found - expected },
        })
    }

    /// What stands here is no whole block of this segment: go on at the next one, if there is one.
    fn broken(&mut self, sight: &Sight) -> Result<Step<'_>, S::Error> {
        let offset = self.offset;
        let kind = match sight {
            Sight::Foreign => FaultKind::Foreign,
            Sight::CutOff => FaultKind::CutOff,
            Sight::Whole(_) | Sight::Changed(_) | Sight::Nothing => FaultKind::Changed,
        };
        let Some((next, header)) = self.next_whole(sight)? else {
            let torn = matches!(sight, Sight::Changed(_) | Sight::CutOff).then_some(kind);
            return Ok(Step::End(self.end(torn)));
        };
        let index = self.index;
        let stored = self.window.at(next - CHAIN_BYTES as u64, CHAIN_BYTES)?.try_into().unwrap_or_default();
        self.remember(header.index, stored);
        self.index = index.max(header.index);
        self.offset = next;
        self.intact = false;
        let kind = if kind == FaultKind::CutOff { FaultKind::Changed } else { kind };
        Ok(Step::Fault(Fault { kind, index, offset }))
    }

    fn next_whole(&mut self, sight: &Sight) -> Result<Option<(u64, BlockHeader)>, S::Error> {
        if let Sight::Changed(Some(length)) = sight
            && let Sight::Whole(header) = self.look(self.offset + length)?
        {
            return Ok(Some((self.offset + length, header)));
        }
        let mut from = self.offset + 1;
        while let Some(found) = self.window.find(&self.header.epoch.to_le_bytes(), from + EPOCH_AT)? {
            from = found - EPOCH_AT;
            if let Sight::Whole(header) = self.look(from)? {
                return Ok(Some((from, header)));
            }
            from += 1;
        }
        Ok(None)
    }

    fn remember(&mut self, index: u32, head: [u8; 32]) {
        if self.heads.len() >= REMEMBERED {
            self.heads.pop_front();
        }
        self.heads.push_back((index, head));
    }
}

/// Where the epoch lies in a block header.
const EPOCH_AT: u64 = 8;

fn is_plausible(header: &BlockHeader) -> bool {
    let length = header.length as usize;
    match header.kind {
        TYPE_FRAMES => {
            header.frames > 0 && (BLOCK_HEADER_BYTES + TRAILER_BYTES..=BLOCK_MAX_BYTES).contains(&length)
        }
        TYPE_SEAL => header.frames == 0 && length == SEAL_BYTES,
        _ => false,
    }
}

fn is_well_formed(header: &BlockHeader, body: &[u8]) -> bool {
    if header.kind == TYPE_SEAL {
        return true;
    }
    let mut rest = body;
    for _ in 0..header.frames {
        let Some((_, after)) = RawFrame::split(rest, header.base_us) else { return false };
        rest = after;
    }
    rest.is_empty()
}
