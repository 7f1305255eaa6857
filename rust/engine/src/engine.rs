//! The engine object: starts the reactors, takes commands, hands out events.

use crate::address::AddressBook;
use crate::command::{Command, EndWords, Lease, PromptWords};
use crate::config::{EngineConfig, ListenConfig, RecordingConfig, seconds};
use crate::directory::{Directory, LiveSession};
use crate::event::{Counters, Event, EventQueue, Statistics, unix_us};
use crate::reactor::{Listener, Mailbox, Reactor, Shared, WAKER};
use crate::spending::Spending;
use crate::tls::ServerConfigs;
use hoopwire_gateway::Grant;
use hoopwire_recording::signing_key_from_pem;
use hoopwire_session::{PhaseLimits, Prompt};
use hoopwire_spool::{Recovery, Spool, SpoolConfig, recover_others};
use mio::net::TcpListener;
use mio::{Poll, Waker};
use rustix::fd::RawFd;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Most reactors.
const REACTORS_MAX: usize = 64;

/// A statement must fit one frame of the recording (64 MiB) with all that is said about it.
const STATEMENT_MAX_BYTES: usize = 32 * 1024 * 1024;

/// Stack of a reactor: statements are walked recursively, to a depth that is limited, in debug builds too. Only
/// what is used is ever touched.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Why an engine cannot start. Says what to change; no secret.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

fn failed(what: &str) -> impl Fn(&dyn fmt::Display) -> StartError + use<> {
    let what = what.to_owned();
    move |why| StartError(format!("{what}: {why}"))
}

