//! Verification of a stream: every segment by itself, each bound to the one before, all to the checkpoints.
//!
//! Needs segments, seals, checkpoints and a public key, nothing else. It goes on after a failure.

use crate::checkpoint::Checkpoint;
use crate::finding::{Finding, FindingKind, Severity, StreamReport};
use crate::key::VerifyingKey;
use crate::layout::SegmentHeader;
use crate::scan::{End, Fault, FaultKind, OpenError, Scan, SealBlock, Step};
use crate::source::Source;

/// A segment as it lies in a store.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// For the findings.
    pub path: &'a str,
    /// Sequence number by its name, if the name says one.
    pub sequence: Option<u64>,
    /// Its name says that it is sealed.
    pub sealed: bool,
    /// No later segment of the stream is there.
    pub last: bool,
}

/// Verifies the segments of one stream in their order.
#[derive(Debug)]
pub struct Verifier {
    key: VerifyingKey,
    checkpoints: Vec<Checkpoint>,
    previous: Option<Previous>,
    report: StreamReport,
    findings: Vec<Finding>,
}

#[derive(Debug)]
struct Previous {
    sequence: u64,
    /// Digest of its seal, if it has one that can be read.
    seal: Option<[u8; 32]>,
}

impl Verifier {
    /// For the stream with this number. `checkpoints`: those of this stream that the key signed.
    #[must_use]
    pub fn new(stream: u16, key: VerifyingKey, mut checkpoints: Vec<Checkpoint>) -> Verifier {
        checkpoints.sort_by_key(|checkpoint| (checkpoint.segment, checkpoint.offset));
        Verifier {
            key,
            checkpoints,
            previous: None,
            report: StreamReport { stream, ..StreamReport::default() },
            findings: Vec::new(),
        }
    }

    /// Totals and findings.
    #[must_use]
    pub fn finish(mut self) -> (StreamReport, Vec<Finding>) {
        let last = self.report.last_segment;
        let node = std::mem::take(&mut self.report.node);
        let beyond = self.checkpoints.iter().rfind(|each| each.node == node && each.segment > last);
        if let Some(checkpoint) = beyond {
            let text = format!(
                "segment {} is not there, though a checkpoint of Unix time {} signs its first {} bytes",
                checkpoint.segment,
                checkpoint.unix_us / 1_000_000,
                checkpoint.offset
            );
            let segment = checkpoint.segment;
            self.find(FindingKind::TailCut, "", Some(segment), None, text);
        }
        self.report.node = node;
        (self.report, self.findings)
    }

    /// Takes in the next segment.
    ///
    /// # Errors
    /// If the source cannot be read. What was found up to then is kept.
    pub fn segment<S: Source>(&mut self, place: &Place<'_>, source: S) -> Result<(), S::Error> {
        let mut scan = match Scan::open(source) {
            Ok(scan) => scan,
            Err(OpenError::Source(error)) => return Err(error),
            Err(OpenError::Header(fault)) => {
                self.passed(place.sequence, None);
                self.find(
                    FindingKind::BadHeader,
                    place.path,
                    place.sequence,
                    Some((None, 0)),
                    fault.to_string(),
                );
                return Ok(());
            }
        };
        let header = scan.header().clone();
        self.placed(place, &header);
        let mut walk = Walk {
            path: place.path,
            sequence: header.sequence,
            seal: None,
            waiting: self
                .checkpoints
                .iter()
                .filter(|each| each.segment == header.sequence && each.node == header.node)
                .cloned()
                .collect(),
        };
        self.report.segments += 1;
        loop {
            match scan.next()? {
                Step::Block(block) => {
                    self.report.blocks += 1;
                    self.report.frames += u64::from(block.header.frames);
                    self.report.bytes += u64::from(block.header.length);
                }
                Step::Seal(seal) => self.sealed(&seal, &mut walk),
                Step::Fault(fault) => self.fault(&fault, &walk),
                Step::End(end) => {
                    self.end(&end, place, &walk);
                    break;
                }
            }
            self.check(&scan, &mut walk);
        }
        self.passed(Some(header.sequence), walk.seal);
        Ok(())
    }

