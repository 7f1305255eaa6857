//! Small messages through a session, for counting instructions: `benches/instructions.py` runs this under callgrind.
//!
//! Each work is a session that is ready, and so many times the same requests with their replies, each piece a turn of
//! its own as the reactor would have it. What is counted is inside `replay`: parsing, deciding, accounting, and writing
//! frames; not sockets, TLS or the spool.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "sessions are set up by what the dialogues of tests/ use"
)]
#![allow(clippy::print_stdout, reason = "it says that it ran")]

#[path = "../tests/link/mod.rs"]
mod link;
#[path = "../tests/session/server.rs"]
#[allow(dead_code, reason = "the dialogues use more of it")]
mod server;

use hoopwire_postgres_policy::{Actions, Pattern, Rule, Rules};
use hoopwire_postgres_protocol::cancel::CancelKeys;
use hoopwire_postgres_session::{Caches, Session, Turn};
use hoopwire_postgres_sql::Verbs;
use hoopwire_recording::Frames;
use hoopwire_session::{Effect, Legs};
use hoopwire_testkit::messages::framed;
use hoopwire_wire::Random;
use server::{Peer, bind, execute, parse, query, sync};
use std::sync::Arc;
use std::time::Instant;

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

const JOIN: &str = "select o.id, o.total, c.name, c.email from orders o join customers c on c.id = o.customer_id left \
    join addresses a on a.customer_id = c.id where o.created_at > now() - interval '1 day' and lower(c.country) = 'fr' and \
    o.total > # order by o.created_at desc limit 50 offset 10";

/// A session and all that a reactor has around it.
struct Reactor {
    session: Session,
    now: Instant,
    frames: Frames,
    legs: Legs,
    effects: Vec<Effect>,
    caches: Caches,
}

impl Reactor {
    fn turn(&mut self, act: impl FnOnce(&mut Session, &mut Turn<'_>)) {
        let at = (self.now, 1_000_000);
        let (frames, legs, caches) = (&mut self.frames, &mut self.legs, &mut self.caches);
        let mut random = Zeros;
        let mut turn = Turn::new(at, frames, legs, &mut self.effects, &mut random, caches);
        act(&mut self.session, &mut turn);
        self.frames.clear();
        self.legs.down_mut().clear();
        self.legs.up_mut().clear();
        self.legs.settle();
    }
}

/// The part that is counted.
#[inline(never)]
fn replay(reactor: &mut Reactor, requests: &[Vec<u8>], replies: &[u8], times: usize) {
    for requests in requests.iter().cycle().take(times) {
        reactor.turn(|session, turn| session.handle_downstream(requests, turn));
        reactor.turn(|session, turn| session.handle_upstream(replies, turn));
    }
}

fn ready(is_exact: bool) -> Reactor {
    let pattern = |name: &str| Pattern { schema: "public".to_owned(), name: name.to_owned() };
    let rule = Rule { verbs: Verbs::SELECT, objects: vec![pattern("*")], except: vec![pattern("secrets")] };
    let rights = Rules { allow: vec![rule], search_path: vec!["public".to_owned()], ..Rules::default() };
    let peer = if is_exact { Peer::exact(rights, "", |_| {}).0 } else { Peer::ready(Actions::QUERY) };
    assert!(peer.link.session.is_ready());
    Reactor {
        now: peer.link.now,
        session: peer.link.session,
        frames: Frames::new(),
        legs: Legs::default(),
        effects: Vec::new(),
        caches: Caches::new(Arc::new(CancelKeys::new([7; 32]))),
    }
}

fn row(value: &[u8]) -> Vec<u8> {
    framed(b'D', &[b"\0\x01", &u32::try_from(value.len()).unwrap_or(0).to_be_bytes()[..], value].concat())
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(work), Some(times)) = (arguments.next(), arguments.next()) else { return };
    let times: usize = times.parse().unwrap_or(0);
    let (kind, is_exact) = work.strip_suffix("-exact").map_or((work.as_str(), false), |kind| (kind, true));
    let mut reactor = ready(is_exact);
    let described = framed(b'T', b"\0\x01abalance\0\0\0\x40\0\0\x03\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0");
    let done = [framed(b'C', b"SELECT 1\0"), framed(b'Z', b"I")].concat();
    let text = "SELECT abalance FROM pgbench_accounts WHERE aid = $1";
    // A text that no statement before had.
    let cold = |text: &str| {
        (1000..1000 + times).map(|number| query(&text.replace('#', &number.to_string()))).collect()
    };
    let (prepare, requests, replies) = match kind {
        "simple" => (Vec::new(), vec![query("select 1")], [described, row(b"1"), done].concat()),
        "prepared" => {
            let requests = vec![[bind("P0_1", b"4711"), framed(b'D', b"P\0"), execute(), sync()].concat()];
            let replies = [framed(b'2', b""), described, row(b"1"), done].concat();
            ([parse("P0_1", text), sync()].concat(), requests, replies)
        }
        "unnamed" => {
            let requests = vec![[parse("", text), bind("", b"4711"), execute(), sync()].concat()];
            (Vec::new(), requests, [framed(b'1', b""), framed(b'2', b""), row(b"1"), done].concat())
        }
        "rows" => {
            let rows: Vec<u8> = (0..100).flat_map(|_| row(&[b'r'; 64])).collect();
            (Vec::new(), vec![query("select r from t")], [described, rows, done].concat())
        }
        "cold" => {
            let requests = cold("SELECT abalance FROM pgbench_accounts WHERE aid = #");
            (Vec::new(), requests, [described, row(b"1"), done].concat())
        }
        "cold-join" => (Vec::new(), cold(JOIN), [described, row(b"1"), done].concat()),
        _ => return,
    };
    if !prepare.is_empty() {
        reactor.turn(|session, turn| session.handle_downstream(&prepare, turn));
        let answer = [framed(b'1', b""), framed(b'Z', b"I")].concat();
        reactor.turn(|session, turn| session.handle_upstream(&answer, turn));
    }
    replay(&mut reactor, &requests, &replies, times);
    assert!(reactor.session.is_ready());
    println!("{times}");
}
