//! Logins as dialogues with a scripted target.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hoopwire_testkit::backend::{Backend, END_POINT, Method};
use hoopwire_testkit::messages::{authentication as auth, framed, sasl};
use hoopwire_testkit::scram::Exchange;
use hoopwire_testkit::{Zeros, pieces};
use proptest::prelude::*;

use super::*;
use crate::scram::MAX_ITERATIONS;

const PASSWORD: &str = "s3cr3t-in-test";

fn request() -> LoginRequest {
    LoginRequest {
        user: "alice".into(),
        database: "orders".into(),
        settings: vec![("application_name".into(), "g_01".into())],
        replication: None,
        minor: 2,
        credential: Credential::Password(Secret::new(PASSWORD.into())),
        scram_keys: None,
        server_end_point: None,
        tls: true,
        allow_cleartext: true,
        max_scram_iterations: MAX_ITERATIONS,
    }
}

fn ready() -> Vec<u8> {
    [
        framed(b'S', b"server_version\x0018.0\0"),
        framed(b'S', b"TimeZone\0UTC\0"),
        framed(b'N', b"SNOTICE\0Mhello\0\0"),
        framed(b'S', b"TimeZone\0Europe/Oslo\0"),
        framed(b'K', b"\0\0\x04\xd2keykeykeykey"),
        framed(b'Z', b"I"),
    ]
    .concat()
}

/// The body of the one message in `out`, as text.
fn sent(out: &[u8]) -> String {
    assert_eq!(out[0], b'p');
    assert_eq!(i32::from_be_bytes(out[1..5].try_into().unwrap()) as usize, out.len() - 1);
    String::from_utf8_lossy(&out[5..]).into_owned()
}

fn give(login: &mut Login, bytes: &[u8]) -> Result<(String, Option<Established>), LoginError> {
    let mut out = Vec::new();
    let (taken, established) = login.handle(bytes, &mut Zeros, &mut out)?;
    assert_eq!(taken, bytes.len());
    Ok((if out.is_empty() { String::new() } else { sent(&out) }, established))
}

fn refuse(request: LoginRequest, bytes: &[u8]) -> LoginError {
    Login::new(request).handle(bytes, &mut Zeros, &mut Vec::new()).map(|_| ()).unwrap_err()
}

/// Everything a target that knows the password says to `request`, in three turns, and what it was told.
fn scram_turns(request: &LoginRequest, mechanisms: &[&str]) -> ([Vec<u8>; 3], [String; 2]) {
    let mut login = Login::new(request.clone());
    let offer = sasl(mechanisms);
    let (initial, _) = give(&mut login, &offer).unwrap();
    let client_first = initial.split_once('\0').unwrap().1[4..].to_owned();
    let exchange = Exchange::begin(&client_first, 7);
    let go_on = auth(11, exchange.server_first.as_bytes());
    let (client_final, _) = give(&mut login, &go_on).unwrap();
    let verifier = exchange.finish(&client_final, PASSWORD, END_POINT).expect("the proof holds");
    let end = [auth(12, verifier.as_bytes()), auth(0, b""), ready()].concat();
    ([offer, go_on, end], [initial, client_final])
}

#[test]
fn the_startup_message() {
    let mut out = Vec::new();
    let replication = Some("database".to_owned());
    let settings = vec![(String::new(), "an empty name would end the list".to_owned())];
    Login::new(LoginRequest { replication, settings, ..request() }).start(&mut out);
    assert_eq!(out, b"\0\0\0\x39\0\x03\0\x02user\0alice\0database\0orders\0replication\0database\0\0");
}

#[test]
fn trust_and_what_an_established_session_knows() {
    let mut login = Login::new(request());
    let (answer, established) = give(&mut login, &[auth(0, b""), ready()].concat()).unwrap();
    assert_eq!(answer, "");
    let got = established.unwrap();
    let text = |bytes: &[u8]| bytes.to_vec();
    let want = [(text(b"server_version"), text(b"18.0")), (text(b"TimeZone"), text(b"Europe/Oslo"))];
    assert_eq!(got.parameters, want);
    assert_eq!((got.pid, got.cancel_key.expose().as_slice()), (1234, &b"keykeykeykey"[..]));
    assert_eq!((got.minor, got.status), (2, Some(TransactionStatus::Idle)));
    assert!(got.scram_keys.is_none());
}

#[test]
fn bytes_behind_ready_for_query_are_left_to_the_session() {
    let bytes = [auth(0, b""), ready(), b"N\0\0".to_vec()].concat();
    let (taken, established) = Login::new(request()).handle(&bytes, &mut Zeros, &mut Vec::new()).unwrap();
    assert_eq!(taken, bytes.len() - 3);
    assert!(established.is_some());
}