    fn passed(&mut self, sequence: Option<u64>, seal: Option<[u8; 32]>) {
        let Some(sequence) = sequence else { return };
        if self.report.first_segment == 0 {
            self.report.first_segment = sequence;
        }
        self.report.last_segment = self.report.last_segment.max(sequence);
        self.previous = Some(Previous { sequence, seal });
    }

    /// Is this the segment that belongs here?
    fn placed(&mut self, place: &Place<'_>, header: &SegmentHeader) {
        let found = header.sequence;
        let stream = self.report.stream;
        if self.report.node.is_empty() {
            header.node.clone_into(&mut self.report.node);
        }
        let mut say = |kind, text| self.find(kind, place.path, Some(found), Some((None, 0)), text);
        if place.sequence.is_some_and(|named| named != found) {
            say(
                FindingKind::SegmentOutOfPlace,
                format!("the file holds segment {found}, not the one that its name says"),
            );
            return;
        }
        if header.stream != stream {
            say(
                FindingKind::ForeignSegment,
                format!("the segment is of stream {}, not {stream}", header.stream),
            );
            return;
        }
        if header.node != self.report.node {
            let text =
                format!("the segment is of gateway {}, the ones before of {}", header.node, self.report.node);
            self.find(FindingKind::ForeignSegment, place.path, Some(found), Some((None, 0)), text);
            return;
        }
        let Some(previous) = &self.previous else {
            if found > 1 {
                let text =
                    format!("segments 1 to {} are not here; verify them where they were archived", found - 1);
                self.note(FindingKind::EarlierAbsent, place.path, Some(found), None, text);
            } else if header.previous_seal != [0; 32] {
                let text = "the first segment continues another one".to_owned();
                self.find(FindingKind::ForeignSegment, place.path, Some(found), Some((None, 0)), text);
            }
            return;
        };
        let expected = previous.sequence.saturating_add(1);
        if found > expected {
            let text = match found - expected {
                1 => format!("segment {expected} is missing"),
                _ => format!("segments {expected} to {} are missing", found - 1),
            };
            self.find(FindingKind::MissingSegment, "", Some(expected), None, text);
        } else if found < expected {
            let text = format!("segment {found} stands after segment {}", previous.sequence);
            self.find(FindingKind::SegmentOutOfPlace, place.path, Some(found), Some((None, 0)), text);
        } else if previous.seal.is_some_and(|seal| seal != header.previous_seal) {
            let text = format!("the segment does not continue the seal of segment {}", previous.sequence);
            self.find(FindingKind::ForeignSegment, place.path, Some(found), Some((None, 0)), text);
        }
    }

    fn sealed(&mut self, block: &SealBlock, walk: &mut Walk<'_>) {
        let SealBlock { header, offset, seal, joins } = block;
        walk.seal = Some(seal.digest);
        let at = Some((Some(header.index), *offset));
        if !seal.names(&self.key) {
            let text = "the segment was sealed with another key than the one given".to_owned();
            self.find(FindingKind::BadSignature, walk.path, Some(walk.sequence), at, text);
        } else if !seal.is_signed_by(&self.key, header) {
            let text = "the signature of the seal does not hold".to_owned();
            self.find(FindingKind::BadSignature, walk.path, Some(walk.sequence), at, text);
        } else if !joins {
            let text =
                "the blocks do not lead to the head that the seal signs: some were written anew".to_owned();
            self.find(FindingKind::ChangedByte, walk.path, Some(walk.sequence), at, text);
        } else {
            self.report.seals += 1;
        }
    }