/// The running data plane. Dropping it stops it.
pub struct Engine {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Binds, opens the recording (recovering what a crash left), starts the reactors.
    ///
    /// # Errors
    /// [`StartError`] if an address cannot be bound, a certificate or key cannot be used, or the recording
    /// cannot be opened.
    pub fn start(config: EngineConfig) -> Result<Engine, StartError> {
        let tls = ServerConfigs::new(&config.tls_certificate_pem, &config.tls_key_pem)
            .map_err(|error| StartError(error.0))?;
        let listeners = config.listen.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        let addresses = listeners
            .iter()
            .map(|listener| listener.socket.local_addr().map_err(|error| failed("listen")(&error)))
            .collect::<Result<Vec<_>, _>>()?;
        let reactors = match config.reactors {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            asked => asked,
        }
        .min(REACTORS_MAX);
        let polls = (0..reactors)
            .map(|_| {
                let poll = Poll::new()?;
                let waker = Waker::new(poll.registry(), WAKER)?;
                Ok((poll, Mailbox::new(waker)))
            })
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(|error| failed("poll")(&error))?;
        let (polls, mailboxes): (Vec<Poll>, Vec<Mailbox>) = polls.into_iter().unzip();
        let mut secret = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut secret).map_err(|error| failed("randomness")(&error))?;
        let limits = config.limits;
        let sessions = hoopwire_gateway::Shared::new(secret, config.protocols).map_err(StartError)?;
        let shared = Arc::new(Shared {
            node: config.recording.node.clone(),
            phases: PhaseLimits {
                tls_handshake: seconds(limits.tls_handshake_s),
                startup: seconds(limits.startup_s),
                admission: seconds(limits.admission_s),
                upstream_login: seconds(limits.upstream_login_s),
                statement_max_bytes: limits.statement_bytes.min(STATEMENT_MAX_BYTES),
            },
            events: EventQueue::new().map_err(|error| failed("eventfd")(&error))?,
            counters: Counters::default(),
            addresses: AddressBook::new(limits.connections_per_address, limits.unadmitted_per_address),
            directory: Directory::default(),
            spending: Spending::new(),
            sessions,
            mailboxes,
            draining: 0.into(),
            limits,
        });
        let mut listeners = Some(listeners);
        let mut ready = Vec::new();
        for (index, poll) in polls.into_iter().enumerate() {
            let spool = open_spool(&config.recording, index, &shared)?;
            let own = if index == 0 { listeners.take().unwrap_or_default() } else { Vec::new() };
            let reactor = Reactor::new(index, poll, Arc::clone(&shared), own, tls.clone(), spool)
                .map_err(|error| failed("reactor")(&error))?;
            ready.push(reactor);
        }
        recover_rest(&config.recording, reactors, &shared)?;
        let mut threads = Vec::new();
        for reactor in ready {
            let name = format!("hoopwire-r{}", reactor.index);
            let thread =
                std::thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(move || reactor.run());
            threads.push(thread.map_err(|error| failed("thread")(&error))?);
        }
        Ok(Engine { shared, addresses, threads: Mutex::new(threads) })
    }

    /// Readable when events wait.
    #[must_use]
    pub fn event_fd(&self) -> RawFd {
        self.shared.events.fd()
    }

    /// Bound addresses, in the order of the config.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// All waiting events: a MessagePack array of maps.
    #[must_use]
    pub fn drain_events(&self) -> Vec<u8> {
        self.shared.events.drain()
    }

    /// Admits a session that waits for a grant; false if it is gone.
    pub fn admit(&self, session: &str, grant: Grant, lease: Lease) -> bool {
        self.to_session(session, |serial| Command::Admit {
            serial,
            grant: Box::new(grant),
            lease: Box::new(lease),
        })
    }

    /// Asks the principal of a session that waits for a prompt; false if it is gone.
    pub fn prompt(&self, session: &str, words: PromptWords) -> bool {
        let PromptWords { instruction, question, wait_s } = words;
        let prompt = Prompt { instruction, question, wait: seconds(wait_s) };
        self.to_session(session, |serial| Command::Prompt { serial, prompt: Box::new(prompt) })
    }

    /// Refuses a waiting session or ends a live one; false if it is gone.
    pub fn end(&self, session: &str, words: EndWords) -> bool {
        self.to_session(session, |serial| Command::End { serial, words: Box::new(words) })
    }

    /// Replaces the grant of a live session; false if it is gone.
    pub fn regrant(&self, session: &str, grant: Grant) -> bool {
        self.to_session(session, |serial| Command::Regrant { serial, grant: Box::new(grant) })
    }

    /// New connections use this certificate.
    ///
    /// # Errors
    /// [`StartError`] if the certificate or key cannot be used; the old ones stay.
    pub fn set_tls(&self, certificate_pem: &str, key_pem: &str) -> Result<(), StartError> {
        let configs = ServerConfigs::new(certificate_pem, key_pem).map_err(|error| StartError(error.0))?;
        for mailbox in &self.shared.mailboxes {
            mailbox.send(Command::Tls { configs: configs.clone() });
        }
        Ok(())
    }

    /// No new connections; idle sessions end now, busy ones when idle or at the deadline; then event Drained.
    pub fn drain(&self, wait: Duration) {
        let deadline = Instant::now().checked_add(wait).unwrap_or_else(Instant::now);
        let all = (0..self.shared.mailboxes.len()).fold(0_u64, |bits, index| bits | 1 << index.min(63));
        self.shared.draining.store(all, Ordering::Relaxed);
        for mailbox in &self.shared.mailboxes {
            mailbox.send(Command::Drain { deadline });
        }
    }

    /// Ends everything, seals the segments, joins the threads.
    pub fn stop(&self) {
        for mailbox in &self.shared.mailboxes {
            mailbox.send(Command::Stop);
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }

    /// Live sessions with their numbers.
    #[must_use]
    pub fn sessions(&self) -> Vec<LiveSession> {
        self.shared.directory.live()
    }

    /// Counters since start.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.counters.statistics()
    }

    fn to_session(&self, session: &str, command: impl FnOnce(u32) -> Command) -> bool {
        let Some((reactor, serial)) = self.shared.directory.find(session) else { return false };
        let Some(mailbox) = self.shared.mailboxes.get(reactor) else { return false };
        mailbox.send(command(serial));
        true
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

fn bind(listen: &ListenConfig) -> Result<Listener, StartError> {
    let ListenConfig { address, protocol } = listen;
    let fail = failed(&format!("{} {address}", protocol.setting()));
    let resolved = address.to_socket_addrs().map_err(|error| fail(&error))?.next();
    let resolved = resolved.ok_or_else(|| fail(&"no such address"))?;
    // mio sets SO_REUSEADDR, so that a restart does not wait for old connections
    let socket = TcpListener::bind(resolved).map_err(|error| fail(&error))?;
    Ok(Listener { socket, protocol: *protocol })
}

fn spool_config(config: &RecordingConfig, stream: u16) -> Result<SpoolConfig, StartError> {
    let key = signing_key_from_pem(&config.signing_key_pem).map_err(|error| failed("recording")(&error))?;
    Ok(SpoolConfig {
        directory: PathBuf::from(&config.directory),
        node: config.node.clone(),
        stream,
        synced: config.synced,
        segment_bytes: config.segment_bytes,
        seal_after: seconds(config.seal_after_s),
        checkpoint_every: seconds(config.checkpoint_every_s),
        floor_bytes: config.floor_bytes,
        key,
    })
}

fn open_spool(config: &RecordingConfig, index: usize, shared: &Shared) -> Result<Spool, StartError> {
    let config = spool_config(config, stream_of(index))?;
    let (spool, recovered) =
        Spool::open(config, Instant::now(), unix_us()).map_err(|error| failed("recording")(&error))?;
    shared.tell_recovered(&recovered);
    Ok(spool)
}

/// Streams of an earlier run with more reactors.
fn recover_rest(config: &RecordingConfig, reactors: usize, shared: &Shared) -> Result<(), StartError> {
    let first = stream_of(reactors);
    let config = spool_config(config, first)?;
    let recovered = recover_others(&config, first, unix_us()).map_err(|error| failed("recording")(&error))?;
    shared.tell_recovered(&recovered);
    Ok(())
}

fn stream_of(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

impl Shared {
    fn tell_recovered(&self, recovered: &[Recovery]) {
        for recovery in recovered {
            self.events.push(&Event::Recovered {
                stream: recovery.stream,
                path: &recovery.path.to_string_lossy(),
                sessions: &recovery.sessions,
                dropped_bytes: recovery.dropped_bytes,
            });
        }
    }
}
