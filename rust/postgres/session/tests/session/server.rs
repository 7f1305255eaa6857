//! A target that behaves: PostgreSQL's message flow over a handful of statements, on the other end of a link.
//! Like the server it keeps replies to the extended protocol back until Sync or Flush.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use hoopwire_postgres_policy::{Actions, Grant, Rules, TestGrant};
use hoopwire_testkit::backend::{Backend, Method};
use hoopwire_testkit::messages::{first, framed, startup};

use crate::link::Link;

pub(crate) const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
pub(crate) const PASSWORD: &str = "eyJ.token.of-the-principal";
pub(crate) const LEASE: &str = "secret of the lease";

/// How the statement begins that the gateway sends in place of a refused one.
const REFUSED: &str = "hoopwire:";

/// A link with a target on its other end.
pub(crate) struct Peer {
    pub(crate) link: Link,
    pub(crate) backend: Backend,
    /// Upstream bytes that the target has.
    arrived: usize,
    /// The target's bytes that are not delivered yet.
    pub(crate) replies: Vec<u8>,
    seen: usize,
}

impl Peer {
    pub(crate) fn new(link: Link, method: Method) -> Peer {
        Peer::with_catalogue(link, method, Rc::default())
    }

    /// `catalogue` is what the target answers when the gateway asks for it: rows of text, fields split at `|`.
    pub(crate) fn with_catalogue(link: Link, method: Method, catalogue: Rc<RefCell<String>>) -> Peer {
        let mut server = Server { catalogue, ..Server::default() };
        let backend = Backend::new(method, LEASE, move |tag, body| server.handle(tag, body));
        Peer { link, backend, arrived: 0, replies: Vec::new(), seen: 0 }
    }

    /// A session that has its grant and is ready.
    pub(crate) fn ready(actions: Actions) -> Peer {
        Peer::ready_with(actions, |_| {})
    }

    pub(crate) fn ready_with(actions: Actions, change: impl FnOnce(&mut Grant)) -> Peer {
        Peer::on(asking(&[("user", "u"), ("database", "orders")]), actions, change)
    }

    /// On a link that waits for its grant.
    pub(crate) fn ready_on(link: Link, actions: Actions) -> Peer {
        Peer::on(link, actions, |_| {})
    }

    fn on(link: Link, actions: Actions, change: impl FnOnce(&mut Grant)) -> Peer {
        let mut peer = Peer::new(link, Method::Trust);
        let mut grant = peer.link.grant(actions);
        change(&mut grant);
        peer.link.admit(grant);
        peer.link.dialed(Some(LEASE));
        peer.pump();
        assert!(peer.link.session.is_ready());
        peer.seen = peer.link.down.len();
        peer
    }

    /// A session under exact rights that is ready, with a catalogue that the test may change.
    pub(crate) fn exact(
        rights: Rules,
        catalogue: &str,
        change: impl FnOnce(&mut Grant),
    ) -> (Peer, Rc<RefCell<String>>) {
        let catalogue = Rc::new(RefCell::new(catalogue.to_owned()));
        let link = asking(&[("user", "u"), ("database", "orders")]);
        let mut peer = Peer::with_catalogue(link, Method::Trust, Rc::clone(&catalogue));
        let mut grant = peer.link.grant(Actions::default()).with_rules(rights);
        change(&mut grant);
        peer.link.admit(grant);
        peer.link.dialed(Some(LEASE));
        peer.pump();
        peer.seen = peer.link.down.len();
        (peer, catalogue)
    }

    /// Lets the target take what went up.
    pub(crate) fn ship(&mut self) {
        let reply = self.backend.handle(&self.link.up[self.arrived..]);
        self.arrived = self.link.up.len();
        self.replies.extend(reply);
    }

    /// Delivers up to `bytes` of what the target said.
    pub(crate) fn deliver(&mut self, bytes: usize) {
        let some: Vec<u8> = self.replies.drain(..bytes.min(self.replies.len())).collect();
        if !some.is_empty() {
            self.link.target(&some);
        }
    }

    /// Both until nothing moves any more.
    pub(crate) fn pump(&mut self) {
        loop {
            self.ship();
            if self.replies.is_empty() {
                break;
            }
            self.deliver(usize::MAX);
        }
    }

