//! Where a path leads at the target: asked of the target itself before a request is passed on, and decided again.
//!
//! OpenSSH's REALPATH follows every link and says where the path ends, also where nothing is there yet. What other servers
//! make of REALPATH differs: there each directory on the way is looked at, and a link on it is refused.
//!
//! Between the answer and the use the target's files may change: against others who write there this is no wall.

use super::question::{Kind, Need, Question, Walk};
use super::refusal::Refusal;
use hoopwire_ssh_policy::normalise;
use hoopwire_ssh_protocol::sftp::{Answer, say, status};

/// A path of more names than this is not walked.
const STEPS_MAX: usize = 64;

/// One question of the gateway's own to the target.
#[derive(Debug)]
pub(super) struct Probe {
    path: Vec<u8>,
    look: Look,
}

#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Where does it lead? The name behind it is not followed; these needs have it.
    Leads { name: Vec<u8>, needs: Vec<usize> },
    /// It is a directory, and no link to one.
    Step,
    /// It is no link; it may be nothing.
    Last,
    /// It is a plain file: a directory or link with another name changes what other paths mean.
    File,
}

/// A request that waits for what the target says of its paths.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) question: Question,
    /// The message as it came.
    pub(super) whole: Vec<u8>,
    probes: Vec<Probe>,
    left: usize,
    /// What spoke against it first.
    against: Option<Refusal>,
}

/// What has to be asked about the question's paths.
///
/// # Errors
/// If it can't be.
pub(super) fn probes(question: &Question, is_openssh: bool) -> Result<Vec<Probe>, Refusal> {
    let mut probes: Vec<Probe> = Vec::new();
    for (no, need) in question.needs.iter().enumerate().filter(|(_, need)| need.walk != Walk::Nowhere) {
        let path = normalise(&need.path).map_err(|_| Refusal::UNCLEAR)?;
        if is_openssh {
            let (asked, name) = match need.walk {
                Walk::Entry => split(&path),
                _ => (&path[..], &b""[..]),
            };
            let same = probes.iter_mut().find_map(|probe| match &mut probe.look {
                Look::Leads { name: its, needs } if probe.path == asked && its == name => Some(needs),
                _ => None,
            });
            match same {
                Some(needs) => needs.push(no),
                None => probes.push(Probe {
                    path: asked.to_vec(),
                    look: Look::Leads { name: name.to_vec(), needs: vec![no] },
                }),
            }
        } else if path.contains(&b'\\') {
            // it may be a second kind of slash
            return Err(Refusal::UNCLEAR);
        } else {
            for (end, _) in path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/') {
                step(&mut probes, path.get(..end).unwrap_or_default(), Look::Step);
            }
            if need.walk == Walk::Through {
                step(&mut probes, &path, Look::Last);
            }
        }
    }
    if let (Kind::Rename, Some(old)) = (question.kind, question.needs.first()) {
        let path = normalise(&old.path).map_err(|_| Refusal::UNCLEAR)?.into_owned();
        probes.push(Probe { path, look: Look::File });
    }
    if probes.len() > STEPS_MAX { Err(Refusal::UNCLEAR) } else { Ok(probes) }
}

fn step(probes: &mut Vec<Probe>, path: &[u8], look: Look) {
    if !probes.iter().any(|probe| probe.path == path && probe.look == look) {
        probes.push(Probe { path: path.to_vec(), look });
    }
}

/// A path in its one spelling: the directory, and the name in it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    (path.get(..at.max(1)).unwrap_or_default(), path.get(at.saturating_add(1)..).unwrap_or_default())
}

impl Held {
    pub(super) fn new(question: Question, whole: &[u8], probes: Vec<Probe>) -> Held {
        let left = probes.len();
        Held { question, whole: whole.to_vec(), probes, left, against: None }
    }

    /// Asks the target, with these numbers.
    pub(super) fn ask(&self, ids: &[u32], out: &mut Vec<u8>) {
        for (probe, id) in self.probes.iter().zip(ids) {
            match probe.look {
                Look::Leads { .. } => say::realpath(out, *id, &probe.path),
                Look::Step | Look::Last | Look::File => say::lstat(out, *id, &probe.path),
            }
        }
    }

    /// So many questions.
    pub(super) fn len(&self) -> usize {
        self.probes.len()
    }

    /// The target has answered one of them. True with the last.
    pub(super) fn answered(&mut self, no: usize, answer: &Answer<'_>) -> bool {
        self.left = self.left.saturating_sub(1);
        if let Some(probe) = self.probes.get(no) {
            let outcome = probe.judge(answer, &mut self.question.needs);
            if let (Err(refusal), None) = (outcome, &self.against) {
                self.against = Some(refusal);
            }
        }
        self.left == 0
    }

    /// The question, if nothing spoke against it.
    pub(super) fn take(self) -> (Question, Vec<u8>, Option<Refusal>) {
        (self.question, self.whole, self.against)
    }
}

impl Probe {
    fn judge(&self, answer: &Answer<'_>, needs: &mut [Need]) -> Result<(), Refusal> {
        let mode = match answer {
            Answer::Attributes { attributes } => attributes.permissions.map(|mode| mode & 0o170_000),
            _ => None,
        };
        match (&self.look, answer) {
            (Look::Last, Answer::Status { code: status::NO_SUCH_FILE, .. }) => Ok(()),
            (_, Answer::Status { code, message }) if *code != status::OK => {
                Err(Refusal::Target { code: *code, message: String::from_utf8_lossy(message).into_owned() })
            }
            (Look::Leads { name, needs: which }, Answer::Names { names }) => {
                let mut all = names.iter();
                let (Some((place, ..)), None) = (all.next(), all.next()) else {
                    return Err(Refusal::UNCLEAR);
                };
                let real = if name.is_empty() { place.to_vec() } else { [place, b"/", name].concat() };
                let real = normalise(&real).map_err(|_| Refusal::UNCLEAR)?.into_owned();
                for no in which {
                    if let Some(need) = needs.get_mut(*no) {
                        need.real = Some(real.clone());
                    }
                }
                Ok(())
            }
            (Look::Step, _) if mode == Some(0o040_000) => Ok(()),
            (Look::Last, _) if mode.is_some_and(|mode| mode != 0o120_000) => Ok(()),
            (Look::File, _) if mode == Some(0o100_000) => Ok(()),
            (Look::File, _) => Err(Refusal::NOT_A_FILE),
            _ => Err(Refusal::UNCLEAR),
        }
    }
}
