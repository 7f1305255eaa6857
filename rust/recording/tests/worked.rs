//! The worked example of docs/recording-format.md is what this code writes, and it verifies.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use hoopwire_recording::*;
use std::fs;
use std::path::Path;

/// The content of the first fenced block of this language in the document.
fn block(language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recording-format.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, after) = text.split_once(&format!("```{language}\n")).unwrap();
    after.split_once("```").unwrap().0.to_owned()
}

/// Bytes of lines like `0010: 01 02 03  # what`.
fn bytes_of(lines: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines.lines() {
        let (offset, rest) = line.split_once(": ").unwrap();
        assert_eq!(usize::from_str_radix(offset, 16).unwrap(), bytes.len(), "{line}");
        let digits = rest.split('#').next().unwrap().split_whitespace();
        bytes.extend(digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
    }
    bytes
}

fn segment() -> (Vec<u8>, Checkpoint) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let header = SegmentHeader {
        sequence: 1,
        epoch: 0x1122_3344_5566_7788,
        created_us: 1_800_000_000_000_000,
        first_frame: 1,
        stream: 0,
        previous_seal: [0; 32],
        node: "gw-1".to_owned(),
    };
    let mut frames = Frames::new();
    let at = 1_800_000_001_000_000;
    let continued = SessionContinued { session: "s_1", grant: "g_1" };
    frames.push(5, at, Direction::Gateway, &Frame::SessionContinued(continued));
    let statement = Statement {
        no: 1,
        via: Via::Simple,
        name: b"",
        text: b"select 1",
        types: &[],
        allow: true,
        reason: b"readers",
    };
    frames.push(5, at + 250, Direction::Upstream, &Frame::Statement(statement));
    let mut bytes = header.encode().to_vec();
    let mut chain = Chain::start(&header);
    chain.append(&frames, &mut bytes);
    let checkpoint = Checkpoint::sign(&header, &chain, bytes.len() as u64, at + 1_000_000, &key);
    chain.seal(bytes.len() as u64, at + 2_000_000, &key, &mut bytes);
    (bytes, checkpoint)
}

#[test]
fn the_documents_bytes_are_what_is_written() {
    let (bytes, checkpoint) = segment();
    assert_eq!(bytes_of(&block("hex")), bytes, "regenerate the example: {bytes:02x?}");
    assert_eq!(block("checkpoint").trim_end(), checkpoint.line());
}

#[test]
fn the_documents_bytes_verify_with_its_key() {
    let key = verifying_key_from_pem(&block("pem")).unwrap();
    let bytes = bytes_of(&block("hex"));
    let checkpoint = Checkpoint::parse(&block("checkpoint")).unwrap();
    assert!(checkpoint.is_signed_by(&key));
    let mut verifier = Verifier::new(0, key, vec![checkpoint]);
    let place = Place { path: "example", sequence: Some(1), sealed: true, last: true };
    verifier.segment(&place, bytes.as_slice()).unwrap();
    let (report, findings) = verifier.finish();
    assert_eq!(findings, []);
    assert_eq!((report.frames, report.seals, report.checkpoints), (2, 1, 1));
}

#[test]
fn a_key_that_is_none_is_refused() {
    let public = block("pem");
    assert_eq!(signing_key_from_pem(&public).err(), Some(KeyError::NotPrivate));
    for text in ["", "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----", &public.replace('A', "B")]
    {
        assert_eq!(verifying_key_from_pem(text).err(), Some(KeyError::NotPublic), "{text}");
    }
}
