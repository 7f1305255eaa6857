//! Which handles stand for which files, and what passed through each.

use super::question::Need;
use std::collections::HashMap;

/// A client that has more files open than this is not given another.
pub(super) const FILES_MAX: usize = 1024;

/// A file or directory that the target has opened.
#[derive(Debug, Default)]
pub(super) struct File {
    /// What was decided when it was opened.
    pub(super) needs: Vec<Need>,
    pub(super) read: Stretch,
    pub(super) written: Stretch,
}

/// Bytes of a file, and their digest if they came one behind the other.
#[derive(Default)]
pub(super) struct Stretch {
    bytes: u64,
    from: u64,
    next: u64,
    digest: Option<Box<blake3::Hasher>>,
}

impl Stretch {
    pub(super) fn add(&mut self, offset: u64, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        if self.bytes == 0 {
            self.from = offset;
            self.next = offset;
            self.digest = Some(Box::default());
        }
        match &mut self.digest {
            Some(digest) if offset == self.next => {
                digest.update(data);
            }
            _ => self.digest = None,
        }
        let length = data.len() as u64;
        self.next = offset.saturating_add(length);
        self.bytes = self.bytes.saturating_add(length);
    }

    /// A part of it did not get there.
    pub(super) fn fail(&mut self) {
        self.digest = None;
    }

    /// `read 12 from 0 blake3 0f..`, without the digest where parts came in another order.
    fn told(&self, verb: &str) -> Option<String> {
        let Stretch { bytes, from, .. } = self;
        let digest = self.digest.as_ref().map(|digest| digest.finalize().to_hex());
        match digest {
            _ if *bytes == 0 => None,
            Some(digest) => Some(format!("{verb} {bytes} from {from} blake3 {digest}")),
            None => Some(format!("{verb} {bytes} in pieces")),
        }
    }
}

impl std::fmt::Debug for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stretch").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl File {
    /// `status 0, read 12 from 0 blake3 0f.., written 3 from 0 blake3 1a.. /path`; no status where none came.
    pub(super) fn told(&self, status: Option<u32>) -> Vec<u8> {
        let status = status.map(|code| format!("status {code}"));
        let parts = [status, self.read.told("read"), self.written.told("written")];
        let mut told = parts.into_iter().flatten().collect::<Vec<_>>().join(", ").into_bytes();
        if let Some(need) = self.needs.first() {
            told.push(b' ');
            told.extend_from_slice(&need.path);
        }
        told
    }
}

/// The open files of a channel. A file outlives its handle until its CLOSE is answered.
#[derive(Debug, Default)]
pub(super) struct Files {
    by_handle: HashMap<Vec<u8>, u64>,
    files: HashMap<u64, File>,
    last_no: u64,
}

impl Files {
    pub(super) fn is_full(&self) -> bool {
        self.files.len() >= FILES_MAX
    }

    /// The target has opened one. False if the handle stands for another one already.
    pub(super) fn insert(&mut self, handle: &[u8], needs: Vec<Need>) -> bool {
        if self.by_handle.contains_key(handle) {
            return false;
        }
        self.last_no = self.last_no.saturating_add(1);
        self.by_handle.insert(handle.to_vec(), self.last_no);
        self.files.insert(self.last_no, File { needs, ..File::default() });
        true
    }

    /// Its number, of a handle.
    pub(super) fn no(&self, handle: &[u8]) -> Option<u64> {
        self.by_handle.get(handle).copied()
    }

    pub(super) fn get(&mut self, no: u64) -> Option<&mut File> {
        self.files.get_mut(&no)
    }

    /// The client lets go of a handle.
    pub(super) fn let_go(&mut self, handle: &[u8]) {
        self.by_handle.remove(handle);
    }

    /// The target has closed it.
    pub(super) fn remove(&mut self, no: u64) -> Option<File> {
        self.files.remove(&no)
    }

    /// All that are left, in their order.
    pub(super) fn drain(&mut self) -> Vec<File> {
        self.by_handle.clear();
        let mut files: Vec<(u64, File)> = self.files.drain().collect();
        files.sort_unstable_by_key(|(no, _)| *no);
        files.into_iter().map(|(_, file)| file).collect()
    }
}