#[test]
fn a_cleartext_password_goes_out_only_inside_tls_and_only_if_allowed() {
    let (answer, _) = give(&mut Login::new(request()), &auth(3, b"")).unwrap();
    assert_eq!(answer, format!("{PASSWORD}\0"));
    for (tls, allow_cleartext) in [(false, true), (true, false), (false, false)] {
        let mut out = Vec::new();
        let mut login = Login::new(LoginRequest { tls, allow_cleartext, ..request() });
        let error = login.handle(&auth(3, b""), &mut Zeros, &mut out).map(|_| ()).unwrap_err();
        assert!(matches!(error, LoginError::Configured(_)));
        assert!(out.is_empty());
    }
}

#[test]
fn md5_as_md5sum_computes_it() {
    // printf 'secretalice' | md5sum; then the same with that text and the four bytes 1 2 3 4.
    assert_eq!(*md5_answer("secret", "alice", [1, 2, 3, 4]), "md598a0412b9c31436fc53776e863350083");
    let (answer, _) = give(&mut Login::new(request()), &auth(5, &[1, 2, 3, 4])).unwrap();
    assert_eq!(answer, format!("{}\0", *md5_answer(PASSWORD, "alice", [1, 2, 3, 4])));
}

#[test]
fn scram_with_each_channel_binding() {
    let (both, plain): (&[_], &[_]) = (&[SCRAM_SHA_256_PLUS, SCRAM_SHA_256], &[SCRAM_SHA_256]);
    let hash = Some(END_POINT.to_vec());
    for (server_end_point, tls, offered, want) in [
        (hash.clone(), true, both, "SCRAM-SHA-256-PLUS\0\0\0\0\x35p=tls-server-end-point,,n=,r="),
        (hash.clone(), true, plain, "SCRAM-SHA-256\0\0\0\0\x20y,,n=,r="),
        (None, true, both, "SCRAM-SHA-256\0\0\0\0\x20n,,n=,r="),
        (None, false, plain, "SCRAM-SHA-256\0\0\0\0\x20n,,n=,r="),
        (hash, false, plain, "SCRAM-SHA-256\0\0\0\0\x20n,,n=,r="),
    ] {
        let request = LoginRequest { server_end_point, tls, ..request() };
        let (turns, [initial, _]) = scram_turns(&request, offered);
        assert!(initial.starts_with(want), "{initial:?}");
        let mut login = Login::new(request);
        let established = turns.iter().find_map(|turn| give(&mut login, turn).unwrap().1).unwrap();
        assert_eq!(established.scram_keys.unwrap().iterations, 7);
    }
}

#[test]
fn kept_scram_keys_log_in_without_the_password() {
    let (turns, _) = scram_turns(&request(), &[SCRAM_SHA_256]);
    let mut login = Login::new(request());
    let scram_keys = turns.iter().find_map(|turn| give(&mut login, turn).unwrap().1).unwrap().scram_keys;
    assert!(scram_keys.is_some());
    let credential = Credential::Password(Secret::new("something else".into()));
    let mut again = Login::new(LoginRequest { scram_keys, credential, ..request() });
    assert!(turns.iter().find_map(|turn| give(&mut again, turn).unwrap().1).is_some());
}

#[test]
fn a_target_may_not_skip_its_scram_signature() {
    let (turns, _) = scram_turns(&request(), &[SCRAM_SHA_256]);
    for told in [1, 2] {
        let mut login = Login::new(request());
        turns[..told].iter().for_each(|turn| drop(give(&mut login, turn).unwrap()));
        assert!(matches!(give(&mut login, &auth(0, b"")).unwrap_err(), LoginError::PeerMisbehaved(_)));
        // And it stays over.
        assert!(matches!(give(&mut login, &turns[told]).unwrap_err(), LoginError::PeerMisbehaved(_)));
    }
}

#[test]
fn the_password_answers_one_request_only() {
    for first in [auth(3, b""), auth(5, b"salt")] {
        for second in [auth(3, b""), auth(5, b"salt"), sasl(&[SCRAM_SHA_256])] {
            let error = refuse(request(), &[first.clone(), second].concat());
            assert!(matches!(error, LoginError::PeerMisbehaved(_)));
        }
    }
}

#[test]
fn a_password_is_asked_for_and_none_is_there() {
    for ask in [auth(3, b""), auth(5, b"salt"), sasl(&[SCRAM_SHA_256])] {
        let request = LoginRequest { credential: Credential::None, ..request() };
        assert!(matches!(refuse(request, &ask), LoginError::Configured(_)));
    }
}

