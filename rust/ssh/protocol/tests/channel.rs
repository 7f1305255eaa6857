//! Packets that OpenSSH's client and server and asyncssh sent each other (vectors/capture.py), and some by hand.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;

use hoopwire_ssh_protocol::channel::{
    Global, Message, Open, Request, STDERR, Size, bound_port, clamp_packet_bytes, reason, say,
};
use hoopwire_ssh_protocol::keys::PublicKey;
use hoopwire_ssh_protocol::plain::Packets;
use hoopwire_wire::{DecodeError, Redacted};
use proptest::prelude::*;
use vectors::{lines, unhex};

mod vectors;

const VECTORS: &str = include_str!("vectors/packets.txt");

/// Sender and payload of each packet of the connection protocol.
fn packets() -> Vec<(&'static str, Vec<u8>)> {
    let all = lines(VECTORS, "packet").map(|words| (words[1], unhex(words[2])));
    all.filter(|(_, payload)| payload[0] >= 80).collect()
}

fn name(message: &Message<'_>) -> String {
    let text = format!("{message:?}");
    let inner = ["request: ", "open: ", "global: "].iter().find_map(|field| text.split_once(field));
    let whole = inner.map_or(text.as_str(), |(_, rest)| rest);
    whole.chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[test]
fn all_that_openssh_and_asyncssh_say_is_known() {
    let mut seen = BTreeSet::new();
    for (sender, payload) in packets() {
        let message = Message::read(&payload).unwrap_or_else(|error| panic!("{sender} {payload:?}: {error}"));
        assert!(!name(&message).starts_with("Other"), "{message:?}");
        seen.insert((sender.split('-').next().unwrap(), name(&message)));
    }
    let of = |maker: &str| -> Vec<_> {
        seen.iter().filter(|(sender, _)| *sender == maker).map(|(_, name)| name.as_str()).collect()
    };
    assert_eq!(
        of("openssh"),
        [
            "Agent",
            "Close",
            "Confirmation",
            "Data",
            "DirectStreamlocal",
            "DirectTcpip",
            "EndOfWrite",
            "Env",
            "Eof",
            "Exec",
            "ExitSignal",
            "ExitStatus",
            "ExtendedData",
            "Failure",
            "ForwardedStreamlocal",
            "ForwardedTcpip",
            "HostKeys",
            "Keepalive",
            "Listen",
            "ListenStreamlocal",
            "NoMoreSessions",
            "OpenFailure",
            "Pty",
            "RequestFailure",
            "RequestSuccess",
            "Session",
            "Shell",
            "Subsystem",
            "Success",
            "WindowAdjust",
            "X11",
        ]
    );
    for more in ["Break", "Signal", "WindowChange", "Unlisten", "UnlistenStreamlocal"] {
        assert!(of("asyncssh").contains(&more), "{more}");
    }
}

#[test]
fn fields_are_what_was_asked_for() {
    let all = packets();
    let read: Vec<_> =
        all.iter().map(|(sender, payload)| (*sender, Message::read(payload).unwrap())).collect();
    let requests: Vec<_> = read
        .iter()
        .filter_map(|(sender, message)| match message {
            Message::Request { want_reply, request, .. } => Some((*sender, *want_reply, *request)),
            _ => None,
        })
        .collect();
    for wanted in [
        ("openssh-client", true, Request::Exec { command: Redacted(b"id") }),
        ("openssh-client", true, Request::Subsystem { name: "sftp" }),
        ("openssh-client", false, Request::Env { name: "LC_PLANET", value: Redacted(b"earth") }),
        ("openssh-client", true, Request::Shell),
        ("openssh-client", false, Request::Agent),
        ("openssh-server", false, Request::ExitStatus { status: 7 }),
        ("openssh-server", false, Request::ExitSignal { name: "KILL", core_dumped: false, message: b"" }),
        (
            "asyncssh-server",
            false,
            Request::ExitSignal { name: "KILL", core_dumped: true, message: b"killed" },
        ),
        ("openssh-server", false, Request::EndOfWrite),
        ("asyncssh-client", false, Request::Signal { name: "USR1" }),
        ("asyncssh-client", false, Request::Break { length_ms: 100 }),
        (
            "asyncssh-client",
            false,
            Request::WindowChange { size: Size { columns: 81, rows: 25, width: 0, height: 0 } },
        ),
        (
            "asyncssh-client",
            true,
            Request::Pty {
                term: "xterm",
                size: Size { columns: 80, rows: 24, width: 640, height: 480 },
                modes: b"\0",
            },
        ),
    ] {
        assert!(requests.contains(&wanted), "{wanted:?}");
    }
    assert!(requests.iter().any(|(_, _, request)| matches!(
        request,
        Request::X11 { is_single: false, protocol: "MIT-MAGIC-COOKIE-1", cookie, screen: 0 } if cookie.0.len() == 32
    )));
    let opens: Vec<_> = read
        .iter()
        .filter_map(|(sender, message)| match message {
            Message::Open { window_bytes, packet_bytes, open, .. } => {
                assert!(*window_bytes >= 0x1_0000 && *packet_bytes >= 0x4000);
                Some((*sender, *open))
            }
            _ => None,
        })
        .collect();
    let has = |of: &str, test: &dyn Fn(&Open<'_>) -> bool| {
        assert!(opens.iter().any(|(sender, open)| *sender == of && test(open)), "{opens:?}");
    };
    has("openssh-client", &|open| *open == Open::Session);
    has("openssh-client", &|open| {
        matches!(open, Open::DirectTcpip { host: "web1", port: 80, origin: "127.0.0.1", .. })
    });
    has("openssh-client", &|open| *open == Open::DirectStreamlocal { path: "/x" });
    has("openssh-server", &|open| *open == Open::Agent);
    has("openssh-server", &|open| {
        matches!(open, Open::ForwardedTcpip { host: "127.0.0.1", origin: "127.0.0.1", .. })
    });
    has(
        "openssh-server",
        &|open| matches!(open, Open::ForwardedStreamlocal { path } if path.ends_with("/far")),
    );
    for wanted in [
        Message::OpenFailure {
            recipient: 7,
            code: reason::CONNECT_FAILED,
            description: b"Connection refused",
        },
        Message::OpenFailure {
            recipient: 8,
            code: reason::ADMINISTRATIVELY_PROHIBITED,
            description: b"open failed",
        },
        Message::ExtendedData { recipient: 0, code: STDERR, data: Redacted(b"err\n") },
        Message::Data { recipient: 0, data: Redacted(b"out\n") },
        Message::Global { want_reply: true, global: Global::Listen { host: "localhost", port: 0 } },
        Message::Global { want_reply: false, global: Global::NoMoreSessions },
        Message::Global { want_reply: true, global: Global::Keepalive },
    ] {
        assert!(read.iter().any(|(_, message)| *message == wanted), "{wanted:?}");
    }
}

#[test]
fn the_port_that_a_server_chose_is_in_its_reply_and_in_its_opens() {
    let all = packets();
    let served: Vec<_> = all.iter().filter(|(sender, _)| *sender == "openssh-server").collect();
    let port = served.iter().find_map(|(_, payload)| match Message::read(payload).unwrap() {
        Message::RequestSuccess { rest } if !rest.is_empty() => Some(bound_port(rest).unwrap()),
        _ => None,
    });
    let opened = served.iter().find_map(|(_, payload)| match Message::read(payload).unwrap() {
        Message::Open { open: Open::ForwardedTcpip { port, .. }, .. } => Some(port),
        _ => None,
    });
    assert!(port.is_some_and(|port| port >= 1024));
    assert_eq!(port, opened);
    assert!(bound_port(b"").is_err() && bound_port(b"\0\0\0\x01\0").is_err());
}

#[test]
fn a_server_tells_all_its_keys() {
    let all = packets();
    let told = all.iter().find_map(|(sender, payload)| match Message::read(payload).unwrap() {
        Message::Global { want_reply: false, global: Global::HostKeys { keys } }
            if *sender == "openssh-server" =>
        {
            Some((
                keys.iter().map(|key| PublicKey::read(key).unwrap().algorithm()).collect::<Vec<_>>(),
                keys,
                payload,
            ))
        }
        _ => None,
    });
    let (algorithms, keys, payload) = told.unwrap();
    assert_eq!(algorithms, ["ssh-ed25519", "ssh-rsa"]);
    let mut out = Vec::new();
    say::host_keys(&mut out, keys.iter());
    assert_eq!(Packets::new(&out).collect::<Vec<_>>(), [&payload[..]]);
}

/// Whatever is cut off or goes on is refused, except where a form has no end: two readers would see two messages.
#[test]
fn a_packet_that_is_cut_off_or_goes_on_is_none() {
    for (_, payload) in packets() {
        let open_ended = match Message::read(&payload).unwrap() {
            Message::RequestSuccess { .. } | Message::Confirmation { .. } => true,
            Message::Global { global, .. } => {
                matches!(global, Global::HostKeys { .. } | Global::Keepalive | Global::Other { .. })
            }
            _ => false,
        };
        let least = match payload[0] {
            81 => 1,
            91 => 17,
            _ if open_ended => continue,
            _ => payload.len(),
        };
        for end in 0..least {
            assert!(Message::read(&payload[..end]).is_err(), "{payload:?} {end}");
        }
        let longer = [&payload[..], b"\0"].concat();
        assert_eq!(Message::read(&longer).is_ok(), open_ended, "{payload:?}");
    }
}

/// A packet by hand: number, fields as they are.
fn packet(number: u8, fields: &[&[u8]]) -> Vec<u8> {
    [&[number][..], &fields.concat()].concat()
}

fn string(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
}

#[test]
fn names_that_are_not_known_stay_as_they_are() {
    let rest = b"\0\0\0\x01z";
    let open = packet(90, &[&string(b"tun@openssh.com"), &[0; 12], rest]);
    let other = Open::Other { name: b"tun@openssh.com", rest };
    let wanted = Message::Open { sender: 0, window_bytes: 0, packet_bytes: 0, open: other };
    assert_eq!(Message::read(&open), Ok(wanted));
    let request = packet(98, &[&[0; 4], &string(b"\xff\0"), b"\x02", rest]);
    let other = Request::Other { name: b"\xff\0", rest };
    assert_eq!(
        Message::read(&request),
        Ok(Message::Request { recipient: 0, want_reply: true, request: other })
    );
    let global = packet(80, &[&string(b""), b"\0"]);
    let other = Global::Other { name: b"", rest: b"" };
    assert_eq!(Message::read(&global), Ok(Message::Global { want_reply: false, global: other }));
    // a keepalive has no fields: one that has some is something else
    let filled = packet(80, &[&string(b"keepalive@openssh.com"), b"\x01x"]);
    let other = Global::Other { name: b"keepalive@openssh.com", rest: b"x" };
    assert_eq!(Message::read(&filled), Ok(Message::Global { want_reply: true, global: other }));
    for number in [83, 89, 101, 127] {
        assert_eq!(Message::read(&[number, 1, 2]), Ok(Message::Unknown(number)));
    }
}

#[test]
fn names_of_openssh_10_and_of_the_standard_that_nobody_sent_are_read() {
    let agent = packet(98, &[&[0; 4], &string(b"agent-req"), b"\0"]);
    let wanted = Message::Request { recipient: 0, want_reply: false, request: Request::Agent };
    assert_eq!(Message::read(&agent), Ok(wanted));
    let connect = packet(90, &[&string(b"agent-connect"), &[0; 12]]);
    assert!(matches!(Message::read(&connect), Ok(Message::Open { open: Open::Agent, .. })));
    let x11 = packet(90, &[&string(b"x11"), &[0; 12], &string(b"::1"), &[0, 0, 1, 0]]);
    let wanted = Open::X11 { origin: "::1", origin_port: 256 };
    assert!(matches!(Message::read(&x11), Ok(Message::Open { open, .. }) if open == wanted));
    let flow = packet(98, &[&[0; 4], &string(b"xon-xoff"), b"\0\x01"]);
    let wanted = Request::XonXoff { client_can_do: true };
    assert!(matches!(Message::read(&flow), Ok(Message::Request { request, .. }) if request == wanted));
    let prove =
        packet(80, &[&string(b"hostkeys-prove-00@openssh.com"), b"\x01", &string(b"k"), &string(b"")]);
    let Ok(Message::Global { want_reply: true, global: Global::HostKeysProve { keys } }) =
        Message::read(&prove)
    else {
        panic!("hostkeys-prove");
    };
    assert_eq!(keys.iter().collect::<Vec<_>>(), [&b"k"[..], b""]);
    let signed = say::host_key_proof(b"id", b"k");
    assert_eq!(signed, b"\0\0\0\x1dhostkeys-prove-00@openssh.com\0\0\0\x02id\0\0\0\x01k");
}

#[test]
fn a_million_host_keys_are_too_many() {
    let head = packet(80, &[&string(b"hostkeys-00@openssh.com"), b"\0"]);
    let with = |count: usize| [head.clone(), vec![0; 4 * count]].concat();
    assert!(Message::read(&with(64)).is_ok());
    assert_eq!(Message::read(&with(65)), Err(DecodeError::TooLong { limit: 64 }));
    let cut = [&with(2)[..], b"\0\0\0\x01"].concat();
    assert_eq!(Message::read(&cut), Err(DecodeError::Truncated { wanted: 1, left: 0 }));
}

#[test]
fn a_text_that_is_not_utf8_is_refused_and_a_command_is_not() {
    let request = |name: &[u8]| packet(98, &[&[0; 4], &string(name), b"\0", &string(b"\xff")]);
    assert_eq!(Message::read(&request(b"subsystem")), Err(DecodeError::NotUtf8));
    let exec = Request::Exec { command: Redacted(b"\xff") };
    assert!(
        matches!(Message::read(&request(b"exec")), Ok(Message::Request { request, .. }) if request == exec)
    );
}

#[test]
fn packet_sizes_are_lowered_and_nothing_else_is_touched() {
    for (_, payload) in packets() {
        for most in [100, 0x1_0000] {
            let mut clamped = payload.clone();
            clamp_packet_bytes(&mut clamped, most);
            match (Message::read(&payload).unwrap(), Message::read(&clamped).unwrap()) {
                (Message::Open { sender, window_bytes, packet_bytes, open }, now) => {
                    let packet_bytes = packet_bytes.min(most);
                    assert_eq!(now, Message::Open { sender, window_bytes, packet_bytes, open });
                }
                (Message::Confirmation { recipient, sender, window_bytes, packet_bytes, rest }, now) => {
                    let packet_bytes = packet_bytes.min(most);
                    assert_eq!(
                        now,
                        Message::Confirmation { recipient, sender, window_bytes, packet_bytes, rest }
                    );
                }
                (before, now) => assert_eq!(before, now),
            }
        }
        for end in 0..payload.len() {
            clamp_packet_bytes(&mut payload[..end].to_vec(), 1);
        }
    }
}

#[test]
fn what_the_gateway_says_is_read_as_it_was_meant() {
    let mut out = Vec::new();
    say::confirmation(&mut out, 1, 2, 3, 4);
    say::open_failure(&mut out, 1, reason::ADMINISTRATIVELY_PROHIBITED, "no");
    say::window_adjust(&mut out, 1, 9);
    say::data(&mut out, 1, b"d");
    say::extended_data(&mut out, 1, b"e");
    say::eof(&mut out, 1);
    say::close(&mut out, 1);
    say::success(&mut out, 1);
    say::failure(&mut out, 1);
    say::exit_status(&mut out, 1, 126);
    say::request_success(&mut out, b"x");
    say::request_failure(&mut out);
    let said: Vec<_> = Packets::new(&out).map(|payload| Message::read(payload).unwrap()).collect();
    let recipient = 1;
    assert_eq!(
        said,
        [
            Message::Confirmation { recipient, sender: 2, window_bytes: 3, packet_bytes: 4, rest: b"" },
            Message::OpenFailure { recipient, code: 1, description: b"no" },
            Message::WindowAdjust { recipient, bytes: 9 },
            Message::Data { recipient, data: Redacted(b"d") },
            Message::ExtendedData { recipient, code: STDERR, data: Redacted(b"e") },
            Message::Eof { recipient },
            Message::Close { recipient },
            Message::Success { recipient },
            Message::Failure { recipient },
            Message::Request { recipient, want_reply: false, request: Request::ExitStatus { status: 126 } },
            Message::RequestSuccess { rest: b"x" },
            Message::RequestFailure,
        ]
    );
}

/// Byte by byte what asyncssh and sshd send for the same.
#[test]
fn what_the_gateway_says_is_what_others_say() {
    let all: Vec<_> = packets().into_iter().map(|(_, payload)| payload).collect();
    let mut out = Vec::new();
    say::open_failure(&mut out, 7, reason::CONNECT_FAILED, "Connection refused");
    say::data(&mut out, 0, b"out\n");
    say::extended_data(&mut out, 0, b"err\n");
    say::eof(&mut out, 0);
    say::close(&mut out, 0);
    say::success(&mut out, 0);
    say::failure(&mut out, 6);
    say::exit_status(&mut out, 0, 7);
    say::request_failure(&mut out);
    say::confirmation(&mut out, 0, 0, 0x20_0000, 0x8000);
    say::window_adjust(&mut out, 0, 0x20_0000);
    for said in Packets::new(&out) {
        assert!(all.iter().any(|payload| payload == said), "{said:?}");
    }
}

#[test]
fn what_a_session_carries_is_not_in_debug() {
    for (_, payload) in packets() {
        let shown = format!("{:?}", Message::read(&payload).unwrap());
        for secret in ["out\n", "earth", "exit 7", "[111, 117, 116"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_fall_over(number in 80u8..=127, bytes: Vec<u8>, from: prop::sample::Index, at: usize) {
        let _ = Message::read(&[&[number][..], &bytes].concat());
        let all = packets();
        let (_, mut payload) = all[from.index(all.len())].clone();
        let at = at % payload.len();
        let end = (at + bytes.len()).min(payload.len());
        payload.splice(at..end, bytes);
        let _ = Message::read(&payload);
        clamp_packet_bytes(&mut payload, 7);
    }
}
