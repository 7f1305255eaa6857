//! What must hold for any bytes that are read as a segment.

use hoopwire_recording::*;
use std::collections::BTreeSet;

/// The first byte says whether the rest is read as it is, or tells how to build a segment and what to do to it.
pub(crate) fn check(input: &[u8]) {
    match input.split_first() {
        Some((0, bytes)) => {
            walk(bytes);
        }
        Some((_, recipe)) => tampered(recipe),
        None => {}
    }
}

/// Reads to the end; gives the payloads of the blocks that were given out.
fn walk(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let Ok(mut scan) = Scan::open(bytes) else { return payloads };
    let mut joiner = Joiner::default();
    let (mut steps, mut heads) = (0, Heads::new(bytes));
    loop {
        steps += 1;
        assert!(steps <= bytes.len(), "the walk ends");
        let (before, mut faulty) = (scan.offset(), false);
        match scan.next().expect("memory can be read") {
            Step::Block(block) => {
                let start = usize::try_from(block.offset).expect("in memory");
                let end = start + block.header.length as usize;
                let (covered, chain) = bytes[start..end].split_at(block.header.length as usize - 32);
                let (checked, crc) = covered.split_at(covered.len() - 4);
                assert_eq!(crc32c::crc32c(checked).to_le_bytes(), crc, "no block without its checksum");
                let linked = heads
                    .all
                    .iter()
                    .rev()
                    .any(|head| blake3::hash(&[head, covered].concat()).as_bytes() == chain);
                assert!(linked, "no block that continues nothing");
                for (sequence, raw) in block.frames() {
                    if let Some(joined) = joiner.next(sequence, &raw) {
                        assert!(joined.payload.len() <= FRAME_MAX_BYTES.min(bytes.len()));
                        let mut scratch = Scratch::default();
                        let _ = joined.frame(&mut scratch);
                        payloads.push(joined.payload.to_vec());
                    }
                }
            }
            Step::Seal(_) => {}
            Step::Fault(fault) => {
                faulty = true;
                assert_eq!(fault.offset, before);
                joiner.reset();
            }
            Step::End(_) => break,
        }
        let (from, to) = (before as usize, scan.offset() as usize);
        heads.step(&bytes[from..to], &bytes[..to], faulty);
        assert!(to > from, "every step moves on");
    }
    payloads
}

/// What the next block may continue: what stands at the end of a step, and after a fault what its bytes give.
struct Heads {
    all: Vec<[u8; 32]>,
    stored: Vec<[u8; 32]>,
    computed: Vec<[u8; 32]>,
}

impl Heads {
    fn new(bytes: &[u8]) -> Heads {
        let first = *blake3::hash(&bytes[..HEADER_BYTES]).as_bytes();
        Heads { all: vec![first], stored: vec![first], computed: Vec::new() }
    }

    fn step(&mut self, part: &[u8], before: &[u8], faulty: bool) {
        let sources: Vec<[u8; 32]> =
            self.stored.iter().rev().take(20).chain(self.computed.iter().take(50)).copied().collect();
        self.computed.clear();
        if faulty && part.len() >= 32 {
            let linked = &part[..part.len() - 32];
            let given = |head: &[u8; 32]| *blake3::hash(&[head, linked].concat()).as_bytes();
            self.computed.extend(sources.iter().map(given));
        }
        self.stored.extend(before.last_chunk::<32>().copied());
        self.all.extend(self.stored.last());
        self.all.extend(&self.computed);
    }
}

/// A sealed segment of a few turns, and one deed done to it: it is found, and only what was written is read.
fn tampered(recipe: &[u8]) {
    let mut recipe = recipe.iter().copied();
    let mut next = move || usize::from(recipe.next().unwrap_or(0));
    let key = SigningKey::from_bytes(&[7; 32]);
    let header = SegmentHeader {
        sequence: 1,
        epoch: 1 + next() as u64,
        created_us: 1,
        first_frame: 1,
        stream: 0,
        previous_seal: [0; 32],
        node: "gw".to_owned(),
    };
    let mut bytes = header.encode().to_vec();
    let mut chain = Chain::start(&header);
    let mut edges = vec![bytes.len()];
    let mut written = BTreeSet::new();
    for _ in 0..next() % 6 {
        let mut frames = Frames::new();
        for _ in 0..next() % 4 {
            let rows = vec![next() as u8; next() * if next() == 255 { 300 } else { 1 }];
            frames.push(next() as u32, next() as u64, Direction::Downstream, &Frame::Rows(&rows));
        }
        written.extend(frames.iter().map(|raw| raw.payload.to_vec()));
        chain.append(&frames, &mut bytes);
        edges.push(bytes.len());
    }
    chain.seal(bytes.len() as u64, 2, &key, &mut bytes);
    edges.push(bytes.len());
    let honest = bytes.clone();
    assert_eq!(walk(&honest).into_iter().collect::<BTreeSet<_>>(), written, "all that was written is read");
    let mut edge = || edges[next() % edges.len()];
    let (a, b, c) = (edge(), edge(), edge());
    let mut number = || next() << 16 | next() << 8 | next();
    match number() % 5 {
        0 => bytes.truncate(number() % (honest.len() + 1)),
        1 => {
            let place = number() % honest.len();
            bytes[place] ^= (number() % 256) as u8;
        }
        2 => {
            let part = honest[a.min(b)..a.max(b)].to_vec();
            bytes.splice(c..c, part);
        }
        3 => {
            bytes.drain(a.min(b)..a.max(b));
        }
        _ => {
            let place = number() % honest.len();
            let stuff: Vec<u8> = (0..number() % 200).map(|_| number() as u8).collect();
            bytes.splice(place..place, stuff);
        }
    }
    let read: BTreeSet<Vec<u8>> = walk(&bytes).into_iter().collect();
    assert!(read.is_subset(&written), "nothing is read that was not written");
    let mut verifier = Verifier::new(0, key.verifying_key(), Vec::new());
    let place = Place { path: "1", sequence: Some(1), sealed: true, last: true };
    verifier.segment(&place, bytes.as_slice()).expect("memory can be read");
    let (_, findings) = verifier.finish();
    let failed = findings.iter().any(|finding| finding.severity == Severity::Failure);
    assert_eq!(failed, bytes != honest, "every difference is found, and nothing else: {findings:?}");
}
