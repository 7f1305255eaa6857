//! What must hold for a whole session, whatever both sides send and whatever happens in between.
//!
//! The first byte of the input chooses where the session begins (even: at its first byte; odd: ready, with the
//! actions of the bits above, or with bit 6 under exact rights, masks and budgets), the second in which pieces the
//! bytes come. The rest is a script of steps.

use hoopwire_grant::{Fault, Party};
use std::time::Duration;

use hoopwire_grant::Budgets;
use hoopwire_postgres_policy::{Actions, Grant, Mask, MaskKind, Pattern, Rule, Rules, TestGrant};
use hoopwire_postgres_sql::Verbs;
use hoopwire_session::{Ending, Words};

#[path = "../link/mod.rs"]
mod link;

use link::Link;
use link::check::Entry;

const PASSWORD: &str = "eyJ.token.of-the-principal";
const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const STARTUP: &[u8] = b"\0\0\0\x20\0\x03\0\0user\0u\0database\0orders\0\0";
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0K\0\0\0\x0c\0\0\0\x01key!Z\0\0\0\x05I";
/// The same from a target that says how it reads, and what it says of its catalogue: `people` (OID 10) has a masked
/// column, number 2.
const EXACT_WELCOME: &[u8] =
    b"R\0\0\0\x08\0\0\0\0S\0\0\0\x19server_encoding\0UTF8\0S\0\0\0\x19client_encoding\0UTF8\0\
    S\0\0\0\x23standard_conforming_strings\0on\0K\0\0\0\x0c\0\0\0\x01key!Z\0\0\0\x05I";
const CATALOGUE: [&str; 3] = [
    "p|public||||||||",
    "c|public|people|public|people|10|1|id|23|f",
    "c|public|people|public|people|10|2|email|25|f",
];
const GSS_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";

/// Messages of a principal that a script can name by one byte.
const REQUESTS: [&[u8]; 18] = [
    b"Q\0\0\0\x0dselect 1\0",
    b"P\0\0\0\x0as\0t\0\0\0",
    b"P\0\0\0\x09\0t\0\0\0",
    b"B\0\0\0\x0c\0\0\0\0\0\0\0\0",
    b"D\0\0\0\x06S\0",
    b"E\0\0\0\x09\0\0\0\0\0",
    b"C\0\0\0\x06P\0",
    b"H\0\0\0\x04",
    b"S\0\0\0\x04",
    b"F\0\0\0\x0e\0\0\x07\xd0\0\0\0\0\0\0",
    b"d\0\0\0\x06x\n",
    b"c\0\0\0\x04",
    b"f\0\0\0\x07no\0",
    b"X\0\0\0\x04",
    b"d\0\0\0\x04",
    b"B\0\0\0\x13p\0s\0\0\0\0\x01\0\0\0\x01v\0\0",
    b"Q\0\0\0\x1dselect email from people\0",
    b"P\0\0\0\x20\0select email from people\0\0\0",
];

/// Messages of a target that a script can name by one byte.
const REPLIES: [&[u8]; 25] = [
    b"1\0\0\0\x04",
    b"2\0\0\0\x04",
    b"3\0\0\0\x04",
    b"n\0\0\0\x04",
    b"s\0\0\0\x04",
    b"I\0\0\0\x04",
    b"t\0\0\0\x0a\0\x01\0\0\0\x17",
    b"T\0\0\0\x06\0\0",
    b"D\0\0\0\x0b\0\x01\0\0\0\x011",
    b"D\0\0\0\x04",
    b"C\0\0\0\x0dSELECT 1\0",
    b"Z\0\0\0\x05I",
    b"Z\0\0\0\x05T",
    b"Z\0\0\0\x05E",
    b"E\0\0\0\x13SERROR\0C42601\0\0",
    b"N\0\0\0\x0cSNOTICE\0",
    b"A\0\0\0\x0c\0\0\0\x01c\0p\0",
    b"S\0\0\0\x0aname\0\0",
    b"G\0\0\0\x07\0\0\0",
    b"H\0\0\0\x07\0\0\0",
    b"W\0\0\0\x07\0\0\0",
    b"d\0\0\0\x06x\n",
    b"c\0\0\0\x04",
    b"V\0\0\0\x08\xff\xff\xff\xff",
    // a masked column, and a row of it
    b"T\0\0\0\x1a\0\x01e\0\0\0\0\x0a\0\x02\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0D\0\0\0\x14\0\x01\0\0\0\x0atop-secret",
];

