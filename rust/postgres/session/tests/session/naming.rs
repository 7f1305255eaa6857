//! The statement that the recording gives to a Bind or Execute is the one that the target ran, or none: against a
//! model of the server's own tables of names, whatever is sent, skipped, failed or eaten, and however it comes.

use std::collections::HashMap;

use hoopwire_postgres_policy::Actions;
use hoopwire_testkit::messages::{first, framed};
use proptest::prelude::*;

use crate::link::check::Entry;
use crate::server::{Peer, error, query, ready};

/// What a principal sends. Numbers choose among few names, so that they meet.
#[derive(Clone, Debug)]
enum Request {
    Parse(u8, &'static str),
    Bind(u8, u8),
    Close(u8),
    Execute(u8),
    Sync,
    Query(&'static str),
    CopyDone,
}

const STATEMENTS: [&str; 3] = ["", "a", "b"];
const PORTALS: [&str; 2] = ["", "p"];

fn name<'a>(names: &[&'a str], which: u8) -> &'a str {
    names[usize::from(which) % names.len()]
}

fn encode(request: &Request) -> Vec<u8> {
    match *request {
        Request::Parse(at, text) => {
            framed(b'P', format!("{}\0{text}\0\0\0", name(&STATEMENTS, at)).as_bytes())
        }
        Request::Bind(portal, at) => {
            let body = format!("{}\0{}\0\0\0\0\0\0\0", name(&PORTALS, portal), name(&STATEMENTS, at));
            framed(b'B', body.as_bytes())
        }
        Request::Close(at) if at % 5 < 3 => framed(b'C', format!("S{}\0", name(&STATEMENTS, at)).as_bytes()),
        Request::Close(at) => framed(b'C', format!("P{}\0", name(&PORTALS, at)).as_bytes()),
        Request::Execute(portal) => framed(b'E', format!("{}\0\0\0\0\0", name(&PORTALS, portal)).as_bytes()),
        Request::Sync => framed(b'S', b""),
        Request::Query(text) => query(text),
        Request::CopyDone => framed(b'c', b""),
    }
}

/// A statement's number, and whether it takes COPY data.
type Made = (u64, bool);

/// PostgreSQL's tables of names, and what happens to them (`exec_parse_message` and its neighbours).
#[derive(Default)]
struct Model {
    statements: HashMap<String, Made>,
    portals: HashMap<String, Made>,
    /// Numbers as the gateway gives them: each Parse and Query has the next.
    last_no: u64,
    in_transaction: bool,
    failed: bool,
    skipping: bool,
    /// Takes COPY data: begun by a Query, or by an Execute.
    copying: Option<u8>,
    /// For each Bind and Execute, the statement that it ran; `None` if it did not run.
    ran: Vec<Option<u64>>,
}

impl Model {
    fn ready(&mut self) -> Vec<u8> {
        if !self.in_transaction {
            self.portals.clear();
        }
        ready(self.in_transaction, self.failed)
    }

    fn error(&mut self) -> Vec<u8> {
        self.failed = self.in_transaction;
        self.portals.clear();
        error("42601")
    }

    fn handle(&mut self, tag: u8, body: &[u8]) -> Vec<u8> {
        let fields: Vec<String> =
            body.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        // what stands for a refused request has no number
        let is_refused = tag == b'P' && fields[1].starts_with("hoopwire:");
        if matches!(tag, b'P' | b'Q') && !is_refused {
            self.last_no += 1;
        }
        if matches!(tag, b'B' | b'E') {
            self.ran.push(None);
        }
        if let Some(begun_by) = self.copying.filter(|_| !matches!(tag, b'S' | b'H' | b'd')) {
            self.copying = None;
            let done = if tag == b'c' { framed(b'C', b"COPY 0\0") } else { self.error() };
            if begun_by == b'Q' {
                return [done, self.ready()].concat();
            }
            self.skipping = tag != b'c';
            return done;
        }
        if self.copying.is_some() {
            return Vec::new();
        }
        match tag {
            b'S' => {
                self.skipping = false;
                self.ready()
            }
            _ if self.skipping => Vec::new(),
            b'Q' => self.query(&fields[0]),
            b'c' => Vec::new(),
            _ => match self.extended(tag, &fields) {
                Some(reply) => reply,
                None => {
                    self.skipping = true;
                    self.error()
                }
            },
        }
    }

    fn query(&mut self, text: &str) -> Vec<u8> {
        self.statements.remove("");
        let reply = match text {
            "begin" => {
                self.in_transaction = true;
                framed(b'C', b"BEGIN\0")
            }
            "commit" => {
                (self.in_transaction, self.failed) = (false, false);
                framed(b'C', b"COMMIT\0")
            }
            _ if self.failed => self.error(),
            "prepare" => {
                // DEALLOCATE a; PREPARE a ...
                self.statements.insert("a".to_owned(), (0, false));
                framed(b'C', b"PREPARE\0")
            }
            "copyin" => {
                self.copying = Some(b'Q');
                return framed(b'G', b"\0\0\0");
            }
            _ => self.error(),
        };
        [reply, self.ready()].concat()
    }

