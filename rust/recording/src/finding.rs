//! What verification finds, in a form that a program reads and a person can be told.

use serde::Serialize;

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// Whether the recording fails by it.
    pub severity: Severity,
    /// Number of the stream.
    pub stream: u16,
    /// Sequence number of the segment, if it belongs to one.
    pub segment: Option<u64>,
    /// The file, or empty.
    pub path: String,
    /// Index of the block in the segment, if it belongs to one.
    pub block: Option<u32>,
    /// Byte offset in the file.
    pub offset: Option<u64>,
    /// What was found, one plain sentence without a full stop.
    pub text: String,
}

/// Whether a finding fails the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The recording is not what was written.
    Failure,
    /// Worth knowing.
    Note,
}

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Bytes of a block are not those that were written.
    ChangedByte,
    /// Blocks are gone from the middle of a segment.
    MissingBlock,
    /// A block stands where another belongs.
    BlockOutOfPlace,
    /// A block of another use of the file stands in the middle of a segment.
    ForeignBlock,
    /// The end of a segment, its seal with it, is gone.
    TruncatedTail,
    /// Bytes follow the seal.
    TrailingBytes,
    /// The segment header cannot be read.
    BadHeader,
    /// A segment between two others is not there.
    MissingSegment,
    /// A file holds another segment of this stream than its name says.
    SegmentOutOfPlace,
    /// A segment of another stream, or of another history of this one.
    ForeignSegment,
    /// The signature of a seal is not the key's.
    BadSignature,
    /// What a checkpoint signs is no longer there: the end of the stream was cut off behind it.
    TailCut,
    /// What a checkpoint signs is not what stands there.
    CheckpointMismatch,
    /// A line that is not a checkpoint signed by the key.
    BadCheckpoint,
    /// The file cannot be read.
    Unreadable,
    /// The segment is still being written, or its writer crashed: no seal covers it yet.
    Unsealed,
    /// The first segments of the stream are not in this directory.
    EarlierAbsent,
}

/// Totals of one stream, of what was read and holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// Number of the stream.
    pub stream: u16,
    /// Name of the gateway, empty if no header could be read.
    pub node: String,
    /// Sequence number of the first segment that is there, 0 if none.
    pub first_segment: u64,
    /// Sequence number of the last.
    pub last_segment: u64,
    /// Segments read.
    pub segments: u64,
    /// Blocks of frames that hold.
    pub blocks: u64,
    /// Frames in them.
    pub frames: u64,
    /// Bytes of what holds.
    pub bytes: u64,
    /// Seals whose signature is the key's.
    pub seals: u64,
    /// Checkpoints that hold.
    pub checkpoints: u64,
}
