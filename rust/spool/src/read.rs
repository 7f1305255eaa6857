//! Reading segment files.

use hoopwire_recording::{Fault, HeaderFault, Joiner, OpenError, Scan, Source, Step};
use rmp::encode;
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A file as the source of a segment's bytes.
#[derive(Debug)]
pub(crate) struct FileSource(pub(crate) File);

impl Source for FileSource {
    type Error = io::Error;

    fn length(&mut self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read_at(into, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }
}

/// Opens a segment file for a scan.
pub(crate) fn scan(path: &Path) -> Result<Scan<FileSource>, OpenError<io::Error>> {
    Scan::open(FileSource(File::open(path).map_err(OpenError::Source)?))
}

/// Why frames cannot be read from a segment file.
#[derive(Debug)]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: ReadErrorKind,
}

/// What is wrong with a segment file that is read.
#[derive(Debug)]
pub enum ReadErrorKind {
    /// The file cannot be read.
    Io(io::Error),
    /// Its header is wrong.
    Header(HeaderFault),
    /// A block is wrong; reading can go on after it.
    Fault(Fault),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            ReadErrorKind::Io(error) => write!(f, "cannot read {path}: {error}"),
            ReadErrorKind::Header(fault) => write!(f, "{path}: {fault}"),
            ReadErrorKind::Fault(fault) => {
                write!(
                    f,
                    "{path}: block {} at byte {} does not hold; verify says more",
                    fault.index, fault.offset
                )
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// The frames of one segment file, in order, fragments joined.
///
/// Each is a MessagePack array `[sequence, unix_us, session_number, kind, direction, flags, payload]`. Only blocks
/// that hold are read. A fault is one `Err`, after which the frames go on; a tail that is not whole ends them.
#[derive(Debug)]
pub struct SegmentFrames {
    path: PathBuf,
    scan: Scan<FileSource>,
    joiner: Joiner,
    waiting: VecDeque<Vec<u8>>,
    ended: bool,
}

/// Opens a segment file, sealed or open.
///
/// # Errors
/// [`ReadError`] if it cannot be read or is not a segment.
pub fn read_frames(path: &Path) -> Result<SegmentFrames, ReadError> {
    let scan = scan(path).map_err(|error| ReadError {
        path: path.to_owned(),
        kind: match error {
            OpenError::Source(error) => ReadErrorKind::Io(error),
            OpenError::Header(fault) => ReadErrorKind::Header(fault),
        },
    })?;
    Ok(SegmentFrames {
        path: path.to_owned(),
        scan,
        joiner: Joiner::default(),
        waiting: VecDeque::new(),
        ended: false,
    })
}

impl SegmentFrames {
    fn fail(&self, kind: ReadErrorKind) -> ReadError {
        ReadError { path: self.path.clone(), kind }
    }
}

impl Iterator for SegmentFrames {
    type Item = Result<Vec<u8>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.waiting.is_empty() && !self.ended {
            match self.scan.next() {
                Ok(Step::Block(block)) => {
                    for (sequence, raw) in block.frames() {
                        if let Some(frame) = self.joiner.next(sequence, &raw) {
                            self.waiting.push_back(item(&frame));
                        }
                    }
                }
                Ok(Step::Seal(_)) => {}
                Ok(Step::Fault(fault)) => {
                    self.joiner.reset();
                    return Some(Err(self.fail(ReadErrorKind::Fault(fault))));
                }
                Ok(Step::End(_)) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(self.fail(ReadErrorKind::Io(error))));
                }
            }
        }
        self.waiting.pop_front().map(Ok)
    }
}

/// One frame as a MessagePack array. Writing to a `Vec` cannot fail.
fn item(frame: &hoopwire_recording::Joined<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame.payload.len() + 32);
    let _ = encode::write_array_len(&mut out, 7);
    let numbers = [
        frame.sequence,
        frame.unix_us,
        u64::from(frame.session),
        u64::from(frame.kind),
        u64::from(frame.direction),
        u64::from(frame.flags),
    ];
    for number in numbers {
        let _ = encode::write_uint(&mut out, number);
    }
    out.extend_from_slice(frame.payload);
    out
}