pub(crate) fn check(input: &[u8]) {
    let [mode, split, script @ ..] = input else { return };
    let whole = run(*mode, usize::MAX, script);
    check_inside(&whole.link);
    check_masks(*mode, &whole.link);
    let pieces = run(*mode, usize::from(*split) + 1, script);
    // requests for encryption look at what came with them, and time at when it came
    if mode % 2 == 1 && whole.comparable && pieces.comparable {
        assert!(whole.link.down == pieces.link.down, "the principal got other bytes in pieces");
        assert!(whole.link.up == pieces.link.up, "the target got other bytes in pieces");
        assert_eq!(statements(&whole.link), statements(&pieces.link));
    }
}

fn statements(link: &Link) -> Vec<&Entry> {
    let kept = |entry: &&Entry| {
        matches!(entry, Entry::Statement { .. } | Entry::Execute { .. } | Entry::Request { .. })
    };
    link.ledger.entries.iter().filter(kept).collect()
}

struct Run {
    link: Link,
    comparable: bool,
    /// Most bytes in one call.
    size: usize,
    said_bytes: usize,
}

impl Run {
    fn say(&mut self, upstream: bool, bytes: &[u8]) {
        // a long message in single bytes would only take time
        for piece in bytes.chunks(self.size.max(bytes.len() / 128).max(1)) {
            // as the engine does: who owes nothing is not read
            if !upstream && self.link.session.holds_principal() {
                self.comparable = false;
                return;
            }
            self.said_bytes += piece.len();
            if upstream {
                self.link.target(piece)
            } else {
                self.link.principal(piece)
            }
            // What waits goes up when the target owes nothing: replies that come too early, in the same piece, are of
            // nobody then, and in the next one they answer what has gone up meanwhile.
            self.comparable &= !self.link.session.holds_principal();
        }
    }
}

fn run(mode: u8, size: usize, script: &[u8]) -> Run {
    let mut run = Run { link: Link::new(), comparable: true, size, said_bytes: 0 };
    if mode % 2 == 1 {
        run.link.principal(SSL_REQUEST);
        run.link.tls();
        run.link.principal(STARTUP);
        run.link.principal(&password());
        let exact = mode & 0x40 != 0;
        let grant = run.link.grant(actions((mode >> 1) ^ 1));
        run.link.admit(if exact { with_rights(grant) } else { grant });
        run.link.dialed(None);
        run.link.target(if exact { EXACT_WELCOME } else { WELCOME });
        if exact {
            run.link.target(&catalogue());
        }
        assert!(run.link.session.is_ready());
    }
    let mut rest = script;
    while let Some((&op, after)) = rest.split_first() {
        rest = step(&mut run, op, after);
    }
    let outgoing = run.link.down.len() + run.link.up.len();
    assert!(outgoing <= 64 * 1024 + 512 * run.said_bytes, "{outgoing} bytes out of {}", run.said_bytes);
    run
}

/// What a session holds is limited, and what it holds of a secret is not shown.
fn check_inside(link: &Link) {
    let inside = format!("{:?}", link.session);
    assert!(inside.len() < 16 << 20, "a session holds {} characters", inside.len());
    assert!(!inside.contains(PASSWORD), "a secret is in Debug");
}

/// Under masks, a cell that the target described as masked never goes down as it is.
fn check_masks(mode: u8, link: &Link) {
    if mode & 0x41 != 0x41 {
        return;
    }
    // behind the one byte that answers the request for encryption
    let mut rest = link.down.get(1..).unwrap_or_default();
    while let Some((tag, body, after)) = first(rest) {
        let shows =
            matches!(tag, b'D' | b'd' | b'E' | b'N') && body.windows(10).any(|part| part == b"top-secret");
        assert!(!shows, "a masked value was delivered");
        rest = after;
    }
}

/// Type and body of a whole message at the beginning, and what follows it.
fn first(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let length = u32::from_be_bytes(bytes.get(1..5)?.try_into().unwrap());
    let end = usize::try_from(length).unwrap() + 1;
    Some((bytes[0], bytes.get(5..end)?, &bytes[end..]))
}

