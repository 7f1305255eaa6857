//! What someone could do to a recording, and what verification says of it. Each test opens with the deed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod support;

use hoopwire_recording::*;
use support::*;

fn kinds(findings: &[Finding]) -> Vec<FindingKind> {
    findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn an_untouched_segment_verifies() {
    let segment = sealed_segment(4);
    let (report, findings) = verify(&[(&segment.bytes, 1, true)], vec![segment.checkpoint()]);
    assert_eq!(findings, []);
    assert_eq!((report.blocks, report.frames, report.seals, report.checkpoints), (4, 4, 1, 1));
}

/// One flipped bit, anywhere: it is found, the block is the right one, no frame of that block is given out, and
/// all others are.
#[test]
fn one_flipped_bit_names_its_block() {
    let segment = sealed_segment(4);
    for place in 0..segment.bytes.len() {
        for bit in [0, 7] {
            let mut bytes = segment.bytes.clone();
            bytes[place] ^= 1 << bit;
            let findings = verify_one(&bytes);
            assert!(!findings.is_empty(), "byte {place}");
            let first = &findings[0];
            let Some(block) = segment.blocks.iter().rposition(|start| *start <= place) else {
                assert_eq!((first.kind, first.block), (FindingKind::BadHeader, None), "byte {place}");
                continue;
            };
            assert_eq!(findings.len(), 1, "byte {place} bit {bit}: {findings:?}");
            assert_eq!(first.block, Some(block as u32), "byte {place} bit {bit}: {findings:?}");
            assert_eq!(first.offset, Some(segment.blocks[block] as u64), "byte {place}");
            assert_eq!(first.kind, FindingKind::ChangedByte, "byte {place} bit {bit}");
            let expected: Vec<String> =
                (1..=4).filter(|no| *no != block + 1).map(|no| format!("select {no}")).collect();
            assert_eq!(statements(&bytes), expected, "byte {place}");
        }
    }
}

/// The end cut off at any byte: a truncated tail, told from a change, at the block it hits.
#[test]
fn a_cut_at_any_byte_is_a_truncated_tail() {
    let segment = sealed_segment(3);
    for length in HEADER_BYTES..segment.bytes.len() {
        let findings = verify_one(&segment.bytes[..length]);
        assert_eq!(kinds(&findings), [FindingKind::TruncatedTail], "length {length}");
        let whole = segment.blocks.iter().skip(1).filter(|start| **start <= length).count();
        assert_eq!(findings[0].block, Some(whole as u32), "length {length}");
        assert_eq!(statements(&segment.bytes[..length]).len(), whole.min(3), "length {length}");
    }
    for length in 0..HEADER_BYTES {
        assert_eq!(kinds(&verify_one(&segment.bytes[..length])), [FindingKind::BadHeader]);
    }
}

/// Two blocks swapped: both are named, nothing else is.
#[test]
fn swapped_blocks_are_named() {
    let segment = sealed_segment(6);
    let swapped = [segment.block(3), segment.block(2)].concat();
    let findings = verify_one(&segment.with_blocks(2, 4, &swapped));
    assert_eq!(kinds(&findings), [FindingKind::BlockOutOfPlace, FindingKind::BlockOutOfPlace]);
    assert_eq!(findings.iter().map(|finding| finding.block).collect::<Vec<_>>(), [Some(3), Some(2)]);
}

/// Blocks cut out of the middle: the gap is named.
#[test]
fn blocks_cut_out_are_missing() {
    let segment = sealed_segment(6);
    for (count, text) in [(1, "block 2 is missing"), (2, "blocks 2 to 3 are missing")] {
        let findings = verify_one(&segment.with_blocks(2, 2 + count, &[]));
        assert_eq!(kinds(&findings), [FindingKind::MissingBlock]);
        assert_eq!((findings[0].block, findings[0].text.as_str()), (Some(2), text));
    }
}

/// A block repeated: the copy is out of place.
#[test]
fn a_repeated_block_is_out_of_place() {
    let segment = sealed_segment(4);
    let findings = verify_one(&segment.with_blocks(2, 2, &segment.block(1)));
    assert_eq!(kinds(&findings), [FindingKind::BlockOutOfPlace]);
    assert_eq!(statements(&segment.with_blocks(2, 2, &segment.block(1))).len(), 4);
}

/// A block of another segment put in: foreign, by its epoch.
#[test]
fn a_block_of_another_segment_is_foreign() {
    let segment = sealed_segment(4);
    let mut other = Segment::new(header(1, 0x9999, 1, [0; 32]));
    other.turn(1, "select 'forged'");
    let findings = verify_one(&segment.with_blocks(2, 2, &other.block(0)));
    assert_eq!(kinds(&findings), [FindingKind::ForeignBlock]);
    assert!(!statements(&segment.with_blocks(2, 2, &other.block(0))).contains(&"select 'forged'".to_owned()));
}

/// A recycled file: whole blocks of its earlier use lie behind the last one and are never read as blocks.
#[test]
fn stale_blocks_of_a_recycled_file_are_not_read() {
    let old = sealed_segment(40);
    for turns in 0..4 {
        let mut new = Segment::new(header(2, 0x5555_6666_7777_8888, 41, [3; 32]));
        for no in 1..=turns {
            new.turn(no, "select 'new'");
        }
        for cut in 0..old.blocks[1] - old.blocks[0] {
            let mut bytes = new.bytes.clone();
            bytes.extend_from_slice(&old.bytes[new.bytes.len() + cut..]);
            assert_eq!(statements(&bytes), vec!["select 'new'"; turns as usize]);
        }
        let mut verifier = Verifier::new(0, key().verifying_key(), Vec::new());
        let mut bytes = new.bytes.clone();
        bytes.extend_from_slice(&old.bytes[new.bytes.len()..]);
        let place = Place { path: "2", sequence: Some(2), sealed: false, last: true };
        verifier.segment(&place, bytes.as_slice()).unwrap();
        let findings = verifier.finish().1;
        assert_eq!(kinds(&findings), [FindingKind::EarlierAbsent, FindingKind::Unsealed]);
    }
}

/// A statement rewritten and every checksum and chain value after it computed anew: only the signature tells.
#[test]
fn a_chain_written_anew_does_not_lead_to_the_signed_head() {
    let honest = sealed_segment(4);
    let mut forged = open_segment(2);
    forged.turn(3, "select 'harmless'");
    forged.turn(4, "select 4");
    let mut chain = forged.chain;
    // the honest seal's body in a block whose checksum and chain value fit the forged chain
    let mut seal = honest.block(4);
    let covered = seal.len() - 36;
    seal.truncate(covered);
    let crc = crc32c(&seal);
    seal.extend_from_slice(&crc);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&chain.head());
    hasher.update(&seal);
    seal.extend_from_slice(hasher.finalize().as_bytes());
    let bytes = [forged.bytes.as_slice(), &seal].concat();
    let findings = verify_one(&bytes);
    assert_eq!(kinds(&findings), [FindingKind::ChangedByte]);
    assert!(findings[0].text.contains("the head that the seal signs"), "{findings:?}");

    // and sealed with a key of the forger's
    let mut bytes = forged.bytes.clone();
    chain.seal(bytes.len() as u64, START_US, &SigningKey::from_bytes(&[8; 32]), &mut bytes);
    assert_eq!(kinds(&verify_one(&bytes)), [FindingKind::BadSignature]);
}

