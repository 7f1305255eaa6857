//! What must hold for any bytes that a target sends during login.
//!
//! The first byte of the input chooses the request, the second how the rest is split.

use hoopwire_postgres_protocol::login::{Credential, Login, LoginRequest};
use hoopwire_wire::{Random, Secret};

const PASSWORD: &str = "s3cr3t-in-test";

/// The same nonce each time, so that the corpus can hold whole exchanges.
struct Fixed;

impl Random for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

pub(crate) fn check(input: &[u8]) {
    let [flags, split, stream @ ..] = input else { return };
    let request = request(*flags);
    let (sent, end) = run(&request, stream, stream.len().max(1));
    let in_pieces = run(&request, stream, usize::from(*split) + 1);
    assert_eq!((&sent, &end), (&in_pieces.0, &in_pieces.1), "how the bytes are split made a difference");

    let told = sent.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
    assert!(!told || (request.tls && request.allow_cleartext), "the password went out in clear");
    // Unless the target itself said the word, and we quote it.
    let echoed = stream.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
    assert!(echoed || !end.contains(PASSWORD), "the password is in an error or a Debug");
    let spoke_scram = sent.windows(6).any(|part| part == b"SCRAM-");
    if spoke_scram && end.starts_with("Established") {
        assert!(end.contains("scram_keys: Some"), "ready without the server's signature");
    }
}

fn request(flags: u8) -> LoginRequest {
    let flag = |bit: u8| flags & (1 << bit) != 0;
    LoginRequest {
        user: "alice".into(),
        database: "orders".into(),
        settings: Vec::new(),
        replication: None,
        minor: if flag(0) { 2 } else { 0 },
        credential: if flag(1) {
            Credential::None
        } else {
            Credential::Password(Secret::new(PASSWORD.into()))
        },
        scram_keys: None,
        server_end_point: flag(2).then(|| b"hash of a certificate".to_vec()),
        tls: flag(3),
        allow_cleartext: flag(4),
        // Few, so that a run tries many inputs.
        max_scram_iterations: 8,
    }
}

/// All that is sent, and how it ends, when the stream comes in pieces of `size` bytes.
fn run(request: &LoginRequest, stream: &[u8], size: usize) -> (Vec<u8>, String) {
    let (mut login, mut sent, mut held) = (Login::new(request.clone()), Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        held.extend_from_slice(piece);
        match login.handle(&held, &mut Fixed, &mut sent) {
            Ok((taken, None)) => drop(held.drain(..taken)),
            Ok((taken, Some(established))) => {
                assert!(taken <= held.len());
                return (sent, format!("{established:?}"));
            }
            Err(error) => return (sent, format!("{error} {error:?} {}", error.report())),
        }
        assert!(held.len() <= 64 << 10, "an unfinished message is held past its limit");
    }
    (sent, format!("{login:?}"))
}