#[test]
fn methods_that_we_do_not_speak_are_refused_by_name() {
    for (ask, name) in [
        (auth(2, b""), "Kerberos"),
        (auth(7, b""), "GSSAPI"),
        (auth(9, b""), "SSPI"),
        (auth(6, b""), "SCM"),
        (auth(99, b""), "99"),
        (auth(u32::MAX, b""), "4294967295"),
        (sasl(&["OAUTHBEARER"]), "OAUTHBEARER"),
        (sasl(&[SCRAM_SHA_256_PLUS]), "SCRAM-SHA-256-PLUS"),
    ] {
        let error = refuse(request(), &ask);
        assert!(matches!(&error, LoginError::PeerUnsupported(what) if what.contains(name)), "{error}");
    }
}

#[test]
fn channel_binding_offered_outside_tls_is_a_lie() {
    let request = LoginRequest { tls: false, ..request() };
    let error = refuse(request, &sasl(&[SCRAM_SHA_256_PLUS, SCRAM_SHA_256]));
    assert!(matches!(error, LoginError::PeerMisbehaved(_)));
}

#[test]
fn an_older_server_negotiates_the_version_down() {
    let down = framed(b'v', b"\0\x03\0\0\0\0\0\0");
    let bytes = [down.clone(), auth(0, b""), ready()].concat();
    assert_eq!(give(&mut Login::new(request()), &bytes).unwrap().1.unwrap().minor, 0);
    for wrong in [
        [down.clone(), down.clone()].concat(),         // twice
        [auth(0, b""), down.clone()].concat(),         // too late
        framed(b'v', b"\0\x03\0\x02\0\0\0\0"),         // nothing new
        framed(b'v', b"\0\x03\0\x03\0\0\0\0"),         // upward
        framed(b'v', b"\0\x02\0\0\0\0\0\0"),           // another major
        framed(b'v', b"\0\x03\0\0\0\0\0\x01_pq_.x\0"), // an option that we never sent
        framed(b'v', b"\0\x03\0\0\xff\xff\xff\xff"),   // -1 options
    ] {
        assert!(matches!(refuse(request(), &wrong), LoginError::PeerMisbehaved(_)), "{wrong:?}");
    }
    assert!(matches!(refuse(LoginRequest { minor: 0, ..request() }, &down), LoginError::PeerMisbehaved(_)));
}

#[test]
fn hostile_lengths_are_refused_by_the_header() {
    for (length, limit) in
        [(0, false), (3, false), (-1, false), (i32::MIN, false), (i32::MAX, true), (65_536, true)]
    {
        let header = [b"R".as_slice(), &i32::to_be_bytes(length)].concat();
        let error = refuse(request(), &header);
        assert_eq!(matches!(error, LoginError::Limit(_)), limit, "{error}");
        assert_eq!(matches!(error, LoginError::PeerMisbehaved(_)), !limit, "{error}");
    }
}

#[test]
fn a_megabyte_nonce_and_two_billion_iterations_are_refused() {
    let (turns, _) = scram_turns(&request(), &[SCRAM_SHA_256]);
    let nonce = BASE64_STANDARD.encode([0; 18]);
    for server_first in [
        format!("r={nonce}{},s=c2FsdA==,i=7", "x".repeat(1 << 20)),
        format!("r={nonce}{},s=c2FsdA==,i=7", "x".repeat(3000)),
        format!("r={nonce}x,s=c2FsdA==,i=2147483647"),
    ] {
        let mut login = Login::new(request());
        give(&mut login, &turns[0]).unwrap();
        let error = give(&mut login, &auth(11, server_first.as_bytes())).unwrap_err();
        assert!(matches!(error, LoginError::Scram(_) | LoginError::Limit(_)), "{error}");
    }
}

#[test]
fn endless_notices_and_parameters_are_cut_off() {
    let notices = [auth(0, b""), framed(b'N', &[b'x'; 60_000]).repeat(5)].concat();
    assert_eq!(refuse(request(), &notices), LoginError::Limit("over 256 KiB before it was ready"));
    let parameter = |n: usize| framed(b'S', format!("p{n}\0v\0").as_bytes());
    let parameters: Vec<u8> = (0..257).flat_map(parameter).collect();
    assert_eq!(
        refuse(request(), &[auth(0, b""), parameters].concat()),
        LoginError::Limit("over 256 parameters")
    );
}

