//! One writer per stream.

use crate::config::SpoolError;
use crate::layout::StreamDir;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

/// Makes the stream's directories (mode 0700) and locks it. The lock goes with the file, and with the process.
pub(crate) fn lock(directory: &StreamDir) -> Result<File, SpoolError> {
    let spare = directory.spare();
    DirBuilder::new().recursive(true).mode(0o700).create(&spare).map_err(SpoolError::io("create", &spare))?;
    let path = directory.lock();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(SpoolError::io("open", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(SpoolError::Locked(path)),
        Err(error) => Err(SpoolError::Io { doing: "lock", path, error: error.into() }),
    }
}
