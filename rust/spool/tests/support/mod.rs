//! A spool in a directory of its own, and a volume that fails when told.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "test support, shared by several binaries"
)]

use hoopwire_recording::{
    Direction, Frame, Frames, Joiner, Scan, Scratch, SessionEnd, SessionStart, SigningKey, Statement, Step,
    Via,
};
use hoopwire_spool::*;
use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) const US: u64 = 1_800_000_000_000_000;

/// `openssl genpkey -algorithm ed25519` of the key `[7; 32]`, public half.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub(crate) fn public_pem() -> String {
    use std::fmt::Write as _;
    // SubjectPublicKeyInfo of an Ed25519 key is a fixed prefix and the key (RFC 8410, section 4)
    let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let der = [&prefix[..], key().verifying_key().as_bytes()].concat();
    let mut pem = String::new();
    let _ = write!(pem, "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&der));
    pem
}

fn base64(bytes: &[u8]) -> String {
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut word = [0; 4];
        for (place, byte) in word[1..].iter_mut().zip(group) {
            *place = *byte;
        }
        let word = u32::from_be_bytes(word);
        for place in 0..4 {
            let letter = letters.get((word >> (18 - 6 * place) & 63) as usize).copied().unwrap();
            text.push(if place > group.len() { '=' } else { letter });
        }
    }
    text
}

/// Many small synced files: in memory, where there is such a place.
fn root() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// A directory that goes away with the test.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new(name: &str) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = root().join(format!("hoopwire-spool-{name}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    pub(crate) fn stream(&self) -> PathBuf {
        self.0.join("s0")
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.stream())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "lock" && name != "spare")
            .collect();
        names.sort();
        names
    }

    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        self.files().into_iter().map(|name| self.stream().join(name)).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn config(directory: &Path) -> SpoolConfig {
    SpoolConfig {
        directory: directory.to_owned(),
        node: "gw-1".to_owned(),
        stream: 0,
        synced: false,
        segment_bytes: 64 * 1024,
        seal_after: Duration::from_secs(300),
        checkpoint_every: Duration::from_secs(60),
        floor_bytes: 0,
        key: key(),
    }
}

pub(crate) fn start(frames: &mut Frames, number: u32, session: &str) {
    let frame = Frame::SessionStart(SessionStart {
        session,
        grant: "g_1",
        issuer: "https://id.example",
        principal: "cid:0oa1",
        principal_name: "agent",
        principal_kind: "ai_agent",
        target: "orders",
        database: "orders",
        actions: &["query"],
        policy: "readers",
        policy_hash: "00",
        task: "",
        peer: "127.0.0.1:5000",
        application_name: "test",
        node: "gw-1",
    });
    frames.push(number, US, Direction::Gateway, &frame);
}

pub(crate) fn statement(frames: &mut Frames, number: u32, text: &str) {
    let frame = Frame::Statement(Statement {
        no: 1,
        via: Via::Simple,
        name: b"",
        text: text.as_bytes(),
        types: &[],
        allow: true,
        reason: b"readers",
    });
    frames.push(number, US, Direction::Upstream, &frame);
}

pub(crate) fn end(frames: &mut Frames, number: u32, reason: &str) {
    let frame = Frame::SessionEnd(SessionEnd {
        closed_by: "gateway",
        reason,
        sqlstate: "58030",
        statements: 1,
        rows: 0,
        bytes_in: 10,
        bytes_out: 10,
    });
    frames.push(number, US, Direction::Gateway, &frame);
}

/// Admits a session and keeps its start.
pub(crate) fn begin<V: Volume>(spool: &mut Spool<V>, number: u32) {
    let session = format!("s_{number}");
    spool.admit(number, &session, "g_1").unwrap();
    let mut frames = Frames::new();
    start(&mut frames, number, &session);
    spool.commit(&mut frames, US).unwrap();
}

/// Keeps one statement.
pub(crate) fn say<V: Volume>(spool: &mut Spool<V>, number: u32, text: &str) -> Result<u64, WriteFailed> {
    let mut frames = Frames::new();
    statement(&mut frames, number, text);
    spool.commit(&mut frames, US)
}

/// Ends a session and gives its room back.
pub(crate) fn finish<V: Volume>(spool: &mut Spool<V>, number: u32, reason: &str) -> Result<u64, WriteFailed> {
    let mut frames = Frames::new();
    end(&mut frames, number, reason);
    let outcome = spool.commit_closing(&mut frames, US);
    spool.release(number);
    outcome
}

