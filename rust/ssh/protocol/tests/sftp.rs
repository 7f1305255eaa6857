//! What OpenSSH's sftp and scp, asyncssh, and OpenSSH's sftp-server said to each other (vectors/capture_sftp.py).
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use hoopwire_ssh_protocol::sftp::{
    Answer, Ask, Attributes, EXTENDED, Flags, MESSAGE_BYTES, Reply, Request, Stream, say, status,
};
use hoopwire_testkit::pieces;
use hoopwire_wire::DecodeError;
use proptest::prelude::*;
use vectors::{lines, unhex};

mod vectors;

const VECTORS: &str = include_str!("vectors/sftp.txt");
const CLIENTS: [&str; 4] = ["openssh", "scp", "byhand", "asyncssh"];

fn stream(client: &str, way: &str) -> Vec<u8> {
    unhex(lines(VECTORS, "stream").find(|words| words[0] == client && words[1] == way).unwrap()[2])
}

/// Whole messages, cut by hand.
fn messages(client: &str, way: &str) -> Vec<Vec<u8>> {
    let bytes = stream(client, way);
    let mut left = &bytes[..];
    let mut found = Vec::new();
    while !left.is_empty() {
        let length = u32::from_be_bytes(left[..4].try_into().unwrap()) as usize;
        found.push(left[..4 + length].to_vec());
        left = &left[4 + length..];
    }
    found
}

/// One message through a stream of its own.
fn request(whole: &[u8]) -> Result<String, DecodeError> {
    let mut stream = Stream::new();
    stream.push(whole);
    let message = stream.next()?.unwrap();
    message.request().map(|request| format!("{request:?}"))
}

fn reply(whole: &[u8]) -> Result<String, DecodeError> {
    let mut stream = Stream::new();
    stream.push(whole);
    let message = stream.next()?.unwrap();
    message.reply().map(|reply| format!("{reply:?}"))
}