    /// The principal says something, and all answers come.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> String {
        self.link.principal(bytes);
        self.pump();
        self.news()
    }

    /// The types of the messages that the principal got since the last look; of a ReadyForQuery with the
    /// status (`Z:T`), of an error with the SQLSTATE (`E:42501`).
    pub(crate) fn news(&mut self) -> String {
        let mut words = Vec::new();
        let mut rest = &self.link.down[self.seen..];
        while let Some(((tag, body), after)) = first(rest) {
            words.push(match tag {
                b'Z' => format!("Z:{}", char::from(body[0])),
                b'E' => format!("E:{}", field(&body, b'C')),
                tag => char::from(tag).to_string(),
            });
            rest = after;
        }
        self.seen = self.link.down.len() - rest.len();
        words.join(" ")
    }

    /// A field of the last error that the principal got.
    pub(crate) fn last_error(&self, wanted: u8) -> String {
        let mut rest = &self.link.down[..];
        // single bytes: the answers to requests for encryption
        while matches!(rest.first(), Some(b'S' | b'N')) && rest.get(1) != Some(&0) {
            rest = &rest[1..];
        }
        let mut error = None;
        while let Some(((tag, body), after)) = first(rest) {
            if tag == b'E' {
                error = Some(body);
            }
            rest = after;
        }
        field(&error.expect("an error came"), wanted)
    }
}

/// A session that has said who it is and waits for its grant.
pub(crate) fn asking(params: &[(&str, &str)]) -> Link {
    let mut link = Link::new();
    link.principal(SSL_REQUEST);
    link.tls();
    link.principal(&startup(0, params));
    link.principal(&framed(b'p', format!("{PASSWORD}\0").as_bytes()));
    link
}

/// A field of an ErrorResponse or NoticeResponse.
pub(crate) fn field(body: &[u8], wanted: u8) -> String {
    let mut fields = body.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let found = fields.find(|field| field[0] == wanted).map(|field| &field[1..]);
    String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
}

pub(crate) fn query(text: &str) -> Vec<u8> {
    framed(b'Q', format!("{text}\0").as_bytes())
}

pub(crate) fn parse(name: &str, text: &str) -> Vec<u8> {
    framed(b'P', format!("{name}\0{text}\0\0\x01\0\0\0\x17").as_bytes())
}

/// Of the unnamed portal, one text parameter.
pub(crate) fn bind(name: &str, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    framed(b'B', &[b"\0", name.as_bytes(), b"\0\0\0\0\x01", &length, value, b"\0\0"].concat())
}

pub(crate) fn describe(name: &str) -> Vec<u8> {
    framed(b'D', format!("S{name}\0").as_bytes())
}

pub(crate) fn execute() -> Vec<u8> {
    framed(b'E', b"\0\0\0\0\0")
}

pub(crate) fn sync() -> Vec<u8> {
    framed(b'S', b"")
}

/// FunctionCall of `oid` without arguments.
pub(crate) fn call() -> Vec<u8> {
    framed(b'F', b"\0\0\x07\xd0\0\0\0\0\0\0")
}

fn row(value: &[u8]) -> Vec<u8> {
    framed(b'D', &[b"\0\x01", &u32::try_from(value.len()).unwrap().to_be_bytes()[..], value].concat())
}

fn row_description() -> Vec<u8> {
    framed(b'T', b"\0\x01?column?\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0")
}

fn complete(tag: &str) -> Vec<u8> {
    framed(b'C', format!("{tag}\0").as_bytes())
}

/// A row of the catalogue; an empty field is NULL.
fn row_of_fields(line: &str) -> Vec<u8> {
    let fields: Vec<&str> = line.split('|').collect();
    let mut body = u16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
    for field in fields {
        let length = if field.is_empty() { -1 } else { i32::try_from(field.len()).unwrap() };
        body.extend(length.to_be_bytes());
        body.extend(field.as_bytes());
    }
    framed(b'D', &body)
}

/// The relation `people` (OID 10): id, email. `columns` is a number of rows, such as `*3`.
fn people(columns: &str, simple: bool) -> Vec<u8> {
    let count: usize = columns.trim_start_matches('*').parse().unwrap_or(1);
    let described = if simple { described_people(columns) } else { Vec::new() };
    let rows = (0..count).flat_map(|i| row_of_fields(&format!("{i}|bob{i}@example.org")));
    [described, rows.collect(), complete(&format!("SELECT {count}"))].concat()
}

