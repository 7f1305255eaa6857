//! A target's sftp server for tests, with a small disk in memory: directories, files and links. It knows nothing of grants.

use super::link::{sftp, string};
use hoopwire_ssh_protocol::sftp::{Ask, Request, Stream};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    File(Vec<u8>),
    Link(String),
}

#[derive(Default)]
pub(super) struct Disk {
    pub(super) nodes: BTreeMap<String, Node>,
    stream: Stream,
    handles: BTreeMap<Vec<u8>, String>,
    last: u8,
    /// Each request that came, with its real paths where it was carried out.
    pub(super) heard: Vec<String>,
    /// Real paths that were opened, with the flags, or whose names were changed.
    pub(super) touched: Vec<(String, u32)>,
    /// Answers are kept back.
    pub(super) is_slow: bool,
    kept: Vec<u8>,
}

impl Disk {
    pub(super) fn new(nodes: BTreeMap<String, Node>) -> Disk {
        Disk { nodes, ..Disk::default() }
    }

    /// What it answers to these bytes.
    pub(super) fn hear(&mut self, data: &[u8]) -> Vec<u8> {
        let mut stream = std::mem::take(&mut self.stream);
        stream.push(data);
        let mut said = std::mem::take(&mut self.kept);
        while let Some(message) = stream.next().unwrap() {
            match message.request().unwrap() {
                Request::Init { .. } => said.extend(version()),
                Request::Ask { id, ask } => {
                    let shown = format!("{ask:?}");
                    self.heard.push(shown.split([' ', '{']).next().unwrap().to_owned());
                    said.extend(self.answer(id, &ask));
                }
            }
        }
        self.stream = stream;
        if self.is_slow {
            self.kept = said;
            return Vec::new();
        }
        said
    }

    /// Where a path ends, links followed; of its last name only with `whole`.
    fn real(&self, path: &str, whole: bool) -> Option<String> {
        let (mut real, mut left) = (String::new(), names(path));
        for _ in 0..40 {
            let Some(name) = left.first().cloned() else {
                return Some(if real.is_empty() { "/".into() } else { real });
            };
            left.remove(0);
            if name == ".." {
                real.truncate(real.rfind('/').unwrap_or(0));
                continue;
            }
            let next = format!("{real}/{name}");
            match self.nodes.get(&next) {
                Some(Node::Link(to)) if whole || !left.is_empty() => {
                    if to.starts_with('/') {
                        real = String::new();
                    }
                    left = [names(to), left].concat();
                }
                None if !left.is_empty() => return None,
                _ => real = next,
            }
        }
        None
    }

