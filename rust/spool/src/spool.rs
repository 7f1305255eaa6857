//! The writer of one stream.
//!
//! Three rules. What `commit` has not answered with Ok is not kept, and the chain stands where it stood. A failed
//! write fails all that follow, until a new segment is open. Room for closing frames and the seal is never given to
//! anything else.

use crate::config::{SpoolConfig, SpoolError};
use crate::events::{Recovery, Refused, SpoolEvent, WriteFailed};
use crate::layout::StreamDir;
use crate::segment::{Segment, Tail, write_all};
use crate::sessions::{CLOSING_BYTES, Sessions};
use crate::volume::{Disk, Volume};
use hoopwire_recording::{Chain, Frames, HEADER_BYTES, SEAL_BYTES, SegmentHeader};
use rustix::rand::{GetRandomFlags, getrandom};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const RETRY_AFTER: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOK_EVERY_US: u64 = 1_000_000;
const SPACE_CHECKED_FOR: Duration = Duration::from_millis(100);
const SCRATCH_KEPT_BYTES: usize = 256 * 1024;

/// One append stream, written by one thread.
#[derive(Debug)]
pub struct Spool<V: Volume = Disk> {
    pub(crate) config: SpoolConfig,
    pub(crate) volume: V,
    pub(crate) directory: StreamDir,
    pub(crate) sessions: Sessions,
    pub(crate) tail: Tail,
    pub(crate) segment: Option<Segment>,
    /// The next segment's file, allocated; it survives a failure for the next try.
    pub(crate) fresh: Option<(File, u64)>,
    /// It has the name of the open segment already; what is left is to wait for the directory.
    pub(crate) placed: bool,
    pub(crate) events: VecDeque<SpoolEvent>,
    pub(crate) failed: Option<String>,
    pub(crate) retry_at: Option<Instant>,
    pub(crate) seal_at: Option<Instant>,
    pub(crate) checkpoint_at: Option<Instant>,
    pub(crate) space: Option<(Instant, u64)>,
    /// When to look whether the open segment is still where it belongs.
    pub(crate) look_at: Option<Instant>,
    /// Wall clock of the last look.
    pub(crate) looked_us: u64,
    /// Wall clock of the last call that told it.
    pub(crate) unix_us: u64,
    pub(crate) scratch: Vec<u8>,
    pub(crate) lock: File,
}

impl Spool<Disk> {
    /// Opens the stream: recovers what a crashed run left, then opens a segment.
    ///
    /// # Errors
    /// [`SpoolError`] names what failed. Nothing that was recorded is lost by it.
    pub fn open(
        config: SpoolConfig,
        now: Instant,
        unix_us: u64,
    ) -> Result<(Spool, Vec<Recovery>), SpoolError> {
        Spool::open_on(Disk, config, now, unix_us)
    }
}

impl<V: Volume> Spool<V> {
    /// Takes a session on and keeps room for its closing frames. `session` is the stream-local number of its
    /// frames, `ulid` and `grant` are what a new segment says of it.
    ///
    /// # Errors
    /// [`Refused`]: the session must not begin.
    pub fn admit(&mut self, session: u32, ulid: &str, grant: &str) -> Result<(), Refused> {
        if let Some(error) = &self.failed {
            return Err(Refused::Failed(error.clone()));
        }
        if self.sessions.contains(session) {
            return Err(Refused::NumberInUse);
        }
        self.check_floor()?;
        self.look(self.unix_us).map_err(|failed| Refused::Failed(failed.error))?;
        let reserve = self.sessions.reserve() + CLOSING_BYTES;
        if self.segment.as_ref().is_none_or(|segment| segment.room(reserve) == 0) {
            self.rotate(self.unix_us, CLOSING_BYTES).map_err(|error| {
                let failed = self.fail(&error);
                Refused::Failed(failed.error)
            })?;
        }
        self.sessions.admit(session, ulid, grant);
        Ok(())
    }

