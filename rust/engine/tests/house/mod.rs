//! An engine with a listener of each protocol, a target that speaks lines, and clients.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test support")]

use hoopwire_engine::{Engine, EngineConfig, Lease, LimitConfig, ListenConfig, RecordingConfig};
use hoopwire_gateway::{Grant, Protocol, Rights};
use hoopwire_recording::{Frame, Joiner, Scan, Scratch, Step};
use hoopwire_wire::Secret;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Barrier, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const CERTIFICATE: &str = include_str!("../gateway.crt");
const KEY: &str = include_str!("../gateway.key");
/// Of the key `[7; 32]`, for nothing but tests.
const SIGNING_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH
-----END PRIVATE KEY-----
";
/// For what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the engine tells the control plane, as far as it is looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Fact {
    GrantNeeded {
        session: String,
        user: String,
        database: String,
        credential: String,
    },
    SessionEnded {
        closed_by: String,
        reason: String,
        code: String,
    },
    SegmentSealed {
        stream: u16,
        path: PathBuf,
    },
    Drained {},
    #[serde(other)]
    Other,
}

/// A grant that opens these keys for reading, and these for writing.
pub(crate) fn opens(reads: &[&str], writes: &[&str]) -> Grant {
    let keys = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let rights = hoopwire_skeleton::Rights { reads: keys(reads), writes: keys(writes) };
    Grant::of(Rights::Skeleton(rights), Instant::now() + PATIENCE)
}

pub(crate) struct House {
    pub(crate) engine: Engine,
    directory: PathBuf,
    facts: Vec<Fact>,
    target: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    gate: Arc<Barrier>,
}

