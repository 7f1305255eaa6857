//! A reactor by hand: what only a bug or a stranger does to it.

use crate::address::AddressBook;
use crate::config::LimitConfig;
use crate::directory::Directory;
use crate::event::{Counters, EventQueue, unix_us};
use crate::reactor::{Mailbox, Reactor, Shared, WAKER};
use crate::tls::ServerConfigs;
use hoopwire_gateway::Protocol;
use hoopwire_session::PhaseLimits;
use hoopwire_spool::{SigningKey, Spool, SpoolConfig};
use mio::{Poll, Waker};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CERTIFICATE: &str = include_str!("../tests/gateway.crt");
const KEY: &str = include_str!("../tests/gateway.key");

struct Directories(PathBuf);

impl Drop for Directories {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn reactor(name: &str) -> (Reactor, Arc<Shared>, Directories) {
    let directory = std::env::temp_dir().join(format!("hoopwire-engine-{name}-{}", std::process::id()));
    let poll = Poll::new().unwrap();
    let waker = Waker::new(poll.registry(), WAKER).unwrap();
    let wait = Duration::from_secs(10);
    let shared = Arc::new(Shared {
        node: "test".to_owned(),
        limits: LimitConfig {
            connections: 10,
            connections_per_address: 10,
            unadmitted_per_address: 10,
            tls_handshake_s: 10.0,
            startup_s: 10.0,
            admission_s: 10.0,
            upstream_login_s: 10.0,
            statement_bytes: 1024,
        },
        phases: PhaseLimits {
            tls_handshake: wait,
            startup: wait,
            admission: wait,
            upstream_login: wait,
            statement_max_bytes: 1024,
        },
        events: EventQueue::new().unwrap(),
        counters: Counters::default(),
        addresses: AddressBook::new(10, 10),
        directory: Directory::default(),
        spending: crate::spending::Spending::new(),
        sessions: hoopwire_gateway::Shared::new([7; 32], hoopwire_gateway::Settings::default()).unwrap(),
        mailboxes: vec![Mailbox::new(waker)],
        draining: 0.into(),
    });
    let config = SpoolConfig {
        directory: directory.clone(),
        node: "test".to_owned(),
        stream: 0,
        synced: false,
        segment_bytes: 1 << 20,
        seal_after: Duration::from_secs(60),
        checkpoint_every: Duration::from_secs(60),
        floor_bytes: 0,
        key: SigningKey::from_bytes(&[7; 32]),
    };
    let (spool, _) = Spool::open(config, Instant::now(), unix_us()).unwrap();
    let tls = ServerConfigs::new(CERTIFICATE, KEY).unwrap();
    let reactor = Reactor::new(0, poll, Arc::clone(&shared), Vec::new(), tls, spool).unwrap();
    (reactor, shared, Directories(directory))
}

/// A connection of the reactor, and the principal's end of it.
fn connect(reactor: &mut Reactor) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, peer) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    reactor.serve(socket, peer, Protocol::Postgres);
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client
}

#[test]
fn a_panic_in_one_session_took_the_whole_gateway_with_it() {
    let (mut reactor, shared, _directory) = reactor("panic");
    let mut unlucky = connect(&mut reactor);
    let mut other = connect(&mut reactor);
    let keys = reactor.keys();
    reactor.call(keys[0], |_, turn| {
        turn.greet(|out| out.extend_from_slice(b"half a mess"));
        panic!("planted bug");
    });
    reactor.keep();
    reactor.send();
    let mut heard = Vec::new();
    unlucky.read_to_end(&mut heard).unwrap();
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(heard.starts_with('E') && heard.contains("XX000"), "{heard}");
    assert!(!heard.contains("half a mess") && !heard.contains("planted"), "{heard}");
    assert_eq!(shared.counters.statistics().panics, 1);
    let events = shared.events.drain();
    assert!(events.windows(11).any(|part| part == b"planted bug"));
    // the other one is still answered
    other.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    for _ in 0..100 {
        reactor.queue(keys[1]);
        reactor.connections.slots[keys[1]].down.readable = true;
        reactor.turn();
        if reactor.connections.slots[keys[1]].down.tls.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut answer = [0];
    other.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"S");
}

#[test]
fn a_session_that_panicked_while_it_ended_was_left_open() {
    let (mut reactor, shared, _directory) = reactor("panic-at-end");
    let mut client = connect(&mut reactor);
    let keys = reactor.keys();
    reactor.call(keys[0], |session, turn| {
        session.handle_shutdown(turn);
        panic!("planted bug");
    });
    reactor.keep();
    reactor.send();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    assert_eq!(shared.counters.statistics().panics, 1);
}