fn described_people(_: &str) -> Vec<u8> {
    let column = |name: &str, attnum: u8, oid: u8| {
        let rest = [0, 0, 0, 10, 0, attnum, 0, 0, 0, oid, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0];
        [name.as_bytes(), b"\0", &rest].concat()
    };
    framed(b'T', &[&[0, 2][..], &column("id", 1, 23), &column("alias", 2, 25)].concat())
}

#[derive(Default)]
struct Server {
    in_transaction: bool,
    failed: bool,
    /// In COPY IN; the flag is for the extended protocol.
    copying: Option<bool>,
    /// After an error in the extended protocol.
    skipping: bool,
    statements: HashMap<Vec<u8>, String>,
    bound: String,
    /// Replies not flushed yet.
    kept: Vec<u8>,
    copied: Rc<Cell<usize>>,
    catalogue: Rc<RefCell<String>>,
}

impl Server {
    fn handle(&mut self, tag: u8, body: &[u8]) -> Vec<u8> {
        if let Some(extended) = self.copying {
            match tag {
                b'd' => self.copied.set(self.copied.get() + 1),
                b'c' => {
                    self.copying = None;
                    let done = complete(&format!("COPY {}", self.copied.take()));
                    return if extended { self.keep(done) } else { [done, self.ready()].concat() };
                }
                b'f' => {
                    self.copying = None;
                    self.copied.take();
                    let error = self.error("57014");
                    return if extended { self.keep_error(error) } else { [error, self.ready()].concat() };
                }
                b'S' | b'H' => {}
                other => panic!("message {} during COPY", char::from(other)),
            }
            return Vec::new();
        }
        match tag {
            b'S' => {
                self.skipping = false;
                let ready = self.ready();
                [std::mem::take(&mut self.kept), ready].concat()
            }
            _ if self.skipping => Vec::new(),
            b'H' => std::mem::take(&mut self.kept),
            b'Q' => {
                let text = String::from_utf8(body[..body.len() - 1].to_vec()).unwrap();
                let replies: Vec<u8> = text.split(';').flat_map(|text| self.run(text, true)).collect();
                let ready = if self.copying.is_some() { Vec::new() } else { self.ready() };
                [std::mem::take(&mut self.kept), replies, ready].concat()
            }
            // there is no function with OID 0: what stands for a refused call
            b'F' if body.starts_with(&[0; 4]) => {
                let error = self.error("42883");
                [std::mem::take(&mut self.kept), error, self.ready()].concat()
            }
            b'F' => [std::mem::take(&mut self.kept), framed(b'V', b"\0\0\0\x01x"), self.ready()].concat(),
            b'P' => {
                let mut words = body.split(|byte| *byte == 0);
                let name = words.next().unwrap().to_vec();
                let text = String::from_utf8(words.next().unwrap().to_vec()).unwrap();
                if text == "nonsense" || text.starts_with(REFUSED) {
                    let error = self.error("42601");
                    return self.keep_error(error);
                }
                self.statements.insert(name, text);
                self.keep(framed(b'1', b""))
            }
            b'B' => {
                let name = body.split(|byte| *byte == 0).nth(1).unwrap();
                self.bound = self.statements[name].clone();
                self.keep(framed(b'2', b""))
            }
            b'D' if body.starts_with(b"P") => {
                let text = self.bound.clone();
                let described = text.strip_prefix("select people").map(described_people);
                self.keep(described.unwrap_or_else(row_description))
            }
            b'D' => {
                let text = self.statements.get(&body[1..body.len() - 1]);
                let ends = text.is_some_and(|text| text.eq_ignore_ascii_case("rollback"));
                let rows = if ends { framed(b'n', b"") } else { row_description() };
                self.keep([framed(b't', b"\0\x01\0\0\0\x17"), rows].concat())
            }
            b'E' => {
                let text = self.bound.clone();
                let replies = self.run(&text, false);
                if self.failed || replies.first() == Some(&b'E') {
                    return self.keep_error(replies);
                }
                let at_once = self.copying.is_some();
                let replies = self.keep(replies);
                if at_once { std::mem::take(&mut self.kept) } else { replies }
            }
            b'C' => self.keep(framed(b'3', b"")),
            b'X' | b'd' | b'c' | b'f' => Vec::new(),
            other => panic!("message {}", char::from(other)),
        }
    }