impl House {
    pub(crate) fn start(name: &str) -> House {
        let directory = std::env::temp_dir().join(format!("hoopwire-skeleton-{name}-{}", std::process::id()));
        let listen = [Protocol::Skeleton, Protocol::Postgres]
            .map(|protocol| ListenConfig { address: "127.0.0.1:0".to_owned(), protocol });
        let seconds = PATIENCE.as_secs_f64();
        let engine = Engine::start(EngineConfig {
            listen: listen.into(),
            protocols: hoopwire_gateway::Settings::default(),
            // the second connection goes over to another thread
            reactors: 2,
            tls_certificate_pem: CERTIFICATE.to_owned(),
            tls_key_pem: KEY.to_owned(),
            limits: LimitConfig {
                connections: 10,
                connections_per_address: 10,
                unadmitted_per_address: 10,
                tls_handshake_s: seconds,
                startup_s: seconds,
                admission_s: seconds,
                upstream_login_s: seconds,
                statement_bytes: 1024,
            },
            recording: RecordingConfig {
                directory: directory.to_string_lossy().into_owned(),
                node: "test".to_owned(),
                signing_key_pem: SIGNING_KEY.to_owned(),
                synced: false,
                segment_bytes: 1 << 20,
                seal_after_s: seconds,
                checkpoint_every_s: seconds,
                floor_bytes: 0,
            },
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let gate = Arc::new(Barrier::new(2));
        let (ears, door) = (Arc::clone(&heard), Arc::clone(&gate));
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (ears, door) = (Arc::clone(&ears), Arc::clone(&door));
                std::thread::spawn(move || answer(socket.unwrap(), &ears, &door));
            }
        });
        House { engine, directory, facts: Vec::new(), target, heard, gate }
    }

    /// A client that is inside TLS with the gateway.
    pub(crate) fn connect(&self, protocol: Protocol) -> Client {
        let place = usize::from(protocol == Protocol::Postgres);
        let alpn = std::str::from_utf8(protocol.alpn()[0]).unwrap();
        Client::connect(self.engine.addresses()[place], alpn)
    }

    /// A client whose session is ready, and the session.
    pub(crate) fn admitted(&mut self) -> (Client, String) {
        self.admitted_by(opens(&["a", "slow", "gone"], &[]))
    }

    /// The same, by a grant.
    pub(crate) fn admitted_by(&mut self, grant: Grant) -> (Client, String) {
        let mut client = self.connect(Protocol::Skeleton);
        client.say("HELLO agent orders token\n");
        let session = self.asked();
        assert!(self.engine.admit(&session, grant, self.lease()));
        assert_eq!(client.lines(1), ["OK"]);
        (client, session)
    }

    pub(crate) fn lease(&self) -> Lease {
        let none = String::new;
        Lease {
            addresses: vec![(self.target.ip(), self.target.port())],
            tls: false,
            server_name: none(),
            ca_pem: none(),
            client_certificate_pem: none(),
            client_key_pem: none(),
            user: "upstream".to_owned(),
            database: none(),
            password: Secret::new("secret".to_owned()),
            login: Secret::new(Vec::new()),
        }
    }

    /// The next of the engine's facts that is looked for; it is told once.
    pub(crate) fn wait<T>(&mut self, look: impl Fn(&Fact) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            let news: Vec<Fact> = rmp_serde::from_slice(&self.engine.drain_events()).unwrap();
            self.facts.extend(news);
            let found = self.facts.iter().enumerate().find_map(|(place, fact)| Some((place, look(fact)?)));
            if let Some((place, found)) = found {
                self.facts.remove(place);
                return found;
            }
            assert!(Instant::now() < until, "it never came: {:?}", self.facts);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The session for which a grant is asked.
    pub(crate) fn asked(&mut self) -> String {
        self.wait(|fact| match fact {
            Fact::GrantNeeded { session, .. } => Some(session.clone()),
            _ => None,
        })
    }

    /// Who ended a session, why, and the protocol's code.
    pub(crate) fn ended(&mut self) -> [String; 3] {
        self.wait(|fact| match fact {
            Fact::SessionEnded { closed_by, reason, code } => {
                Some([closed_by, reason, code].map(String::clone))
            }
            _ => None,
        })
    }

    /// What the target heard.
    pub(crate) fn heard(&self) -> MutexGuard<'_, Vec<String>> {
        self.heard.lock().unwrap()
    }

    pub(crate) fn wait_heard(&self, line: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.heard().iter().any(|heard| heard == line) {
            assert!(Instant::now() < until, "the target never heard {line}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The target answers what it was slow with.
    pub(crate) fn let_go(&self) {
        self.gate.wait();
    }

    /// Each frame that the first reactor recorded, once the engine has stopped.
    pub(crate) fn recorded<T>(&mut self, show: impl Fn(Frame<'_>) -> T) -> Vec<T> {
        let path = self.wait(|fact| match fact {
            Fact::SegmentSealed { stream: 0, path } => Some(path.clone()),
            _ => None,
        });
        let bytes = std::fs::read(path).unwrap();
        let mut scan = Scan::open(&bytes[..]).unwrap();
        let (mut joiner, mut shown) = (Joiner::default(), Vec::new());
        loop {
            match scan.next().unwrap() {
                Step::Block(block) => {
                    for (sequence, raw) in block.frames() {
                        if let Some(joined) = joiner.next(sequence, &raw) {
                            shown.push(show(joined.frame(&mut Scratch::default()).unwrap()));
                        }
                    }
                }
                Step::Seal(_) => {}
                Step::Fault(fault) => panic!("{fault:?}"),
                Step::End(_) => return shown,
            }
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.engine.stop();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A target that answers each line, and remembers what it heard.
fn answer(mut socket: TcpStream, heard: &Mutex<Vec<String>>, gate: &Barrier) {
    for line in BufReader::new(socket.try_clone().unwrap()).lines() {
        let Ok(line) = line else { return };
        let answer = match line.split_once(' ') {
            Some(("HELLO", "upstream secret")) => "OK\n".to_owned(),
            Some(("GET", key)) => format!("VALUE of {key}\n"),
            _ => "DONE\n".to_owned(),
        };
        heard.lock().unwrap().push(line.clone());
        match line.as_str() {
            "GET slow" => drop(gate.wait()),
            "GET gone" => return,
            _ => {}
        }
        let _ = socket.write_all(answer.as_bytes());
    }
}

/// A principal's client.
pub(crate) struct Client {
    pub(crate) stream: rustls::StreamOwned<rustls::ClientConnection, TcpStream>,
}

impl Client {
    /// TLS begins with the first byte, under this name.
    pub(crate) fn connect(address: SocketAddr, alpn: &str) -> Client {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let tls = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { stream: rustls::StreamOwned::new(tls, socket) }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// So many lines, without their ends.
    pub(crate) fn lines(&mut self, count: usize) -> Vec<String> {
        let mut lines = vec![String::new()];
        while lines.len() <= count {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            match char::from(byte[0]) {
                '\n' => lines.push(String::new()),
                letter => lines.last_mut().unwrap().push(letter),
            }
        }
        lines.truncate(count);
        lines
    }

    /// All that comes until the gateway closes.
    pub(crate) fn rest(&mut self) -> String {
        let mut heard = Vec::new();
        self.stream.read_to_end(&mut heard).unwrap();
        String::from_utf8_lossy(&heard).into_owned()
    }
}
