//! Verification of what lies in a directory: a stream's, one above several, or a single segment file.

use crate::layout::{SegmentFile, segments, stream_number, streams};
use crate::read::FileSource;
use hoopwire_recording::{
    Checkpoint, Finding, FindingKind, KeyError, Place, Severity, StreamReport, Verifier, VerifyingKey,
    verifying_key_from_pem,
};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// What verification says of all that was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// No finding is a failure.
    pub ok: bool,
    /// It is ok, every stream is there from its first segment on, and every segment is sealed.
    pub complete: bool,
    /// Streams that were read.
    pub streams: Vec<StreamReport>,
    /// What was found, stream by stream, in the order of the segments.
    pub findings: Vec<Finding>,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// Checkpoints of gateways or streams that are not here.
    pub checkpoints_elsewhere: u64,
}

/// Why nothing could be verified.
#[derive(Debug)]
pub enum VerifyError {
    /// The key is none.
    Key(KeyError),
    /// The directory or file cannot be read.
    Io(PathBuf, io::Error),
    /// There is no segment.
    Empty(PathBuf),
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerifyError::Key(error) => error.fmt(f),
            VerifyError::Io(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            VerifyError::Empty(path) => write!(f, "{} holds no segment (*.hwr, *.open)", path.display()),
        }
    }
}

impl std::error::Error for VerifyError {}

/// Verifies every stream at or below `path`, or the one segment file that it is. `checkpoints` is the text of a
/// file of checkpoints, one a line.
///
/// # Errors
/// [`VerifyError`] if there is nothing to verify or nothing to verify with. What is wrong with the recording is in
/// the [`Report`].
pub fn verify_directory(
    path: &Path,
    public_key_pem: &str,
    checkpoints: Option<&str>,
) -> Result<Report, VerifyError> {
    let key = verifying_key_from_pem(public_key_pem).map_err(VerifyError::Key)?;
    let failed = |error| VerifyError::Io(path.to_owned(), error);
    let mut findings = Vec::new();
    let checkpoints = signed(checkpoints.unwrap_or_default(), &key, &mut findings);
    let mut reports: Vec<StreamReport> = Vec::new();
    for (named, files) in groups(path).map_err(failed)? {
        let Some(stream) = named.or_else(|| stream_of(&files)) else { continue };
        let last = files.last().map_or(0, |file| file.sequence);
        // a single file says nothing of the segments after it
        let about = |each: &&Checkpoint| each.stream == stream && (path.is_dir() || each.segment == last);
        let of_stream = checkpoints.iter().filter(about).cloned().collect();
        let mut verifier = Verifier::new(stream, key, of_stream);
        for file in &files {
            let text = file.path.display().to_string();
            let place = Place {
                path: &text,
                sequence: Some(file.sequence),
                sealed: file.sealed,
                last: file.sequence == last,
            };
            let read = File::open(&file.path).and_then(|opened| verifier.segment(&place, FileSource(opened)));
            if let Err(error) = read {
                findings.push(Finding {
                    kind: FindingKind::Unreadable,
                    severity: Severity::Failure,
                    stream,
                    segment: Some(file.sequence),
                    path: text,
                    block: None,
                    offset: None,
                    text: format!("the file cannot be read: {error}"),
                });
            }
        }
        let (report, found) = verifier.finish();
        findings.extend(found);
        reports.push(report);
    }
    if reports.iter().all(|report| report.last_segment == 0) && findings.is_empty() {
        return Err(VerifyError::Empty(path.to_owned()));
    }
    let here: BTreeSet<(&str, u16)> = reports.iter().map(|each| (each.node.as_str(), each.stream)).collect();
    let elsewhere =
        checkpoints.iter().filter(|each| !here.contains(&(each.node.as_str(), each.stream))).count();
    let ok = findings.iter().all(|finding| finding.severity == Severity::Note);
    Ok(Report {
        ok,
        complete: ok && findings.is_empty(),
        checkpoints: reports.iter().map(|report| report.checkpoints).sum(),
        checkpoints_elsewhere: elsewhere as u64,
        streams: reports,
        findings,
    })
}

/// Segment files stream by stream; the number is that of the directory, if it is named like a stream.
type Groups = Vec<(Option<u16>, Vec<SegmentFile>)>;

fn groups(path: &Path) -> io::Result<Groups> {
    if !path.is_dir() {
        let file = SegmentFile::from_path(path.to_owned());
        return Ok(file.map(|file| (None, vec![file])).into_iter().collect());
    }
    let here = segments(path)?;
    if !here.is_empty() {
        let canonical = path.canonicalize()?;
        return Ok(vec![(stream_number(&canonical), here)]);
    }
    streams(path)?.into_iter().map(|(stream, below)| Ok((Some(stream), segments(&below)?))).collect()
}

/// The number that the first header that can be read says.
fn stream_of(files: &[SegmentFile]) -> Option<u16> {
    let read = |file: &SegmentFile| crate::read::scan(&file.path).ok().map(|scan| scan.header().stream);
    Some(files.iter().find_map(read).unwrap_or(0))
}

fn signed(text: &str, key: &VerifyingKey, findings: &mut Vec<Finding>) -> Vec<Checkpoint> {
    let mut checkpoints = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (stream, segment, text) = match Checkpoint::parse(line) {
            Ok(checkpoint) if checkpoint.is_signed_by(key) => {
                checkpoints.push(checkpoint);
                continue;
            }
            Ok(checkpoint) => {
                let text = format!("line {}: the checkpoint is not signed with the key given", number + 1);
                (checkpoint.stream, Some(checkpoint.segment), text)
            }
            Err(error) => (0, None, format!("line {}: {error}", number + 1)),
        };
        findings.push(Finding {
            kind: FindingKind::BadCheckpoint,
            severity: Severity::Failure,
            stream,
            segment,
            path: String::new(),
            block: None,
            offset: None,
            text,
        });
    }
    checkpoints
}
