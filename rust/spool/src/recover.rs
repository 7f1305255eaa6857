//! What a crashed run left, brought to an end: replay to the last whole block, end the sessions, seal.

use crate::config::{SpoolConfig, SpoolError};
use crate::events::Recovery;
use crate::layout::{SegmentFile, StreamDir, segments, streams};
use crate::lock::lock;
use crate::read;
use crate::segment::{Tail, write_all};
use crate::sessions::Unended;
use crate::volume::{Disk, Volume};
use hoopwire_recording::{
    Chain, Direction, End, Frame, Frames, HeaderFault, Joiner, OpenError, Scan, Scratch, SessionEnd,
    Sessions, Source, Status, Step, read_seal,
};
use std::fs;
use std::io;
use std::path::Path;

const CRASHED: &str = "the gateway ended without closing this session";

/// What a segment holds up to its last whole block.
struct Survey {
    sessions: Sessions,
    chain: Chain,
    offset: u64,
    /// Digest of its seal.
    seal: Option<[u8; 32]>,
    /// Whole blocks follow one that is not.
    broken: bool,
    /// The block after the last whole one was begun.
    torn: bool,
}

/// `Ok(Err(_))` if its header is wrong.
fn survey(path: &Path) -> io::Result<Result<Survey, HeaderFault>> {
    let mut scan = match read::scan(path) {
        Ok(scan) => scan,
        Err(OpenError::Source(error)) => return Err(error),
        Err(OpenError::Header(fault)) => return Ok(Err(fault)),
    };
    let mut survey = Survey {
        sessions: Sessions::default(),
        chain: Chain::start(scan.header()),
        offset: scan.offset(),
        seal: None,
        broken: false,
        torn: false,
    };
    let mut joiner = Joiner::default();
    while step(&mut scan, &mut survey, &mut joiner)? {
        if let Some(chain) = scan.chain() {
            survey.offset = scan.offset();
            survey.chain = chain;
        }
    }
    Ok(Ok(survey))
}

/// True if the segment goes on.
fn step<S: Source>(scan: &mut Scan<S>, survey: &mut Survey, joiner: &mut Joiner) -> Result<bool, S::Error> {
    match scan.next()? {
        Step::Block(_) | Step::Seal(_) | Step::Fault(_) if survey.torn => {
            survey.broken = true;
            Ok(false)
        }
        Step::Block(block) => {
            for (sequence, raw) in block.frames() {
                let Some(joined) = joiner.next(sequence, &raw) else { continue };
                let mut scratch = Scratch::default();
                if let Ok(frame) = joined.frame(&mut scratch) {
                    survey.sessions.next(joined.session, Direction::from_byte(joined.direction), &frame);
                }
            }
            Ok(true)
        }
        Step::Seal(block) => {
            survey.seal = Some(block.seal.digest);
            Ok(true)
        }
        Step::Fault(_) => {
            survey.torn = true;
            Ok(true)
        }
        Step::End(End { torn, .. }) => {
            survey.torn |= torn.is_some();
            Ok(false)
        }
    }
}

/// Recovers every open segment of the stream.
pub(crate) fn recover(
    volume: &mut impl Volume,
    config: &SpoolConfig,
    directory: &StreamDir,
    unix_us: u64,
) -> Result<Vec<Recovery>, SpoolError> {
    let files = segments(directory.path()).map_err(SpoolError::io("list", directory.path()))?;
    let mut recoveries = Vec::new();
    for file in files.iter().filter(|file| !file.sealed) {
        let recovered = recover_segment(volume, config, directory, file, unix_us);
        recoveries.extend(recovered.map_err(SpoolError::io("recover", &file.path))?);
    }
    Ok(recoveries)
}