#[test]
fn cancel_keys_of_4_to_256_bytes() {
    for (length, good) in [(0, false), (3, false), (4, true), (32, true), (256, true), (257, false)] {
        let bytes = [auth(0, b""), framed(b'K', &vec![1; 4 + length]), framed(b'Z', b"I")].concat();
        assert_eq!(give(&mut Login::new(request()), &bytes).is_ok(), good, "{length}");
    }
}

#[test]
fn a_targets_refusal_keeps_its_words_and_an_upstream_account_stays_ours() {
    let say = |body: &[u8]| refuse(request(), &framed(b'E', body));
    let gone = say(b"SFATAL\0VFATAL\0C3D000\0Mdatabase \"orders\" does not exist\0\0");
    assert_eq!(gone.report().to_string(), "FATAL 3D000: database \"orders\" does not exist");
    let password = say(b"SFATAL\0C28P01\0Mpassword authentication failed for user \"alice\"\0\0");
    assert!(password.to_string().contains("alice"));
    assert!(!password.report().to_string().contains("alice"));
    // ErrorResponse without SQLSTATE
    let bare = say(b"Mno pg_hba.conf entry for user \"alice\"\0");
    assert!(!bare.report().to_string().contains("alice"));
    assert_eq!(say(b"").to_string(), "the target refuses: ERROR: (no text)");
}

#[test]
fn no_error_and_no_debug_shows_the_password() {
    let mut login = Login::new(request());
    assert!(!format!("{login:?}").contains(PASSWORD));
    give(&mut login, &sasl(&[SCRAM_SHA_256])).unwrap();
    assert!(!format!("{login:?}").contains(PASSWORD));
    for bytes in [auth(3, b"x"), auth(5, b"x"), auth(10, b"x"), auth(7, b""), framed(b'E', b"")] {
        let error = refuse(request(), &bytes);
        assert!(!format!("{error} {error:?} {}", error.report()).contains(PASSWORD));
    }
}

/// Every arrow of the diagram, and that there is none that is not drawn.
#[test]
fn every_arrow_is_walked() {
    let (turns, _) = scram_turns(&request(), &[SCRAM_SHA_256]);
    let verified = turns[2][..turns[2].len() - auth(0, b"").len() - ready().len()].to_vec();
    let [offer, go_on, _] = turns;
    let states = [
        ("AwaitAuthentication", vec![]),
        ("AwaitSaslContinue", offer.clone()),
        ("AwaitSaslFinal", [offer.clone(), go_on.clone()].concat()),
        ("AwaitAuthenticationOk", auth(3, b"")),
        ("AwaitReady", auth(0, b"")),
        ("Ended", [auth(0, b""), framed(b'Z', b"I")].concat()),
    ];
    let messages = [
        ("R0", auth(0, b"")),
        ("R3", auth(3, b"")),
        ("R5", auth(5, b"salt")),
        ("R7", auth(7, b"")),
        ("R10", offer),
        ("R11", go_on),
        ("R12", verified),
        ("v", framed(b'v', b"\0\x03\0\0\0\0\0\0")),
        ("S", framed(b'S', b"a\0b\0")),
        ("K", framed(b'K', b"\0\0\0\x01abcd")),
        ("N", framed(b'N', b"\0")),
        ("Z", framed(b'Z', b"I")),
        ("E", framed(b'E', b"\0")),
        ("D", framed(b'D', b"\0\0")),
    ];
    let arrows = [
        ("AwaitAuthentication", "R0", "AwaitReady"),
        ("AwaitAuthentication", "R3", "AwaitAuthenticationOk"),
        ("AwaitAuthentication", "R5", "AwaitAuthenticationOk"),
        ("AwaitAuthentication", "R10", "AwaitSaslContinue"),
        ("AwaitAuthentication", "v", "AwaitAuthentication"),
        ("AwaitSaslContinue", "R11", "AwaitSaslFinal"),
        ("AwaitSaslFinal", "R12", "AwaitAuthenticationOk"),
        ("AwaitAuthenticationOk", "R0", "AwaitReady"),
        ("AwaitReady", "S", "AwaitReady"),
        ("AwaitReady", "K", "AwaitReady"),
        ("AwaitReady", "N", "AwaitReady"),
        ("AwaitReady", "Z", "Ended"),
    ];
    for (state, road) in &states {
        for (name, bytes) in &messages {
            let mut login = Login::new(request());
            login.handle(road, &mut Zeros, &mut Vec::new()).unwrap();
            assert!(format!("{:?}", login.state).starts_with(state));
            let result = login.handle(bytes, &mut Zeros, &mut Vec::new());
            match arrows.iter().find(|(from, message, _)| (from, message) == (state, name)) {
                Some((_, _, to)) => {
                    assert!(result.is_ok(), "{state} {name}: {result:?}");
                    assert!(
                        format!("{:?}", login.state).starts_with(to),
                        "{state} {name}: {:?}",
                        login.state
                    );
                }
                None => {
                    assert!(result.is_err(), "{state} {name}");
                    assert!(matches!(login.state, State::Ended));
                }
            }
        }
    }
}

