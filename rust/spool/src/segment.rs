//! The segment that is open: where the next block goes, and how it ends.

use crate::layout::StreamDir;
use crate::volume::Volume;
use hoopwire_recording::{Chain, Checkpoint, SEAL_BYTES, SegmentHeader, SigningKey};
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// A segment that frames are appended to. Its room is allocated.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) file: File,
    pub(crate) header: SegmentHeader,
    pub(crate) chain: Chain,
    /// Bytes that are kept.
    pub(crate) used: u64,
    pub(crate) capacity: u64,
    /// It holds more than its head says of sessions that go on.
    pub(crate) holds_turns: bool,
    /// The seal is written; what is left is to cut and to rename.
    pub(crate) sealed: bool,
    /// It has its final name; what is left is to wait for the directory.
    pub(crate) named: bool,
    /// Its file is no longer where it belongs: what is written to it nobody finds.
    pub(crate) lost: bool,
}

/// What the next segment needs to know of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Sequence number of the last sealed segment, 0 if there is none.
    pub(crate) sequence: u64,
    /// Digest of its seal.
    pub(crate) seal: [u8; 32],
    /// Sequence number that the next frame gets, 0 if there is none yet.
    pub(crate) next_frame: u64,
}

impl Segment {
    /// Bytes that may still be written while `reserve` and the seal keep their room.
    pub(crate) fn room(&self, reserve: u64) -> u64 {
        self.capacity.saturating_sub(self.used).saturating_sub(SEAL_BYTES as u64).saturating_sub(reserve)
    }

    /// Writes `bytes` at the end and, if asked, waits for the medium. Counts nothing as kept.
    pub(crate) fn write(&self, volume: &mut impl Volume, bytes: &[u8], synced: bool) -> io::Result<()> {
        write_all(volume, &self.file, bytes, self.used)?;
        if synced { volume.sync(&self.file) } else { Ok(()) }
    }

    /// Seals the segment and gives it its final name. May be called again after a failure.
    pub(crate) fn seal(
        &mut self,
        volume: &mut impl Volume,
        directory: &StreamDir,
        unix_us: u64,
        key: &SigningKey,
        synced: bool,
    ) -> io::Result<PathBuf> {
        if !self.sealed {
            let mut chain = self.chain;
            let mut bytes = Vec::with_capacity(SEAL_BYTES);
            chain.seal(self.used, unix_us, key, &mut bytes);
            self.write(volume, &bytes, synced)?;
            self.chain = chain;
            self.used += bytes.len() as u64;
            self.sealed = true;
        }
        let path = directory.sealed(self.header.sequence);
        if !self.named {
            volume.truncate(&self.file, self.used)?;
            volume.rename(&directory.open(self.header.sequence), &path)?;
            self.named = true;
        }
        if synced {
            volume.sync_directory(directory.path())?;
        }
        Ok(path)
    }

    /// Seals a segment whose file is lost, for what follows it: the next one names this seal, so that `verify`
    /// says which one is missing.
    pub(crate) fn give_up(&mut self, unix_us: u64, key: &SigningKey) {
        if !self.sealed {
            let mut bytes = Vec::with_capacity(SEAL_BYTES);
            self.chain.seal(self.used, unix_us, key, &mut bytes);
            self.used += bytes.len() as u64;
            self.sealed = true;
        }
    }

    /// Signs where the segment stands.
    pub(crate) fn checkpoint(&self, unix_us: u64, key: &SigningKey) -> Checkpoint {
        Checkpoint::sign(&self.header, &self.chain, self.used, unix_us, key)
    }

    pub(crate) fn tail(&self) -> Tail {
        Tail { sequence: self.header.sequence, seal: self.chain.head(), next_frame: self.chain.next_frame() }
    }
}

/// Writes all of `bytes` in one call; a short write is a failure like any other.
pub(crate) fn write_all(volume: &mut impl Volume, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let count = volume.write_at(file, bytes, offset)?;
    if count == bytes.len() {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::WriteZero,
            format!("short write: {count} of {} bytes", bytes.len()),
        ))
    }
}