/// A seal that names the right key with a signature that is none, its checksum and chain value made to fit.
#[test]
fn a_seal_without_a_valid_signature_is_found() {
    let segment = sealed_segment(2);
    let mut seal = segment.block(2);
    let covered = seal.len() - 36;
    seal.truncate(covered);
    seal[covered - 1] ^= 1;
    let crc = crc32c(&seal);
    seal.extend_from_slice(&crc);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&open_segment(2).chain.head());
    hasher.update(&seal);
    seal.extend_from_slice(hasher.finalize().as_bytes());
    let findings = verify_one(&segment.with_blocks(2, 3, &seal));
    assert_eq!(kinds(&findings), [FindingKind::BadSignature]);
    assert!(findings[0].text.contains("signature"), "{findings:?}");
}

fn crc32c(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
        }
    }
    (!crc).to_le_bytes()
}

/// A stream of three segments of two blocks each.
fn stream() -> Vec<Segment> {
    let (mut segments, mut previous) = (Vec::new(), [0; 32]);
    for sequence in 1..=3_u64 {
        let mut segment = Segment::new(header(sequence, 0x1000 + sequence, sequence * 2 - 1, previous));
        segment.turn(1, &format!("select {sequence}, 1")).turn(2, &format!("select {sequence}, 2"));
        previous = segment.seal().digest;
        segments.push(segment);
    }
    segments
}

#[test]
fn an_untouched_stream_verifies() {
    let stream = stream();
    let files: Vec<(&[u8], u64, bool)> =
        stream.iter().map(|each| (each.bytes.as_slice(), each.header.sequence, true)).collect();
    let (report, findings) = verify(&files, stream.iter().map(Segment::checkpoint).collect());
    assert_eq!(findings, []);
    assert_eq!((report.segments, report.seals, report.checkpoints, report.last_segment), (3, 3, 3, 3));
}

