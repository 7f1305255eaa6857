//! The file operations of a writer, as a seam for failures in tests. Reading needs none.

use rustix::fs::{FallocateFlags, fallocate, fdatasync, fsync, statvfs};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What a writer does to its volume. Each call does one thing, so that a test can fail each one.
pub trait Volume {
    /// A new file of this size, mode 0600, its room allocated. On failure there is no file.
    ///
    /// # Errors
    /// As the system says.
    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<File>;

    /// An existing file for writing, grown or cut to this size, its room allocated.
    ///
    /// # Errors
    /// As the system says.
    fn reuse(&mut self, path: &Path, bytes: u64) -> io::Result<File>;

    /// Writes at `offset`; gives how many bytes were taken.
    ///
    /// # Errors
    /// As the system says.
    fn write_at(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Returns when the file's bytes are on the medium.
    ///
    /// # Errors
    /// As the system says.
    fn sync(&mut self, file: &File) -> io::Result<()>;

    /// Cuts the file.
    ///
    /// # Errors
    /// As the system says.
    fn truncate(&mut self, file: &File, bytes: u64) -> io::Result<()>;

    /// Renames within the volume.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&mut self, path: &Path) -> io::Result<()>;

    /// Returns when the directory's entries are on the medium.
    ///
    /// # Errors
    /// As the system says.
    fn sync_directory(&mut self, path: &Path) -> io::Result<()>;

    /// Whether the open file is what stands under this name: not removed, renamed, replaced or hidden.
    ///
    /// # Errors
    /// As the system says, but for a name that is not there.
    fn is_at(&mut self, file: &File, path: &Path) -> io::Result<bool>;

    /// Free bytes of the volume for this user.
    ///
    /// # Errors
    /// As the system says.
    fn free_bytes(&mut self, path: &Path) -> io::Result<u64>;
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Volume for Disk {
    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<File> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        if let Err(error) = allocate(&file, 0, bytes) {
            let _ = fs::remove_file(path);
            return Err(error);
        }
        Ok(file)
    }

    fn reuse(&mut self, path: &Path, bytes: u64) -> io::Result<File> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let had = file.metadata()?.len();
        if had > bytes {
            file.set_len(bytes)?;
        }
        allocate(&file, had.min(bytes), bytes)?;
        Ok(file)
    }

    fn write_at(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        loop {
            match file.write_at(bytes, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        Ok(fdatasync(file)?)
    }

    fn truncate(&mut self, file: &File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&mut self, path: &Path) -> io::Result<()> {
        Ok(fsync(File::open(path)?)?)
    }

    fn is_at(&mut self, file: &File, path: &Path) -> io::Result<bool> {
        let own = file.metadata()?;
        match fs::symlink_metadata(path) {
            Ok(there) => Ok((there.dev(), there.ino()) == (own.dev(), own.ino())),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn free_bytes(&mut self, path: &Path) -> io::Result<u64> {
        let volume = statvfs(path)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}

/// Allocates all of the file. Where the file system has no fallocate, `had..bytes` is filled with zeros.
fn allocate(file: &File, had: u64, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            let zeros = vec![0; 1024 * 1024];
            let mut offset = had;
            while offset < bytes {
                let count = usize::try_from(bytes - offset).unwrap_or(usize::MAX).min(zeros.len());
                file.write_all_at(zeros.get(..count).unwrap_or_default(), offset)?;
                offset += count as u64;
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
