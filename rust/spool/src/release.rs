//! What happens to a sealed segment after it was archived elsewhere.

use crate::layout::{SegmentFile, segments};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// At most so many released files wait to be used again; more are removed.
const SPARES: usize = 2;

/// What became of a released segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// Its file will be used again.
    Kept,
    /// Its file was removed.
    Removed,
}

/// Why a segment is not released.
#[derive(Debug)]
pub enum ReleaseError {
    /// Not a sealed segment in a stream's directory.
    NotSealed(PathBuf),
    /// The newest segment of its stream: the next one is bound to its seal.
    Newest(PathBuf),
    /// A file operation failed.
    Io(PathBuf, io::Error),
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReleaseError::NotSealed(path) => {
                write!(f, "{} is not a sealed segment (DIRECTORY/sN/NNNNNNNNNN.hwr)", path.display())
            }
            ReleaseError::Newest(path) => {
                write!(
                    f,
                    "{} is the newest segment of its stream: the next one continues its seal",
                    path.display()
                )
            }
            ReleaseError::Io(path, error) => write!(f, "cannot release {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for ReleaseError {}

/// Gives up the local copy of a sealed segment, for an operator who has archived it elsewhere. The gateway may run.
///
/// # Errors
/// [`ReleaseError`]; then nothing was changed.
pub fn release_segment(path: &Path) -> Result<Released, ReleaseError> {
    let failed = |error| ReleaseError::Io(path.to_owned(), error);
    let directory = path.parent().filter(|directory| crate::layout::stream_number(directory).is_some());
    let file = SegmentFile::from_path(path.to_owned()).filter(|file| file.sealed && path.is_file());
    let (Some(directory), Some(file)) = (directory, file) else {
        return Err(ReleaseError::NotSealed(path.to_owned()));
    };
    let newest = segments(directory).map_err(failed)?.last().map_or(0, |last| last.sequence);
    if file.sequence >= newest {
        return Err(ReleaseError::Newest(path.to_owned()));
    }
    let spare = directory.join("spare");
    let spares = fs::read_dir(&spare).map_err(failed)?.count();
    if spares >= SPARES {
        fs::remove_file(path).map_err(failed)?;
        return Ok(Released::Removed);
    }
    let name = path.file_name().unwrap_or_default();
    fs::rename(path, spare.join(name)).map_err(failed)?;
    Ok(Released::Kept)
}

/// Returns when a sealed segment and its name are on the medium. Without `synced` the spool leaves this to whoever
/// takes a sealed segment further, so that no reactor waits for a disk.
///
/// # Errors
/// As the system says.
pub fn sync_segment(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