    /// What the test says of it, and the search_path, which is as pinned unless the test says otherwise.
    fn catalogue_rows(&self) -> (Vec<String>, String) {
        let said = self.catalogue.borrow();
        let (paths, rows): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with("p|"));
        let path = paths.first().map_or("public", |line| &line[2..]);
        (rows.into_iter().map(str::to_owned).collect(), path.to_owned())
    }

    fn run(&mut self, text: &str, simple: bool) -> Vec<u8> {
        if text.starts_with(REFUSED) {
            return self.error("42601");
        }
        let failing = self.catalogue.borrow().strip_prefix('!').map(str::to_owned);
        if let Some(sqlstate) = failing
            && (text.starts_with("WITH snapshot") || text.starts_with("SELECT 'f'"))
        {
            return self.error(&sqlstate);
        }
        if text.starts_with("WITH snapshot") {
            let (rows, path) = self.catalogue_rows();
            let said = rows.join(" ").replace('|', ".");
            return [row_of_fields(&format!("w|{said}|{path}")), complete("SELECT")].concat();
        }
        if text.starts_with("SELECT 'f'") {
            let (rows, path) = self.catalogue_rows();
            let rows: Vec<u8> = rows.iter().flat_map(|line| row_of_fields(line)).collect();
            return [row_of_fields(&format!("p|{path}")), rows, complete("SELECT")].concat();
        }
        if let Some(columns) = text.strip_prefix("select people") {
            return people(columns, simple);
        }
        if text.to_ascii_lowercase().contains("rollback") {
            self.in_transaction = false;
            self.failed = false;
            return complete("ROLLBACK");
        }
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match verb {
            "begin" => {
                self.in_transaction = true;
                complete("BEGIN")
            }
            "commit" | "COMMIT;" => {
                self.in_transaction = false;
                self.failed = false;
                complete("COMMIT")
            }
            "fail" => self.error("22012"),
            "notify" => [framed(b'A', b"\0\0\0\x01channel\0payload\0"), complete("NOTIFY")].concat(),
            "notice" => [framed(b'N', b"SNOTICE\0C00000\0Mhello\0\0"), complete("DO")].concat(),
            "copyin" => {
                self.copying = Some(!simple);
                framed(b'G', b"\0\0\0")
            }
            "copyout" => {
                let rows: Vec<u8> =
                    (0..3).flat_map(|i| framed(b'd', format!("row {i}\n").as_bytes())).collect();
                [framed(b'H', b"\0\0\0"), rows, framed(b'c', b""), complete("COPY 3")].concat()
            }
            "big" => {
                let value = vec![b'x'; rest.parse().unwrap()];
                let described = if simple { row_description() } else { Vec::new() };
                [described, row(&value), complete("SELECT 1")].concat()
            }
            "" => framed(b'I', b""),
            _ => {
                let described = if simple { row_description() } else { Vec::new() };
                [described, row(b"1"), row(b"2"), complete("SELECT 2")].concat()
            }
        }
    }

    fn keep(&mut self, reply: Vec<u8>) -> Vec<u8> {
        self.kept.extend(reply);
        Vec::new()
    }

    /// An error is flushed at once; all up to the next Sync is skipped.
    fn keep_error(&mut self, error: Vec<u8>) -> Vec<u8> {
        self.skipping = true;
        self.kept.extend(error);
        std::mem::take(&mut self.kept)
    }

    fn error(&mut self, sqlstate: &str) -> Vec<u8> {
        self.failed = self.in_transaction;
        error(sqlstate)
    }

    fn ready(&self) -> Vec<u8> {
        ready(self.in_transaction, self.failed)
    }
}

/// ReadyForQuery.
pub(crate) fn ready(in_transaction: bool, failed: bool) -> Vec<u8> {
    framed(
        b'Z',
        if failed {
            b"E"
        } else if in_transaction {
            b"T"
        } else {
            b"I"
        },
    )
}

/// ErrorResponse of a statement.
pub(crate) fn error(sqlstate: &str) -> Vec<u8> {
    framed(b'E', format!("SERROR\0VERROR\0C{sqlstate}\0Mno\0\0").as_bytes())
}