/// `Open` of `Ask { id: 3, ask: Open { path: ..`.
fn name(shown: &str) -> String {
    let inner = ["ask: ", "answer: "].iter().find_map(|field| shown.split_once(field));
    inner.map_or(shown, |(_, rest)| rest).chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[test]
fn all_that_clients_ask_and_openssh_answers_is_known() {
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for client in CLIENTS {
        asked.extend(messages(client, "requests").iter().map(|whole| name(&request(whole).unwrap())));
        answered.extend(messages(client, "replies").iter().map(|whole| name(&reply(whole).unwrap())));
    }
    #[rustfmt::skip]
    assert_eq!(
        asked.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "Close", "CopyData", "ExpandPath", "Fsetstat", "Fstat", "Fstatvfs", "Fsync", "Hardlink", "HomeDirectory", "Init",
            "Limits", "Lsetstat", "Lstat", "Mkdir", "Open", "Opendir", "PosixRename", "Read", "Readdir", "Readlink",
            "Realpath", "Remove", "Rename", "Rmdir", "Setstat", "Stat", "Statvfs", "Symlink", "UsersGroupsById", "Write",
        ]
    );
    let all = ["Attributes", "Data", "Extended", "Handle", "Names", "Status", "Version"];
    assert_eq!(answered.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

/// Every request is answered under its number, and by nothing that does not fit it.
#[test]
fn answers_fit_what_was_asked() {
    for client in CLIENTS {
        let (mut open, mut asked) = (BTreeMap::new(), 0);
        for whole in messages(client, "requests") {
            let mut stream = Stream::new();
            stream.push(&whole);
            if let Request::Ask { id, ask } = stream.next().unwrap().unwrap().request().unwrap() {
                let fits = match ask {
                    Ask::Open { .. } | Ask::Opendir { .. } => "Handle",
                    Ask::Read { .. } => "Data",
                    Ask::Readdir { .. } | Ask::Realpath { .. } | Ask::Readlink { .. } => "Names",
                    Ask::ExpandPath { .. } | Ask::HomeDirectory { .. } => "Names",
                    Ask::Stat { .. } | Ask::Lstat { .. } | Ask::Fstat { .. } => "Attributes",
                    Ask::Statvfs { .. }
                    | Ask::Fstatvfs { .. }
                    | Ask::Limits
                    | Ask::UsersGroupsById { .. } => "Extended",
                    _ => "Status",
                };
                // a number may come again once it was answered
                open.entry(id).or_insert_with(Vec::new).push(fits);
                asked += 1;
            }
        }
        let mut answers = 0;
        for whole in messages(client, "replies") {
            let mut stream = Stream::new();
            stream.push(&whole);
            if let Reply::Answer { id, answer } = stream.next().unwrap().unwrap().reply().unwrap() {
                let fits = open.get_mut(&id).unwrap().remove(0);
                let is_status = matches!(answer, Answer::Status { .. });
                assert!(is_status || name(&format!("{answer:?}")) == fits, "{client} {id} {fits} {answer:?}");
                answers += 1;
            }
        }
        assert_eq!(answers, asked, "{client}");
    }
}

#[test]
fn fields_are_what_was_asked_for() {
    let all: Vec<_> = CLIENTS.iter().flat_map(|client| messages(client, "requests")).collect();
    let mut streams: Vec<_> = all.iter().map(|_| Stream::new()).collect();
    let mut asked = Vec::new();
    for (stream, whole) in streams.iter_mut().zip(&all) {
        stream.push(whole);
        asked.push(stream.next().unwrap().unwrap().request().unwrap());
    }
    let has = |what: &str, test: &dyn Fn(&Ask<'_>) -> bool| {
        let found = asked.iter().any(|request| matches!(request, Request::Ask { ask, .. } if test(ask)));
        assert!(found, "{what}");
    };
    assert!(asked.iter().any(|request| matches!(request, Request::Init { version: 3, .. })));
    has("put", &|ask| {
        matches!(ask, Ask::Open { path, flags, attributes } if path.ends_with(b"/d/put")
            && flags.writes() && !flags.reads() && attributes.permissions.is_some_and(|mode| mode & 0o7777 == 0o644))
    });
    has("get", &|ask| {
        matches!(ask, Ask::Open { path, flags: Flags(1), attributes }
            if path.ends_with(b"/d/put") && *attributes == Attributes::default())
    });
    has("append", &|ask| matches!(ask, Ask::Open { flags: Flags(0x0e), .. }));
    has("exclusive", &|ask| matches!(ask, Ask::Open { flags: Flags(0x2a), .. }));
    has(
        "write",
        &|ask| matches!(ask, Ask::Write { offset: 0, data, .. } if data.0 == b"0123456789".repeat(30)),
    );
    has("write behind", &|ask| {
        matches!(ask, Ask::Write { offset: 2, data, .. } if data.0 == b"d")
            || matches!(ask, Ask::Write { data, .. } if data.0 == b"d")
    });
    has(
        "link of OpenSSH",
        &|ask| matches!(ask, Ask::Symlink { target: b"synced", link } if link.ends_with(b"/d/soft")),
    );
    has(
        "link of asyncssh",
        &|ask| matches!(ask, Ask::Symlink { target: b"a", link } if link.ends_with(b"/s")),
    );
    has(
        "hard link",
        &|ask| matches!(ask, Ask::Hardlink { old, new } if old.ends_with(b"/synced") && new.ends_with(b"/hard")),
    );
    has(
        "rename",
        &|ask| matches!(ask, Ask::Rename { old, new } if old.ends_with(b"/h") && new.ends_with(b"/r")),
    );
    has(
        "posix-rename",
        &|ask| matches!(ask, Ask::PosixRename { old, new } if old.ends_with(b"/r") && new.ends_with(b"/p")),
    );
    has("chmod", &|ask| {
        matches!(ask, Ask::Setstat { attributes, .. } if attributes.permissions.is_some_and(|mode| mode & 0o7777 == 0o600)
            && attributes.size.is_none())
    });
    has("truncate", &|ask| matches!(ask, Ask::Setstat { attributes, .. } if attributes.size == Some(2)));
    has(
        "utime",
        &|ask| matches!(ask, Ask::Fsetstat { attributes, .. } if attributes.times == Some((10, 20))),
    );
    has(
        "lsetstat",
        &|ask| matches!(ask, Ask::Lsetstat { attributes, .. } if attributes.times == Some((1, 2))),
    );
    has(
        "copy-data",
        &|ask| matches!(ask, Ask::CopyData { from, offset: 0, to, to_offset: 0, .. } if from != to),
    );
    has("expand-path", &|ask| *ask == Ask::ExpandPath { path: b"~/x" });
    has("home-directory", &|ask| *ask == Ask::HomeDirectory { user: b"root" });
    has("users-groups-by-id", &|ask| matches!(ask, Ask::UsersGroupsById { users: [0, 0, 0, 0], .. }));
    has("chown", &|ask| matches!(ask, Ask::Setstat { attributes, .. } if attributes.owner == Some((0, 0))));
}

#[test]
fn names_and_attributes_are_what_was_there() {
    let mut seen = BTreeSet::new();
    let mut sizes = BTreeSet::new();
    for whole in messages("openssh", "replies") {
        let mut stream = Stream::new();
        stream.push(&whole);
        let Reply::Answer { answer, .. } = stream.next().unwrap().unwrap().reply().unwrap() else { continue };
        match answer {
            Answer::Names { names } => {
                for (file, line, attributes) in names.iter() {
                    assert!(line.ends_with(file));
                    seen.insert(String::from_utf8_lossy(file).into_owned());
                    sizes.extend(attributes.size);
                }
            }
            Answer::Data { data } => assert_eq!(data.0, b"0123456789".repeat(30)),
            Answer::Status { code: status::NO_SUCH_FILE, message } => assert_eq!(message, b"No such file"),
            _ => {}
        }
    }
    for file in ["file", "..", "copied", "hard", "soft", "synced", "old"] {
        assert!(seen.contains(file), "{file} of {seen:?}");
    }
    assert!(sizes.contains(&300) && sizes.contains(&6));
}

#[test]
fn a_message_that_is_cut_off_or_goes_on_is_none() {
    for client in CLIENTS {
        for (way, read) in [("requests", request as fn(&[u8]) -> _), ("replies", reply)] {
            for whole in messages(client, way) {
                let with_length =
                    |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat();
                let body = &whole[4..];
                for end in 1..body.len() {
                    let cut = with_length(&body[..end]);
                    // a VERSION may have less extensions, a STATUS no text; an extended reply is what it is
                    let may_end = match body[0] {
                        1 | 2 | 101 => end >= 5,
                        201 => end >= 5,
                        _ => false,
                    };
                    assert!(may_end || read(&cut).is_err(), "{client} {way} {body:?} {end}");
                }
                let longer = with_length(&[body, b"\0"].concat());
                assert_eq!(read(&longer).is_ok(), body[0] == 201, "{client} {way} {body:?}");
            }
        }
    }
}

/// `SYMLINK; OPEN` in one packet, and one message over many: what a packet holds says nothing of messages.
#[test]
fn messages_come_out_of_any_split_one_at_a_time() {
    let bytes = stream("openssh", "requests");
    let wanted = messages("openssh", "requests");
    for size in [1, 3, 7, 64, bytes.len()] {
        let mut stream = Stream::new();
        let mut found = Vec::new();
        for piece in bytes.chunks(size) {
            stream.push(piece);
            while let Some(message) = stream.next().unwrap() {
                found.push(message.whole().to_vec());
            }
        }
        assert_eq!(found, wanted, "{size}");
        assert_eq!(stream.held_bytes(), 0);
    }
}

#[test]
fn a_length_that_no_message_has_ends_the_stream_for_good() {
    for (length, error) in [
        (0, DecodeError::InvalidLength(0)),
        (u32::MAX, DecodeError::TooLong { limit: MESSAGE_BYTES }),
        (0x4_0001, DecodeError::TooLong { limit: MESSAGE_BYTES }),
    ] {
        let mut stream = Stream::new();
        stream.push(&messages("scp", "requests")[0]);
        stream.push(&length.to_be_bytes());
        assert!(stream.next().unwrap().is_some());
        assert_eq!(stream.next(), Err(error));
        stream.push(&messages("scp", "requests")[1]);
        assert_eq!(stream.next(), Err(error));
    }
    let mut stream = Stream::new();
    stream.push(&0x4_0000u32.to_be_bytes());
    assert_eq!(stream.next(), Ok(None));
    stream.push(&vec![201; MESSAGE_BYTES - 1]);
    assert_eq!(stream.next(), Ok(None));
    stream.push(&[201]);
    assert!(stream.next().unwrap().is_some_and(|message| message.whole().len() == MESSAGE_BYTES + 4));
    assert_eq!(stream.next(), Ok(None));
}

#[test]
fn counts_that_lie_and_flags_that_nobody_knows_are_refused() {
    let many = [&[104][..], &[0; 4], &u32::MAX.to_be_bytes()].concat();
    let with_length = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat();
    assert_eq!(reply(&with_length(&many)), Err(DecodeError::Truncated { wanted: 4, left: 0 }));
    let stat = |flags: u32, rest: &[u8]| {
        let body = [&[105][..], &[0; 4], &flags.to_be_bytes(), rest].concat();
        reply(&with_length(&body))
    };
    assert!(stat(0, &[]).is_ok());
    assert_eq!(stat(16, &[]), Err(DecodeError::InvalidLength(16)));
    assert_eq!(stat(0x8000_0000, &65u32.to_be_bytes()), Err(DecodeError::TooLong { limit: 64 }));
    assert!(
        stat(0x8000_0000, &[0, 0, 0, 1, 0, 0, 0, 1, b'a', 0, 0, 0, 0]).unwrap().contains("is_extended: true")
    );
    let handle = [&[4][..], &[0; 4], &257u32.to_be_bytes(), &[0; 257]].concat();
    assert_eq!(request(&with_length(&handle)), Err(DecodeError::TooLong { limit: 256 }));
    let version = [&[2, 0, 0, 0, 3][..], &[0; 8 * 129]].concat();
    assert_eq!(reply(&with_length(&version)), Err(DecodeError::TooLong { limit: 128 }));
    let version = [&[2, 0, 0, 0, 3][..], &[0; 8 * 128]].concat();
    assert!(reply(&with_length(&version)).is_ok());
}

#[test]
fn what_is_not_known_stays_readable_to_be_refused() {
    let link = b"\0\0\0\x07\x15\0\0\0\x09ab";
    assert_eq!(request(link).unwrap(), "Ask { id: 9, ask: Other { kind: 21 } }");
    assert!(
        request(b"\0\0\0\x0b\xc8\0\0\0\x09\0\0\0\x01x.").is_ok_and(|shown| shown.contains("OtherExtended"))
    );
    // a server's message from a client is nothing that it may ask; a client's from a server is an error
    assert!(request(b"\0\0\0\x05\x65\0\0\0\x09").unwrap().contains("Other { kind: 101 }"));
    assert_eq!(reply(b"\0\0\0\x05\x03\0\0\0\x09"), Err(DecodeError::InvalidLength(3)));
}

#[test]
fn a_version_loses_what_nobody_decides() {
    let ours = messages("openssh", "replies")[0].clone();
    let more = [&ours[4..], b"\0\0\0\x0fx@openssh.com.z\0\0\0\x011\0\0\0\x09vendor-id\0\0\0\0"].concat();
    let whole = [&u32::try_from(more.len()).unwrap().to_be_bytes()[..], &more].concat();
    let mut stream = Stream::new();
    stream.push(&whole);
    let Reply::Version { version: 3, extensions } = stream.next().unwrap().unwrap().reply().unwrap() else {
        panic!("no VERSION");
    };
    assert_eq!(extensions.iter().count(), EXTENDED.len() + 2);
    let mut out = Vec::new();
    say::version(&mut out, 3, extensions);
    assert_eq!(out, ours, "what OpenSSH itself offers is all known");
}

#[test]
fn a_refusal_is_a_status_with_its_reason() {
    let mut out = Vec::new();
    say::status(&mut out, 7, status::PERMISSION_DENIED, "not granted: sftp write /etc");
    let mut stream = Stream::new();
    stream.push(&out);
    let message = stream.next().unwrap().unwrap();
    let answer = Answer::Status { code: 3, message: b"not granted: sftp write /etc" };
    assert_eq!(message.reply(), Ok(Reply::Answer { id: 7, answer }));
    // a server may leave its words out
    let answer = Answer::Status { code: 3, message: b"" };
    stream.push(b"\0\0\0\x09\x65\0\0\0\x07\0\0\0\x03");
    assert_eq!(stream.next().unwrap().unwrap().reply(), Ok(Reply::Answer { id: 7, answer }));
}

#[test]
fn flags_that_nobody_knows_write() {
    for (flags, reads, writes) in
        [(0, false, false), (1, true, false), (3, true, true), (0x40, false, true), (9, true, true)]
    {
        assert_eq!((Flags(flags).reads(), Flags(flags).writes()), (reads, writes), "{flags}");
    }
}

#[test]
fn what_is_in_a_file_is_not_in_debug() {
    for whole in messages("openssh", "requests") {
        assert!(!request(&whole).unwrap().contains("48, 49, 50, 51"), "{whole:?}");
    }
    let mut stream = Stream::new();
    stream.push(b"\0\0\0\x05\x01secr");
    assert_eq!(format!("{stream:?}"), "Stream { held_bytes: 9 }");
    assert_eq!(format!("{:?}", stream.next().unwrap().unwrap()), "Message { kind: Some(1), bytes: 9 }");
}

proptest! {
    #[test]
    fn splits_do_not_change_what_comes_out(cuts: Vec<usize>, client in 0usize..4, is_reply: bool) {
        let way = if is_reply { "replies" } else { "requests" };
        let bytes = stream(CLIENTS[client], way);
        let mut stream = Stream::new();
        let mut found = Vec::new();
        for piece in pieces(&bytes, &cuts) {
            stream.push(piece);
            while let Some(message) = stream.next().unwrap() {
                found.push(message.whole().to_vec());
            }
        }
        prop_assert_eq!(found, messages(CLIENTS[client], way));
    }

    #[test]
    fn no_bytes_make_a_reader_fall_over(cuts: Vec<usize>, bytes: Vec<u8>, at: usize, is_reply: bool) {
        let mut sent = stream("asyncssh", if is_reply { "replies" } else { "requests" });
        let at = at % sent.len();
        let end = (at + bytes.len()).min(sent.len());
        sent.splice(at..end, bytes);
        let mut stream = Stream::new();
        for piece in pieces(&sent, &cuts) {
            stream.push(piece);
            while let Ok(Some(message)) = stream.next() {
                let _ = message.request();
                if let Ok(Reply::Answer { answer: Answer::Names { names }, .. }) = message.reply() {
                    prop_assert!(names.iter().count() <= message.whole().len());
                }
            }
        }
    }
}