fn recover_segment(
    volume: &mut impl Volume,
    config: &SpoolConfig,
    directory: &StreamDir,
    file: &SegmentFile,
    unix_us: u64,
) -> io::Result<Option<Recovery>> {
    let sealed_path = directory.sealed(file.sequence);
    let length = fs::metadata(&file.path)?.len();
    let Ok(survey) = survey(&file.path)? else {
        let path = directory.damaged(file.sequence);
        volume.rename(&file.path, &path)?;
        return Ok(Some(Recovery {
            stream: config.stream,
            path,
            sessions: Vec::new(),
            dropped_bytes: length,
        }));
    };
    if survey.broken {
        fs::copy(&file.path, directory.damaged(file.sequence))?;
    }
    if survey.chain.blocks() == 0 && !survey.broken {
        volume.remove(&file.path)?;
        return Ok(None);
    }
    let opened = fs::OpenOptions::new().read(true).write(true).open(&file.path)?;
    let mut used = survey.offset;
    let open: Vec<(u32, &Status)> = survey.sessions.open().collect();
    if survey.seal.is_none() {
        let mut chain = survey.chain;
        let mut bytes = Vec::new();
        chain.append(&ends(&open, unix_us), &mut bytes);
        chain.seal(used + bytes.len() as u64, unix_us, &config.key, &mut bytes);
        write_all(volume, &opened, &bytes, used)?;
        used += bytes.len() as u64;
    }
    volume.truncate(&opened, used)?;
    volume.sync(&opened)?;
    volume.rename(&file.path, &sealed_path)?;
    volume.sync_directory(directory.path())?;
    if survey.seal.is_some() {
        return Ok(None);
    }
    Ok(Some(Recovery {
        stream: config.stream,
        path: sealed_path,
        sessions: open.iter().map(|(_, status)| status.session.clone()).collect(),
        dropped_bytes: match (survey.broken, survey.torn) {
            (false, false) => 0,
            (false, true) => {
                length.saturating_sub(survey.offset).min(hoopwire_recording::BLOCK_MAX_BYTES as u64)
            }
            (true, _) => length.saturating_sub(survey.offset),
        },
    }))
}

fn ends(open: &[(u32, &Status)], unix_us: u64) -> Frames {
    let mut frames = Frames::new();
    for (number, status) in open {
        let end = SessionEnd {
            closed_by: "crash",
            reason: CRASHED,
            sqlstate: "",
            statements: status.statements,
            rows: status.rows,
            bytes_in: status.bytes_in,
            bytes_out: status.bytes_out,
        };
        frames.push(*number, unix_us, Direction::Gateway, &Frame::SessionEnd(end));
    }
    frames
}

/// Where the stream ends, and the sessions that its last segment leaves open: a crash came between its seal and
/// the head of the next.
pub(crate) fn tail(directory: &StreamDir) -> Result<(Tail, Vec<Unended>), SpoolError> {
    let files = segments(directory.path()).map_err(SpoolError::io("list", directory.path()))?;
    let Some(last) = files.iter().rfind(|file| file.sealed) else { return Ok((Tail::default(), Vec::new())) };
    let bytes_tail = |path: &Path| -> io::Result<Option<(hoopwire_recording::Seal, u64)>> {
        use std::os::unix::fs::FileExt;
        let file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        let mut tail = vec![0; hoopwire_recording::SEAL_BYTES];
        let Some(offset) = length.checked_sub(tail.len() as u64) else { return Ok(None) };
        file.read_exact_at(&mut tail, offset)?;
        Ok(read_seal(&tail))
    };
    let surveyed = survey(&last.path).map_err(SpoolError::io("read", &last.path))?;
    let written = bytes_tail(&last.path).map_err(SpoolError::io("read", &last.path))?;
    let (seal, next_frame) = match (&surveyed, written) {
        (_, Some((seal, next_frame))) => (seal.digest, next_frame),
        (Ok(survey), None) => ([0; 32], survey.chain.next_frame()),
        (Err(_), None) => ([0; 32], 0),
    };
    let unended = match &surveyed {
        Ok(survey) => survey
            .sessions
            .open()
            .map(|(number, status)| Unended {
                number,
                session: status.session.clone(),
                grant: status.grant.clone(),
                closed_by: "crash",
                reason: CRASHED,
            })
            .collect(),
        Err(_) => Vec::new(),
    };
    Ok((Tail { sequence: last.sequence, seal, next_frame }, unended))
}

/// Recovers the streams that no reactor of this run writes: those numbered `from` or higher, left by a run that had
/// more reactors. `config` is that of any stream of this gateway.
///
/// # Errors
/// [`SpoolError`] as for [`crate::Spool::open`].
pub fn recover_others(config: &SpoolConfig, from: u16, unix_us: u64) -> Result<Vec<Recovery>, SpoolError> {
    if !config.directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut recoveries = Vec::new();
    let others = streams(&config.directory).map_err(SpoolError::io("list", &config.directory))?;
    for (stream, _) in others.into_iter().filter(|(stream, _)| *stream >= from) {
        let config = SpoolConfig { stream, ..config.clone() };
        let directory = StreamDir::new(&config.directory, stream);
        let _lock = lock(&directory)?;
        recoveries.extend(recover(&mut Disk, &config, &directory, unix_us)?);
    }
    Ok(recoveries)
}
