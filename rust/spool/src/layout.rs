//! Names of a stream's files. Nothing in them is chosen by a client.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) const SEALED: &str = "hwr";
pub(crate) const OPEN: &str = "open";
const DAMAGED: &str = "damaged";

/// The directory of one stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamDir {
    path: PathBuf,
}

impl StreamDir {
    pub(crate) fn new(recordings: &Path, stream: u16) -> StreamDir {
        StreamDir { path: recordings.join(format!("s{stream}")) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    pub(crate) fn spare(&self) -> PathBuf {
        self.path.join("spare")
    }

    /// Written: frames may lie in it.
    pub(crate) fn open(&self, sequence: u64) -> PathBuf {
        self.named(sequence, OPEN)
    }

    pub(crate) fn sealed(&self, sequence: u64) -> PathBuf {
        self.named(sequence, SEALED)
    }

    /// Allocated for the next segment, its header not yet written.
    pub(crate) fn fresh(&self) -> PathBuf {
        self.path.join("next.new")
    }

    /// What a crash or someone left and recovery could not take over whole, kept as it was.
    pub(crate) fn damaged(&self, sequence: u64) -> PathBuf {
        self.named(sequence, DAMAGED)
    }

    fn named(&self, sequence: u64, extension: &str) -> PathBuf {
        self.path.join(format!("{sequence:010}.{extension}"))
    }

    /// A released file that may be used again.
    pub(crate) fn recyclable(&self) -> Option<PathBuf> {
        entries(&self.spare()).ok()?.into_iter().find(|path| has_extension(path, SEALED))
    }
}

/// A segment file as its name tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    pub(crate) sequence: u64,
    pub(crate) sealed: bool,
    pub(crate) path: PathBuf,
}

impl SegmentFile {
    pub(crate) fn from_path(path: PathBuf) -> Option<SegmentFile> {
        let sealed = has_extension(&path, SEALED);
        if !sealed && !has_extension(&path, OPEN) {
            return None;
        }
        let sequence = path.file_stem()?.to_str()?.parse().ok()?;
        Some(SegmentFile { sequence, sealed, path })
    }
}

/// The segments in a directory by their sequence numbers; a sealed one before an open one of the same number.
pub(crate) fn segments(directory: &Path) -> io::Result<Vec<SegmentFile>> {
    let mut files: Vec<SegmentFile> =
        entries(directory)?.into_iter().filter_map(SegmentFile::from_path).collect();
    files.sort_by_key(|file| (file.sequence, !file.sealed));
    Ok(files)
}

/// The stream directories below a directory, with their numbers.
pub(crate) fn streams(recordings: &Path) -> io::Result<Vec<(u16, PathBuf)>> {
    let mut streams: Vec<(u16, PathBuf)> = entries(recordings)?
        .into_iter()
        .filter(|path| path.is_dir())
        .filter_map(|path| Some((stream_number(&path)?, path)))
        .collect();
    streams.sort();
    Ok(streams)
}

/// The number of a directory that is named like a stream.
pub(crate) fn stream_number(path: &Path) -> Option<u16> {
    path.file_name()?.to_str()?.strip_prefix('s')?.parse().ok()
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}