/// A segment deleted from the middle.
#[test]
fn a_deleted_segment_is_missing() {
    let stream = stream();
    let findings = verify(&[(&stream[0].bytes, 1, true), (&stream[2].bytes, 3, true)], Vec::new()).1;
    assert_eq!(kinds(&findings), [FindingKind::MissingSegment]);
    assert_eq!(findings[0].segment, Some(2));
}

/// Two segment files renamed to each other's names.
#[test]
fn renamed_segments_are_out_of_place() {
    let stream = stream();
    let files =
        [(stream[0].bytes.as_slice(), 1, true), (&stream[2].bytes, 2, true), (&stream[1].bytes, 3, true)];
    let found = kinds(&verify(&files, Vec::new()).1);
    assert_eq!(found[..], [FindingKind::SegmentOutOfPlace, FindingKind::SegmentOutOfPlace]);
}

/// An old segment replayed: one of another history with the right number.
#[test]
fn a_segment_of_another_history_is_foreign() {
    let stream = stream();
    let mut other = Segment::new(header(2, 0x77, 3, [9; 32]));
    other.turn(1, "select 'other'");
    other.seal();
    let files = [(stream[0].bytes.as_slice(), 1, true), (&other.bytes, 2, true), (&stream[2].bytes, 3, true)];
    let found = kinds(&verify(&files, Vec::new()).1);
    assert_eq!(found[..], [FindingKind::ForeignSegment, FindingKind::ForeignSegment]);
}

/// The last segments deleted, or the end of the open one cut: only a checkpoint kept elsewhere tells.
#[test]
fn a_tail_cut_behind_a_checkpoint_is_found() {
    let stream = stream();
    let checkpoint = stream[2].checkpoint();
    let files = [(stream[0].bytes.as_slice(), 1, true), (&stream[1].bytes, 2, true)];
    assert_eq!(kinds(&verify(&files, Vec::new()).1), []);
    let findings = verify(&files, vec![checkpoint]).1;
    assert_eq!((kinds(&findings), findings[0].segment), (vec![FindingKind::TailCut], Some(3)));

    let mut open = open_segment(3);
    let short = open.bytes.clone();
    open.turn(4, "drop table evidence");
    let findings = verify(&[(&short, 1, false)], vec![open.checkpoint()]).1;
    assert_eq!(kinds(&findings), [FindingKind::Unsealed, FindingKind::TailCut]);
    let findings = verify(&[(&open.bytes, 1, false)], vec![open.checkpoint()]).1;
    assert_eq!(kinds(&findings), [FindingKind::Unsealed]);
}

/// The open segment written anew up to the same length: the checkpoint's head is not there.
#[test]
fn a_checkpoint_of_other_bytes_does_not_match() {
    let mut honest = open_segment(2);
    honest.turn(3, "drop table evidence");
    let mut forged = open_segment(2);
    forged.turn(3, "drop table evidenze");
    let findings = verify(&[(&forged.bytes, 1, false)], vec![honest.checkpoint()]).1;
    assert!(kinds(&findings).contains(&FindingKind::CheckpointMismatch), "{findings:?}");
}

/// A checkpoint line with any character changed is none.
#[test]
fn a_changed_checkpoint_line_is_refused() {
    let checkpoint = open_segment(2).checkpoint();
    let line = checkpoint.line();
    let key = key().verifying_key();
    assert_eq!(Checkpoint::parse(&line), Ok(checkpoint.clone()));
    assert!(checkpoint.is_signed_by(&key));
    for place in 0..line.len() {
        let mut bytes = line.clone().into_bytes();
        bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
        let changed = String::from_utf8(bytes).unwrap();
        if changed != line {
            let holds = Checkpoint::parse(&changed).is_ok_and(|parsed| parsed.is_signed_by(&key));
            assert!(!holds, "{changed}");
        }
    }
}

/// Everything wrong at once: verification goes on and names each.
#[test]
fn verification_goes_on_after_a_failure() {
    let stream = stream();
    let mut first = stream[0].bytes.clone();
    first[stream[0].blocks[0] + 50] ^= 1;
    let mut third = stream[2].with_blocks(0, 1, &[]);
    let end = third.len();
    third[end - 60] ^= 1;
    let findings = verify(&[(&first, 1, true), (&third, 3, true)], Vec::new()).1;
    let expected = [
        (FindingKind::ChangedByte, Some(1), Some(0)),
        (FindingKind::MissingSegment, Some(2), None),
        (FindingKind::MissingBlock, Some(3), Some(0)),
        (FindingKind::ChangedByte, Some(3), Some(2)),
    ];
    let found: Vec<_> = findings.iter().map(|each| (each.kind, each.segment, each.block)).collect();
    assert_eq!(found, expected);
}