/// What comes of giving a login its input in pieces, as the engine does: what was not taken is offered again.
fn in_pieces(request: LoginRequest, input: &[u8], cuts: &[usize]) -> (Vec<u8>, String) {
    let (mut login, mut out, mut held) = (Login::new(request), Vec::new(), Vec::new());
    for piece in pieces(input, cuts) {
        held.extend_from_slice(piece);
        match login.handle(&held, &mut Zeros, &mut out) {
            Ok((taken, None)) => drop(held.drain(..taken)),
            Ok((_, Some(established))) => return (out, format!("{established:?}")),
            Err(error) => return (out, error.to_string()),
        }
    }
    (out, "wants more".into())
}

/// A login and a backend on a link that cuts both directions where it likes. `None`: the backend's refusal.
fn talk(request: LoginRequest, backend: &mut Backend, cuts: &[usize]) -> Option<Established> {
    let mut login = Login::new(request);
    let (mut up, mut held) = (Vec::new(), Vec::new());
    login.start(&mut up);
    while !up.is_empty() {
        let down: Vec<u8> = pieces(&up, cuts).into_iter().flat_map(|piece| backend.handle(piece)).collect();
        up.clear();
        for piece in pieces(&down, cuts) {
            held.extend_from_slice(piece);
            match login.handle(&held, &mut Zeros, &mut up) {
                Ok((taken, None)) => drop(held.drain(..taken)),
                Ok((_, established)) => return established,
                Err(LoginError::Server(_)) => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }
    panic!("both wait for each other")
}

#[test]
fn every_method_with_the_right_password_and_a_wrong_one() {
    let hash = || Some(END_POINT.to_vec());
    for (method, server_end_point) in [
        (Method::Trust, None),
        (Method::Cleartext, None),
        (Method::Md5, None),
        (Method::Scram { plus: false }, None),
        (Method::Scram { plus: true }, None),
        (Method::Scram { plus: false }, hash()),
        (Method::Scram { plus: true }, hash()),
    ] {
        let request = LoginRequest { server_end_point, ..request() };
        let mut backend = Backend::new(method, PASSWORD, |_, _| Vec::new());
        let established = talk(request.clone(), &mut backend, &[]).expect("the right password");
        assert_eq!(established.parameters.len(), 4);
        assert!(backend.is_ready());
        assert!(backend.startup.contains(&("application_name".into(), "g_01".into())));
        let mut backend = Backend::new(method, "another", |_, _| Vec::new());
        assert_eq!(talk(request, &mut backend, &[]).is_some(), method == Method::Trust, "{method:?}");
    }
}

#[test]
fn a_certificate_in_between_breaks_the_channel_binding() {
    let request = LoginRequest { server_end_point: Some(b"another certificate".to_vec()), ..request() };
    let mut backend = Backend::new(Method::Scram { plus: true }, PASSWORD, |_, _| Vec::new());
    assert!(talk(request, &mut backend, &[]).is_none());
}

proptest! {
    #[test]
    fn a_link_that_cuts_anywhere_changes_nothing(cuts in prop::collection::vec(any::<usize>(), 0..20)) {
        let request = LoginRequest { server_end_point: Some(END_POINT.to_vec()), ..request() };
        let mut backend = Backend::new(Method::Scram { plus: true }, PASSWORD, |_, _| Vec::new());
        prop_assert!(talk(request, &mut backend, &cuts).is_some());
    }

    #[test]
    fn how_the_bytes_are_split_does_not_matter(
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        flip in any::<Option<(usize, u8)>>(),
    ) {
        let request = LoginRequest { max_scram_iterations: 100, ..request() };
        let mut input = scram_turns(&request, &[SCRAM_SHA_256]).0.concat();
        if let Some((at, byte)) = flip {
            let at = at % input.len();
            input[at] = byte;
        }
        prop_assert_eq!(in_pieces(request.clone(), &input, &cuts), in_pieces(request, &input, &[]));
    }

    #[test]
    fn any_bytes_are_taken_without_a_panic(bytes: Vec<u8>, tag in any::<u8>(), code in 0u32..14) {
        in_pieces(request(), &bytes, &[]);
        in_pieces(request(), &framed(tag, &bytes), &[]);
        in_pieces(request(), &auth(code, &bytes), &[]);
    }
}