    fn answer(&mut self, id: u32, ask: &Ask<'_>) -> Vec<u8> {
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let status = |code: u32| sftp(101, id, &[], &[&code.to_be_bytes()[..], &[0; 8]].concat());
        match ask {
            Ask::Realpath { path } => {
                let path = if path.is_empty() || *path == b"." { "/home".into() } else { text(path) };
                let Some(real) = self.real(&path, true) else { return status(2) };
                let mut rest = 1_u32.to_be_bytes().to_vec();
                string(&mut rest, real.as_bytes());
                string(&mut rest, b"");
                rest.extend([0; 4]);
                sftp(104, id, &[], &rest)
            }
            Ask::Open { path, flags, .. } => {
                let Some(real) = self.real(&text(path), true) else { return status(2) };
                if flags.0 & 8 != 0 {
                    self.nodes.entry(real.clone()).or_insert(Node::File(Vec::new()));
                }
                self.open(id, real, flags.0).unwrap_or_else(|| status(2))
            }
            Ask::Opendir { path } => {
                let real = self.real(&text(path), true);
                real.and_then(|real| self.open(id, real, 0)).unwrap_or_else(|| status(2))
            }
            Ask::Lstat { path } | Ask::Stat { path } => {
                let real = self.real(&text(path), matches!(ask, Ask::Stat { .. }));
                let node = real.and_then(|real| self.nodes.get(&real));
                let mode: u32 = match node {
                    None => return status(2),
                    Some(Node::Directory) => 0o040_755,
                    Some(Node::File(_)) => 0o100_644,
                    Some(Node::Link(_)) => 0o120_777,
                };
                sftp(105, id, &[], &[4_u32.to_be_bytes(), mode.to_be_bytes()].concat())
            }
            Ask::Read { handle, offset, length } => match self.file(handle) {
                Some(Node::File(content)) => {
                    let from = usize::try_from(*offset).unwrap().min(content.len());
                    let piece = &content[from..(from + *length as usize).min(content.len())];
                    if piece.is_empty() { status(1) } else { sftp(103, id, &[piece], b"") }
                }
                _ => status(4),
            },
            Ask::Write { handle, offset, data } => match self.file(handle) {
                Some(Node::File(content)) => {
                    let end = usize::try_from(*offset).unwrap() + data.0.len();
                    content.resize(content.len().max(end), 0);
                    content[end - data.0.len()..end].copy_from_slice(data.0);
                    status(0)
                }
                _ => status(4),
            },
            Ask::Close { handle } => status(if self.handles.remove(*handle).is_some() { 0 } else { 4 }),
            Ask::Symlink { target, link } => {
                let Some(real) = self.real(&text(link), false) else { return status(2) };
                self.touched.push((real.clone(), 99));
                self.nodes.insert(real, Node::Link(text(target)));
                status(0)
            }
            Ask::Rename { old, new } | Ask::PosixRename { old, new } => {
                let (Some(old), Some(new)) = (self.real(&text(old), false), self.real(&text(new), false))
                else {
                    return status(2);
                };
                let moved: Vec<String> = self
                    .nodes
                    .keys()
                    .filter(|path| **path == old || path.starts_with(&format!("{old}/")))
                    .cloned()
                    .collect();
                for path in &moved {
                    let node = self.nodes.remove(path).unwrap();
                    self.nodes.insert(path.replacen(&old, &new, 1), node);
                }
                self.touched.extend([(old, 99), (new, 99)]);
                status(0)
            }
            Ask::Remove { path } | Ask::Rmdir { path } => {
                let Some(real) = self.real(&text(path), false) else { return status(2) };
                self.nodes.remove(&real);
                self.touched.push((real, 99));
                status(0)
            }
            Ask::Mkdir { path, .. } => {
                let Some(real) = self.real(&text(path), false) else { return status(2) };
                self.touched.push((real.clone(), 99));
                self.nodes.entry(real).or_insert(Node::Directory);
                status(0)
            }
            Ask::Setstat { path, .. } => {
                let Some(real) = self.real(&text(path), true) else { return status(2) };
                self.touched.push((real, 99));
                status(0)
            }
            // longer than what is read here, and handles without end
            Ask::Limits => {
                sftp(201, id, &[], &[4_200_000_u64, 4_194_304, 9, 0].map(u64::to_be_bytes).concat())
            }
            _ => status(8),
        }
    }

    fn file(&mut self, handle: &[u8]) -> Option<&mut Node> {
        let path = self.handles.get(handle)?;
        self.nodes.get_mut(path)
    }

    fn open(&mut self, id: u32, real: String, flags: u32) -> Option<Vec<u8>> {
        self.nodes.get(&real)?;
        self.touched.push((real.clone(), flags));
        self.last = self.last.wrapping_add(1);
        let handle = vec![0, self.last];
        self.handles.insert(handle.clone(), real);
        Some(sftp(102, id, &[&handle], b""))
    }
}

fn names(path: &str) -> Vec<String> {
    path.split('/').filter(|name| !name.is_empty() && *name != ".").map(str::to_owned).collect()
}

fn version() -> Vec<u8> {
    let mut body = vec![2, 0, 0, 0, 3];
    for (name, text) in [
        ("posix-rename@openssh.com", "1"),
        ("lsetstat@openssh.com", "1"),
        ("run-anything@example.com", "1"),
        ("copy-data", "1"),
    ] {
        string(&mut body, name.as_bytes());
        string(&mut body, text.as_bytes());
    }
    let mut whole = Vec::new();
    string(&mut whole, &body);
    whole
}