/// One step of the script; gives what is left of it.
fn step<'s>(run: &mut Run, op: u8, rest: &'s [u8]) -> &'s [u8] {
    let upstream = op & 0x80 != 0;
    let (arg, after) = rest.split_first().map_or((0, rest), |(arg, after)| (*arg, after));
    let link = &mut run.link;
    match op & 0x1f {
        // bytes as they are
        0 => {
            let (bytes, after) = after.split_at(after.len().min(usize::from(arg)));
            run.say(upstream, bytes);
            return after;
        }
        // a message with the body that follows; its length word may be off by one or much too great
        1 | 2 => {
            let (tag, after) = after.split_first().map_or((b'Q', after), |(tag, after)| (*tag, after));
            let (body, after) = after.split_at(after.len().min(usize::from(arg)));
            let more = [0, 1, 70_000, 0x3fff_0000][usize::from(op >> 5 & 3)];
            let length = (u32::from(arg) + 4 + more).to_be_bytes();
            run.say(upstream, &[&[tag][..], &length, body].concat());
            return after;
        }
        // a message that has a name, some times over
        3..=8 => {
            let named: &[u8] =
                if upstream { REPLIES[usize::from(arg) % 25] } else { REQUESTS[usize::from(arg) % 18] };
            run.say(upstream, &named.repeat(1 + usize::from(op >> 5 & 3) * 20));
        }
        // a long message
        9 => run.say(upstream, &long(arg, usize::from(op >> 5 & 3) * 30_000)),
        // more of a long message
        10 => run.say(upstream, &vec![arg; 1 + usize::from(op >> 5 & 3) * 30_000]),
        // the way in
        11 => {
            let packet = [SSL_REQUEST, GSS_REQUEST, STARTUP, &password()][usize::from(arg) % 4].to_vec();
            run.say(false, &packet);
        }
        12 => link.tls(),
        13 => {
            let grant = link.grant(actions(arg));
            link.admit(grant);
        }
        14 => link.dialed((arg % 2 == 1).then_some(PASSWORD)),
        15 => run.say(true, WELCOME),
        // what happens in between
        16 => {
            run.comparable = false;
            link.wait(Duration::from_secs(u64::from(arg)));
        }
        17 => {
            run.comparable = false;
            link.now += Duration::from_secs(u64::from(arg));
        }
        18 => {
            let mut grant = link.grant(actions(arg));
            grant.deadline += Duration::from_secs(u64::from(arg));
            let before = link.session.grant().map(|grant| grant.deadline);
            link.call(|session, turn| session.handle_regrant(grant, "policy changed", turn));
            let now = link.session.grant().map(|grant| grant.deadline);
            assert!(now.is_none() || now <= before, "a new grant extended the session");
        }
        19 => {
            run.comparable = false;
            link.call(|session, turn| session.handle_drain(turn));
        }
        20 => link.call(|session, turn| session.handle_shutdown(turn)),
        21 => link.eof(upstream),
        22 => link.call(|session, turn| session.handle_cancel("192.0.2.1:5001", turn)),
        23 => {
            link.end(Ending::faulty(Party::Operator, Fault::Ended, "ended", Words::new("ended")));
        }
        24 => {
            let alpn = [None, Some(&b"postgresql"[..]), Some(b"h2")][usize::from(arg) % 3];
            link.call(|session, turn| session.handle_tls(upstream, alpn, turn));
        }
        _ => {}
    }
    after
}

fn password() -> Vec<u8> {
    let length = u32::try_from(PASSWORD.len() + 5).unwrap().to_be_bytes();
    [b"p", &length[..], PASSWORD.as_bytes(), b"\0"].concat()
}

fn long(tag: u8, body_bytes: usize) -> Vec<u8> {
    let length = u32::try_from(body_bytes + 4).unwrap().to_be_bytes();
    [&[tag][..], &length, &vec![0; body_bytes]].concat()
}

fn with_rights(grant: Grant) -> Grant {
    let any = Pattern { schema: "public".into(), name: "*".into() };
    let rule = Rule { verbs: Verbs::SELECT, objects: vec![any], except: Vec::new() };
    let path = vec!["public".to_owned()];
    let rights = Rules { allow: vec![rule], search_path: path, read_only: true, ..Rules::default() };
    let mask = Mask {
        schema: "public".into(),
        relation: "people".into(),
        column: "email".into(),
        kind: MaskKind::Hash,
        compare: false,
    };
    let mut grant = grant.with_rules(rights);
    grant.rights.masks = vec![mask].into();
    grant.budgets = Budgets { rows: Some(50), statements: Some(60), ..Budgets::default() };
    grant
}

fn catalogue() -> Vec<u8> {
    let row = |line: &&str| {
        let mut body = 10_u16.to_be_bytes().to_vec();
        for field in line.split('|') {
            body.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
            body.extend(field.as_bytes());
        }
        [b"D", &u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], &body].concat()
    };
    let end = b"C\0\0\0\x0bSELECT\x003\0\0\0\x043\0\0\0\x04Z\0\0\0\x05I";
    [b"1\0\0\0\x042\0\0\0\x04", &CATALOGUE.iter().flat_map(row).collect::<Vec<_>>()[..], end].concat()
}

fn actions(bits: u8) -> Actions {
    let all = [Actions::QUERY, Actions::FUNCTION_CALL, Actions::REPLICATION];
    let held = all.into_iter().enumerate().filter(|(bit, _)| bits & 1 << bit != 0);
    held.fold(Actions::default(), |set, (_, action)| set.with(action))
}
