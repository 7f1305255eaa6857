use super::*;
use crate::packet::{LENGTH, Parts};
use crate::vectors::{lines, unhex};

const VECTORS: &str = include_str!("../../tests/vectors/sealed.txt");

/// Packets that asyncssh sealed one after the other.
struct Stream {
    suite: Suite,
    keys: KeyMaterial,
    sequence: u32,
    /// Payload, padding, sealed.
    packets: Vec<[Vec<u8>; 3]>,
}

fn bytes(word: &str) -> Vec<u8> {
    if word == "-" { Vec::new() } else { unhex(word) }
}

fn streams() -> Vec<Stream> {
    let streams: Vec<_> = lines(VECTORS, "stream")
        .map(|words| Stream {
            suite: Suite { cipher: Cipher::named(words[0]).unwrap(), mac: Mac::named(words[1]) },
            keys: KeyMaterial {
                iv: bytes(words[2]).into(),
                key: bytes(words[3]).into(),
                mac: bytes(words[4]).into(),
            },
            sequence: words[5].parse().unwrap(),
            packets: words[6..].chunks(3).map(|three| [0, 1, 2].map(|at| bytes(three[at]))).collect(),
        })
        .collect();
    assert_eq!(streams.len(), 9);
    streams
}

#[test]
fn packets_of_asyncssh_are_opened() {
    for stream in streams() {
        let mut opener = Opener::new(stream.suite, &stream.keys).unwrap();
        let mut sequence = stream.sequence;
        for [payload, padding, sealed] in &stream.packets {
            let mut packet = sealed.clone();
            let length = opener.length(sequence, *packet.first_chunk().unwrap()) as usize;
            assert_eq!(length, 1 + payload.len() + padding.len(), "{:?}", stream.suite);
            assert_eq!(packet.len(), LENGTH + length + opener.tag_bytes());
            let mut opened = b"before".to_vec();
            opener.open(sequence, &mut packet, &mut opened).unwrap();
            assert_eq!(opened.strip_prefix(b"before").unwrap(), payload);
            sequence = sequence.wrapping_add(1);
        }
    }
}

#[test]
fn packets_are_sealed_as_asyncssh_does() {
    for stream in streams() {
        let mut sealer = Sealer::new(stream.suite, &stream.keys).unwrap();
        let mut sequence = stream.sequence;
        for [payload, padding, wanted] in &stream.packets {
            let parts = Parts::new(&sealer, payload, padding).unwrap();
            assert_eq!(parts.padding_bytes(), padding.len());
            let mut sealed = b"before".to_vec();
            sealer.seal(sequence, &parts, &mut sealed).unwrap();
            assert_eq!(sealed.strip_prefix(b"before").unwrap(), wanted, "{:?}", stream.suite);
            sequence = sequence.wrapping_add(1);
        }
    }
}

#[test]
fn one_flipped_bit_anywhere_is_seen() {
    for stream in streams() {
        let [payload, _, sealed] = &stream.packets[4];
        for at in 0..sealed.len() * 8 {
            // the packets before it move the counters along
            let mut opener = Opener::new(stream.suite, &stream.keys).unwrap();
            let mut sequence = stream.sequence;
            for [.., before] in &stream.packets[..4] {
                opener.open(sequence, &mut before.clone(), &mut Vec::new()).unwrap();
                sequence = sequence.wrapping_add(1);
            }
            let mut packet = sealed.clone();
            packet[at / 8] ^= 1 << (at % 8);
            let mut opened = Vec::new();
            assert_eq!(opener.open(sequence, &mut packet, &mut opened), Err(NotOpened::Changed));
            assert!(opened.is_empty() && !payload.is_empty());
        }
    }
}

#[test]
fn a_packet_is_good_at_its_own_place_only() {
    for stream in streams() {
        let mut opener = Opener::new(stream.suite, &stream.keys).unwrap();
        let mut second = stream.packets[1][2].clone();
        let opened = opener.open(stream.sequence, &mut second, &mut Vec::new());
        assert_eq!(opened, Err(NotOpened::Changed), "{:?}", stream.suite);
    }
}

#[test]
fn padding_that_does_not_fit_is_refused_although_the_packet_is_whole() {
    for stream in streams() {
        // of 15 bytes behind its length, padding may be 4 to 14
        for (padding, fits) in
            [(4, true), (14, true), (0, false), (3, false), (15, false), (16, false), (255, false)]
        {
            let mut sealer = Sealer::new(stream.suite, &stream.keys).unwrap();
            let mut opener = Opener::new(stream.suite, &stream.keys).unwrap();
            let mut packet = Vec::new();
            let parts = Parts::with_padding_length(padding, &[7; 15], &[]);
            sealer.seal(3, &parts, &mut packet).unwrap();
            let mut opened = Vec::new();
            let result = opener.open(3, &mut packet, &mut opened);
            assert_eq!(result, if fits { Ok(()) } else { Err(NotOpened::Padding) }, "{padding}");
            assert_eq!(opened.len(), if fits { 15 - usize::from(padding) } else { 0 });
        }
    }
}

#[test]
fn keys_of_the_wrong_lengths_are_refused() {
    for stream in streams() {
        for short in ["iv", "key"] {
            let cut = |secret: &Secret<Vec<u8>>, name| {
                let left = if name == short { secret.expose().len().saturating_sub(1) } else { usize::MAX };
                Secret::new(secret.expose().iter().copied().take(left).collect::<Vec<u8>>())
            };
            if stream.suite.cipher == Cipher::ChaCha20Poly1305 && short == "iv" {
                continue;
            }
            let keys = KeyMaterial {
                iv: cut(&stream.keys.iv, "iv"),
                key: cut(&stream.keys.key, "key"),
                mac: stream.keys.mac.clone(),
            };
            assert!(Sealer::new(stream.suite, &keys).is_err());
            assert!(Opener::new(stream.suite, &keys).is_err());
        }
    }
}

#[test]
fn no_key_is_shown() {
    for stream in streams() {
        let shown = format!(
            "{:?} {:?}",
            Sealer::new(stream.suite, &stream.keys).unwrap(),
            Opener::new(stream.suite, &stream.keys).unwrap()
        );
        assert!(shown.starts_with("Sealer(") && shown.len() < 40, "{shown}");
    }
}