    fn fault(&mut self, fault: &Fault, walk: &Walk<'_>) {
        let index = fault.index;
        let (kind, block, text) = match fault.kind {
            FaultKind::Changed | FaultKind::CutOff => (
                FindingKind::ChangedByte,
                index,
                format!("block {index} was changed: its checksum or its chain value does not hold"),
            ),
            FaultKind::OutOfPlace { claimed } => (
                FindingKind::BlockOutOfPlace,
                claimed,
                format!("block {claimed} stands where block {index} belongs"),
            ),
            FaultKind::Missing { blocks: 1 } => {
                (FindingKind::MissingBlock, index, format!("block {index} is missing"))
            }
            FaultKind::Missing { blocks } => (
                FindingKind::MissingBlock,
                index,
                format!("blocks {index} to {} are missing", index.saturating_add(blocks) - 1),
            ),
            FaultKind::Foreign => (
                FindingKind::ForeignBlock,
                index,
                format!("a block of another segment stands where block {index} belongs"),
            ),
        };
        self.find(kind, walk.path, Some(walk.sequence), Some((Some(block), fault.offset)), text);
    }

    fn end(&mut self, end: &End, place: &Place<'_>, walk: &Walk<'_>) {
        let at = Some((Some(end.index), end.offset));
        let segment = Some(walk.sequence);
        if end.sealed {
            if end.rest > 0 && place.sealed {
                let text = format!("{} bytes follow the seal", end.rest);
                self.find(FindingKind::TrailingBytes, place.path, segment, Some((None, end.offset)), text);
            }
            return;
        }
        let index = end.index;
        if !place.sealed && place.last {
            let text = match end.torn {
                None => format!("no seal yet: {index} whole blocks, still being written or left by a crash"),
                Some(_) => format!("no seal yet: {index} whole blocks and one that is not whole"),
            };
            self.note(FindingKind::Unsealed, place.path, segment, at, text);
        } else if end.torn == Some(FaultKind::CutOff) || end.rest == 0 {
            let text = match end.torn {
                Some(_) => format!("the file ends inside block {index}; no seal follows"),
                None => format!("the file ends after {index} blocks, without a seal"),
            };
            self.find(FindingKind::TruncatedTail, place.path, segment, at, text);
        } else {
            let text = format!("block {index} was changed, and no whole block follows it");
            self.find(FindingKind::ChangedByte, place.path, segment, at, text);
        }
        if let Some(checkpoint) = walk.waiting.last() {
            let text = format!(
                "{} bytes are whole, but a checkpoint of Unix time {} signs the first {}",
                end.offset,
                checkpoint.unix_us / 1_000_000,
                checkpoint.offset
            );
            self.find(FindingKind::TailCut, place.path, segment, at, text);
        }
    }

    /// Holds the checkpoints that fall up to here against the chain.
    fn check<S: Source>(&mut self, scan: &Scan<S>, walk: &mut Walk<'_>) {
        while let Some(checkpoint) = walk.waiting.first().filter(|each| each.offset <= scan.offset()) {
            if checkpoint.offset == scan.offset() && scan.stands_at(&checkpoint.head) {
                self.report.checkpoints += 1;
            } else {
                let text =
                    format!("the first {} bytes are not those that a checkpoint signs", checkpoint.offset);
                let at = Some((None, checkpoint.offset));
                self.find(FindingKind::CheckpointMismatch, walk.path, Some(walk.sequence), at, text);
            }
            walk.waiting.remove(0);
        }
    }

    fn find(
        &mut self,
        kind: FindingKind,
        path: &str,
        segment: Option<u64>,
        at: Option<(Option<u32>, u64)>,
        text: String,
    ) {
        self.add(Severity::Failure, kind, path, segment, at, text);
    }

    fn note(
        &mut self,
        kind: FindingKind,
        path: &str,
        segment: Option<u64>,
        at: Option<(Option<u32>, u64)>,
        text: String,
    ) {
        self.add(Severity::Note, kind, path, segment, at, text);
    }

    fn add(
        &mut self,
        severity: Severity,
        kind: FindingKind,
        path: &str,
        segment: Option<u64>,
        at: Option<(Option<u32>, u64)>,
        text: String,
    ) {
        self.findings.push(Finding {
            kind,
            severity,
            stream: self.report.stream,
            segment,
            path: path.to_owned(),
            block: at.and_then(|(block, _)| block),
            offset: at.map(|(_, offset)| offset),
            text,
        });
    }
}

/// What belongs to the walk through one segment.
struct Walk<'a> {
    path: &'a str,
    sequence: u64,
    seal: Option<[u8; 32]>,
    waiting: Vec<Checkpoint>,
}