    fn extended(&mut self, tag: u8, fields: &[String]) -> Option<Vec<u8>> {
        if self.failed && tag != b'C' {
            return None;
        }
        match tag {
            b'P' => {
                let (name, text) = (&fields[0], &fields[1]);
                if name.is_empty() {
                    self.statements.remove("");
                }
                if text == "nonsense" || text.starts_with("hoopwire:") || self.statements.contains_key(name) {
                    return None;
                }
                self.statements.insert(name.clone(), (self.last_no, text == "copyin"));
                Some(framed(b'1', b""))
            }
            b'B' => {
                let (portal, name) = (&fields[0], &fields[1]);
                let made = *self.statements.get(name)?;
                if !portal.is_empty() && self.portals.contains_key(portal) {
                    return None;
                }
                self.portals.insert(portal.clone(), made);
                *self.ran.last_mut()? = Some(made.0);
                Some(framed(b'2', b""))
            }
            b'E' => {
                let (no, copies) = *self.portals.get(&fields[0])?;
                *self.ran.last_mut()? = Some(no);
                if copies {
                    self.copying = Some(b'E');
                    return Some(framed(b'G', b"\0\0\0"));
                }
                Some(framed(b'C', b"SELECT 0\0"))
            }
            _ => {
                let (kind, name) = fields[0].split_at(1);
                match kind {
                    "S" => self.statements.remove(name),
                    _ => self.portals.remove(name),
                };
                Some(framed(b'3', b""))
            }
        }
    }
}

/// Who moves next, by how many bytes; the principal first.
type Step = (usize, usize);

/// For each Bind and Execute, the statement that the recording names and the one that ran.
fn run(script: &[Request], steps: &[Step]) -> Vec<(u64, Option<u64>)> {
    let mut peer = Peer::ready(Actions::QUERY);
    let mut model = Model::default();
    let said: Vec<u8> = script.iter().flat_map(encode).chain(encode(&Request::Sync)).collect();
    let (mut arrived, mut said, mut replies) = (peer.link.up.len(), &said[..], Vec::new());
    for (sent, heard) in steps.iter().cycle() {
        let (now, later) = said.split_at(said.len().min(*sent));
        said = later;
        if !now.is_empty() {
            peer.link.principal(now);
        }
        while let Some(((tag, body), after)) = first(&peer.link.up[arrived..]) {
            arrived = peer.link.up.len() - after.len();
            replies.extend(model.handle(tag, &body));
        }
        let some: Vec<u8> = replies.drain(..replies.len().min(*heard)).collect();
        if !some.is_empty() {
            peer.link.target(&some);
        }
        if peer.link.session.is_closed() || (said.is_empty() && replies.is_empty()) {
            break;
        }
    }
    if peer.link.session.is_closed() {
        // a COPY ate what was sent for a name, before that could be known: the end says so
        return Vec::new();
    }
    let entries = peer.link.ledger.entries.iter();
    let told = entries.filter_map(|entry| match entry {
        Entry::Bind { no, .. } | Entry::Execute { no } => Some(*no),
        _ => None,
    });
    told.zip(model.ran).collect()
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        3 => any::<u8>().prop_map(|at| Request::Parse(at, "select")),
        1 => any::<u8>().prop_map(|at| Request::Parse(at, "nonsense")),
        1 => any::<u8>().prop_map(|at| Request::Parse(at, "copyin")),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(portal, at)| Request::Bind(portal, at)),
        2 => any::<u8>().prop_map(Request::Close),
        3 => any::<u8>().prop_map(Request::Execute),
        3 => Just(Request::Sync),
        2 => prop_oneof![
            Just("begin"), Just("commit"), Just("fail"), Just("prepare"), Just("copyin")
        ].prop_map(Request::Query),
        1 => Just(Request::CopyDone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_statement_named_is_the_one_that_ran(
        script in proptest::collection::vec(request(), 1..40),
        steps in proptest::collection::vec((1_usize..60, 0_usize..60), 1..20),
    ) {
        // or nothing would ever come
        let steps: Vec<Step> = steps.into_iter().chain([(7, 9)]).collect();
        for (told, ran) in run(&script, &steps) {
            // what SQL prepared (0) is seen by its answer
            let fits = |ran| told == ran || ran == 0;
            prop_assert!(told == 0 || ran.is_none_or(fits), "told {told}, ran {ran:?}");
        }
    }

    #[test]
    fn who_waits_for_answers_is_told_exactly(
        script in proptest::collection::vec(request(), 1..40),
    ) {
        // each request, and all of its answers, before the next
        let mut sizes = script.iter().map(|request| (encode(request).len(), usize::MAX)).collect::<Vec<Step>>();
        sizes.push((usize::MAX, usize::MAX));
        // behind a PREPARE in SQL no name is known
        let prepares = script.iter().any(|request| matches!(request, Request::Query("prepare")));
        for (told, ran) in run(&script, &sizes) {
            let is_unknown = prepares && told == 0;
            prop_assert!(is_unknown || ran.is_none_or(|ran| told == ran), "told {told}, ran {ran:?}");
        }
    }
}