    fn check_floor(&mut self) -> Result<(), Refused> {
        #[expect(
            clippy::disallowed_methods,
            reason = "how old a look at the volume is; nothing recorded depends on it"
        )]
        let now = Instant::now();
        let free_bytes = match self.space {
            Some((at, free)) if now.saturating_duration_since(at) < SPACE_CHECKED_FOR => free,
            _ => {
                let looked = self.volume.free_bytes(self.directory.path());
                let free =
                    looked.map_err(|error| Refused::Failed(format!("free room cannot be told: {error}")))?;
                self.space = Some((now, free));
                free
            }
        };
        let floor_bytes = self.config.floor_bytes;
        if free_bytes < floor_bytes { Err(Refused::Floor { free_bytes, floor_bytes }) } else { Ok(()) }
    }

    /// Keeps a turn's frames. When it returns Ok they are written (and on the medium, if `synced`): release what
    /// they tell of. The frames are cleared either way. Gives the bytes written.
    ///
    /// # Errors
    /// [`WriteFailed`]: release nothing; end the stream's sessions.
    pub fn commit(&mut self, frames: &mut Frames, unix_us: u64) -> Result<u64, WriteFailed> {
        self.keep(frames, unix_us, false)
    }

    /// Keeps the closing frames of sessions: may use the room reserved for them, also after a failure.
    ///
    /// # Errors
    /// [`WriteFailed`]: they are not kept. The ends are recorded when the stream can be written again.
    pub fn commit_closing(&mut self, frames: &mut Frames, unix_us: u64) -> Result<u64, WriteFailed> {
        self.keep(frames, unix_us, true)
    }

    fn keep(&mut self, frames: &mut Frames, unix_us: u64, closing: bool) -> Result<u64, WriteFailed> {
        self.unix_us = unix_us;
        let outcome = self.try_keep(frames, unix_us, closing);
        frames.clear();
        self.scratch.clear();
        self.scratch.shrink_to(SCRATCH_KEPT_BYTES);
        outcome
    }

    fn try_keep(&mut self, frames: &Frames, unix_us: u64, closing: bool) -> Result<u64, WriteFailed> {
        if frames.is_empty() {
            return Ok(0);
        }
        if frames.is_oversized() {
            return Err(WriteFailed::new("a frame is longer than the format allows"));
        }
        if let Some(error) = self.failed.as_ref().filter(|_| !closing) {
            return Err(WriteFailed::new(error));
        }
        if !closing {
            self.look(unix_us)?;
        }
        let prefix =
            if frames.sessions_change() { self.sessions.prefix(frames, unix_us) } else { Frames::new() };
        let reserve = if closing { 0 } else { self.sessions.reserve() };
        let mut chain = self.build(&prefix, frames);
        if chain.is_none() || !self.fits(reserve) {
            if let Some(error) = &self.failed {
                return Err(WriteFailed::new(error));
            }
            let needed = (prefix.bytes() + frames.bytes()) as u64;
            self.rotate(unix_us, needed).map_err(|error| self.fail(&error))?;
            chain = self.build(&prefix, frames);
        }
        let (Some(chain), Some(segment)) = (chain, &mut self.segment) else {
            return Err(WriteFailed::new("no segment is open"));
        };
        if let Err(error) = segment.write(&mut self.volume, &self.scratch, self.config.synced) {
            return Err(self.fail(&error));
        }
        let bytes = self.scratch.len() as u64;
        segment.chain = chain;
        segment.used += bytes;
        segment.holds_turns = true;
        if frames.sessions_change() {
            self.sessions.kept(frames);
        }
        if self.seal_at.is_none() || self.checkpoint_at.is_none() {
            self.arm();
        }
        Ok(bytes)
    }

    /// Builds the blocks into the scratch buffer; gives the chain as it will stand. `None` if no segment takes them.
    fn build(&mut self, prefix: &Frames, frames: &Frames) -> Option<Chain> {
        self.scratch.clear();
        let mut chain = self.segment.as_ref().filter(|segment| !segment.sealed && !segment.lost)?.chain;
        chain.append(prefix, &mut self.scratch);
        chain.append(frames, &mut self.scratch);
        Some(chain)
    }

    fn fits(&self, reserve: u64) -> bool {
        self.segment.as_ref().is_some_and(|segment| self.scratch.len() as u64 <= segment.room(reserve))
    }

    /// A segment that holds anything gets its deadlines.
    fn arm(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "the first turn of a segment starts its clocks")]
        let now = Instant::now();
        self.seal_at.get_or_insert(now + self.config.seal_after);
        self.checkpoint_at.get_or_insert(now + self.config.checkpoint_every);
        self.look_at.get_or_insert(now + LOOK_EVERY);
    }

    /// Looks, once a second, whether the open segment is still where it belongs. A file that was removed or renamed
    /// takes all that is written to it, and nobody finds it.
    fn look(&mut self, unix_us: u64) -> Result<(), WriteFailed> {
        if (self.looked_us..self.looked_us + LOOK_EVERY_US).contains(&unix_us) {
            return Ok(());
        }
        let Some(segment) = &mut self.segment else { return Ok(()) };
        let path = self.directory.open(segment.header.sequence);
        // A sealed one that failed on its way has its final name, or waits for it.
        if segment.sealed {
            return Ok(());
        }
        match self.volume.is_at(&segment.file, &path) {
            Ok(true) => {
                self.looked_us = unix_us;
                Ok(())
            }
            Ok(false) => {
                segment.lost = true;
                Err(self.fail(&io::Error::other(format!("{} is no longer there", path.display()))))
            }
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Gives back the room of a session that is over.
    pub fn release(&mut self, session: u32) {
        self.sessions.release(session);
    }

    /// Seals by time, makes checkpoints, tries again after a failure. Call it at [`Spool::next_deadline`].
    pub fn tick(&mut self, now: Instant, unix_us: u64) {
        self.unix_us = unix_us;
        if self.failed.is_some() {
            if self.retry_at.is_none_or(|at| at <= now) {
                self.retry(now, unix_us);
            }
            return;
        }
        if self.seal_at.is_some_and(|at| at <= now) || self.sessions.owes() {
            if let Err(error) = self.rotate(unix_us, 0) {
                self.fail(&error);
            }
            return;
        }
        if self.look_at.is_some_and(|at| at <= now) {
            self.look_at = Some(now + LOOK_EVERY);
            // Whoever asks for something hears of it; here it is for those who are idle.
            if self.look(unix_us).is_err() {
                return;
            }
        }
        if self.checkpoint_at.is_some_and(|at| at <= now) {
            self.checkpoint(unix_us);
        }
    }

    fn retry(&mut self, now: Instant, unix_us: u64) {
        self.find_again();
        match self.rotate(unix_us, 0) {
            Ok(()) => {
                self.failed = None;
                self.retry_at = None;
                self.space = None;
                self.events.push_back(SpoolEvent::Resumed);
            }
            Err(error) => {
                self.failed = Some(error.to_string());
                self.retry_at = Some(now + RETRY_AFTER);
            }
        }
    }

    /// A segment that was lost may be back in its place: a directory that was renamed, a volume that was hidden.
    fn find_again(&mut self) {
        let Some(segment) = self.segment.as_mut().filter(|segment| segment.lost) else { return };
        let path = self.directory.open(segment.header.sequence);
        segment.lost = !matches!(self.volume.is_at(&segment.file, &path), Ok(true));
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<SpoolEvent> {
        self.events.pop_front()
    }

    /// When [`Spool::tick`] has something to do; `None` while the stream is idle.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.failed.is_some() {
            return self.retry_at;
        }
        [self.seal_at, self.checkpoint_at, self.look_at].into_iter().flatten().min()
    }

    /// Seals the stream. Gives the events that were not yet taken, the last seal and checkpoint with them.
    ///
    /// # Errors
    /// [`WriteFailed`] if it cannot be sealed; the next start recovers it.
    pub fn close(mut self, unix_us: u64) -> Result<Vec<SpoolEvent>, WriteFailed> {
        if self.sessions.owes() {
            self.rotate(unix_us, 0).map_err(WriteFailed::new)?;
        }
        self.finish(unix_us).map_err(WriteFailed::new)?;
        if self.fresh.is_some() {
            self.volume.remove(&self.fresh_path()).map_err(WriteFailed::new)?;
        }
        drop(self.lock);
        Ok(self.events.into())
    }

    /// Remembers a failure; says it once.
    fn fail(&mut self, error: &io::Error) -> WriteFailed {
        let text = error.to_string();
        if self.failed.is_none() {
            self.events.push_back(SpoolEvent::Failed { error: text.clone() });
            #[expect(
                clippy::disallowed_methods,
                reason = "when to try again; nothing recorded depends on it"
            )]
            let now = Instant::now();
            self.retry_at = Some(now + RETRY_AFTER);
        }
        self.failed = Some(text);
        WriteFailed::new(error)
    }

    /// Opens the next segment with room for `needed` bytes: first its room, then the seal of this one, then its
    /// head. If there is no room, this one stays open for the closing frames. May be called again after a failure.
    pub(crate) fn rotate(&mut self, unix_us: u64, needed: u64) -> io::Result<()> {
        let head = self.sessions.head(unix_us);
        let capacity = self.capacity_for(head.bytes() as u64, needed);
        if self.fresh.as_ref().is_none_or(|(_, had)| *had < capacity) {
            self.allocate(capacity)?;
        }
        self.finish(unix_us)?;
        self.begin(&head, unix_us)
    }

    fn capacity_for(&self, head: u64, needed: u64) -> u64 {
        // Frames that are cut into blocks grow by less than a hundredth; the reserve must leave room for turns.
        let bytes = (HEADER_BYTES + SEAL_BYTES) as u64 + (head + needed) * 102 / 100 + 1024;
        self.config.segment_bytes.max(bytes + 2 * self.sessions.reserve())
    }

    /// Where the file for the next segment is.
    fn fresh_path(&self) -> PathBuf {
        if self.placed { self.directory.open(self.tail.sequence + 1) } else { self.directory.fresh() }
    }

    fn allocate(&mut self, capacity: u64) -> io::Result<()> {
        let path = self.directory.fresh();
        if self.fresh.is_some() {
            self.volume.remove(&self.fresh_path())?;
            (self.fresh, self.placed) = (None, false);
        }
        let file = match self.directory.recyclable() {
            Some(spare) => {
                self.volume.rename(&spare, &path)?;
                match self.volume.reuse(&path, capacity) {
                    Ok(file) => file,
                    Err(error) => {
                        self.volume.remove(&path)?;
                        return Err(error);
                    }
                }
            }
            None => self.volume.create(&path, capacity)?,
        };
        self.fresh = Some((file, capacity));
        Ok(())
    }

    /// Seals the open segment, or removes it if it holds nothing.
    fn finish(&mut self, unix_us: u64) -> io::Result<()> {
        let Some(segment) = &mut self.segment else { return Ok(()) };
        if segment.chain.blocks() == 0 && segment.lost {
            // Nothing was in it.
        } else if segment.chain.blocks() == 0 {
            self.volume.remove(&self.directory.open(segment.header.sequence))?;
        } else if segment.lost {
            segment.give_up(unix_us, &self.config.key);
            self.tail = segment.tail();
            let line = segment.checkpoint(unix_us, &self.config.key).line();
            self.events.push_back(SpoolEvent::Checkpoint { line });
        } else {
            let path = segment.seal(
                &mut self.volume,
                &self.directory,
                unix_us,
                &self.config.key,
                self.config.synced,
            )?;
            self.tail = segment.tail();
            let line = segment.checkpoint(unix_us, &self.config.key).line();
            self.events.push_back(SpoolEvent::SegmentSealed { path, sequence: segment.header.sequence });
            self.events.push_back(SpoolEvent::Checkpoint { line });
        }
        self.segment = None;
        self.seal_at = None;
        self.checkpoint_at = None;
        self.look_at = None;
        Ok(())
    }

    /// Writes the head of the fresh file and makes it the open segment.
    fn begin(&mut self, head: &Frames, unix_us: u64) -> io::Result<()> {
        let Some((file, capacity)) = &self.fresh else {
            return Err(io::Error::other("no file is allocated"));
        };
        let header = SegmentHeader {
            sequence: self.tail.sequence + 1,
            epoch: random_epoch()?,
            created_us: unix_us,
            first_frame: self.tail.next_frame.max(1),
            stream: self.config.stream,
            previous_seal: self.tail.seal,
            node: self.config.node.clone(),
        };
        let mut chain = Chain::start(&header);
        let mut bytes = header.encode().to_vec();
        chain.append(head, &mut bytes);
        write_all(&mut self.volume, file, &bytes, 0)?;
        if self.config.synced {
            self.volume.sync(file)?;
        }
        let sequence = header.sequence;
        if !self.placed {
            self.volume.rename(&self.directory.fresh(), &self.directory.open(sequence))?;
            self.placed = true;
        }
        if self.config.synced {
            self.volume.sync_directory(self.directory.path())?;
        }
        let (capacity, used) = (*capacity, bytes.len() as u64);
        let Some((file, _)) = self.fresh.take() else { return Ok(()) };
        self.placed = false;
        self.looked_us = unix_us;
        let holds_turns = self.sessions.owes();
        self.sessions.settle();
        self.segment = Some(Segment {
            file,
            header,
            chain,
            used,
            capacity,
            holds_turns,
            sealed: false,
            named: false,
            lost: false,
        });
        if holds_turns {
            self.arm();
        }
        Ok(())
    }

    fn checkpoint(&mut self, unix_us: u64) {
        self.checkpoint_at = None;
        if let Some(segment) = self.segment.as_ref().filter(|segment| segment.holds_turns) {
            let line = segment.checkpoint(unix_us, &self.config.key).line();
            self.events.push_back(SpoolEvent::Checkpoint { line });
        }
    }
}

fn random_epoch() -> io::Result<u64> {
    let mut bytes = [0; 8];
    let count = getrandom(&mut bytes, GetRandomFlags::empty())?;
    match u64::from_le_bytes(bytes) {
        epoch if count == bytes.len() && epoch != 0 => Ok(epoch),
        _ => Err(io::Error::other("no randomness")),
    }
}