pub(crate) fn events<V: Volume>(spool: &mut Spool<V>) -> Vec<SpoolEvent> {
    std::iter::from_fn(|| spool.poll_event()).collect()
}

/// What the whole stream says, one word a frame: `start s_1`, `select 1`, `end crash`.
pub(crate) fn story(place: &Place) -> Vec<String> {
    place.segments().iter().flat_map(|path| segment_story(path)).collect()
}

pub(crate) fn segment_story(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap();
    let mut story = Vec::new();
    let Ok(mut scan) = Scan::open(bytes.as_slice()) else { return story };
    let mut joiner = Joiner::default();
    loop {
        let block = match scan.next().unwrap() {
            Step::Block(block) => block,
            Step::End(_) => return story,
            Step::Seal(_) | Step::Fault(_) => continue,
        };
        for (sequence, raw) in block.frames() {
            let Some(joined) = joiner.next(sequence, &raw) else { continue };
            let mut scratch = Scratch::default();
            story.push(match joined.frame(&mut scratch).unwrap() {
                Frame::SessionStart(start) => format!("start {}", start.session),
                Frame::SessionContinued(continued) => format!("continued {}", continued.session),
                Frame::SessionEnd(end) => format!("end {} {}", end.closed_by, joined.session),
                Frame::Statement(statement) => String::from_utf8_lossy(statement.text).into_owned(),
                other => format!("{other:?}"),
            });
        }
    }
}

/// How a volume fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    NoRoom,
    Io,
    /// Half of a write is done; other calls fail.
    Short,
}

/// When a volume fails: from a call on, for so many calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) calls: Rc<Cell<u32>>,
    pub(crate) from: Rc<Cell<u32>>,
    pub(crate) count: Rc<Cell<u32>>,
    pub(crate) how: Rc<Cell<Option<How>>>,
    /// Waits for the medium so far.
    pub(crate) syncs: Rc<Cell<u32>>,
}

impl Plan {
    pub(crate) fn fail(&self, from: u32, count: u32, how: How) {
        self.from.set(from);
        self.count.set(count);
        self.how.set(Some(how));
    }

    pub(crate) fn heal(&self) {
        self.how.set(None);
    }

    fn call(&self) -> Option<How> {
        let call = self.calls.get();
        self.calls.set(call + 1);
        let hit = call >= self.from.get() && call - self.from.get() < self.count.get();
        self.how.get().filter(|_| hit)
    }
}

/// The disk, failing by plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failing {
    pub(crate) disk: Disk,
    pub(crate) plan: Plan,
}

impl Failing {
    fn step<T>(&mut self, act: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        match self.plan.call() {
            None => act(&mut self.disk),
            Some(How::NoRoom) => Err(io::Error::from_raw_os_error(28)),
            Some(How::Io | How::Short) => Err(io::Error::from_raw_os_error(5)),
        }
    }
}

impl Volume for Failing {
    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<File> {
        self.step(|disk| disk.create(path, bytes))
    }

    fn reuse(&mut self, path: &Path, bytes: u64) -> io::Result<File> {
        self.step(|disk| disk.reuse(path, bytes))
    }

    fn write_at(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match self.plan.call() {
            None => self.disk.write_at(file, bytes, offset),
            Some(How::Short) => self.disk.write_at(file, &bytes[..bytes.len() / 2], offset),
            Some(How::NoRoom) => Err(io::Error::from_raw_os_error(28)),
            Some(How::Io) => {
                // the worst kind: the bytes are there, and the call says that they are not
                self.disk.write_at(file, bytes, offset)?;
                Err(io::Error::from_raw_os_error(5))
            }
        }
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        self.plan.syncs.set(self.plan.syncs.get() + 1);
        self.step(|disk| disk.sync(file))
    }

    fn truncate(&mut self, file: &File, bytes: u64) -> io::Result<()> {
        self.step(|disk| disk.truncate(file, bytes))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|disk| disk.rename(from, to))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.step(|disk| disk.remove(path))
    }

    fn sync_directory(&mut self, path: &Path) -> io::Result<()> {
        self.step(|disk| disk.sync_directory(path))
    }

    fn is_at(&mut self, file: &File, path: &Path) -> io::Result<bool> {
        self.disk.is_at(file, path)
    }

    fn free_bytes(&mut self, path: &Path) -> io::Result<u64> {
        self.step(|disk| disk.free_bytes(path))
    }
}

pub(crate) fn verify(place: &Place, checkpoints: Option<&str>) -> Report {
    verify_directory(&place.0, &public_pem(), checkpoints).unwrap()
}

pub(crate) fn now() -> Instant {
    Instant::now()
}
