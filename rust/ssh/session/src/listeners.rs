//! Where the target listens for the client, and which answers to requests for the connection are owed, in their order
//! (RFC 4254, 4 and 7.1).

use hoopwire_ssh_policy::Action;
use hoopwire_ssh_protocol::channel::bound_port;
use std::collections::VecDeque;

/// So many places at once.
const LISTENERS_MAX: usize = 16;
/// So many requests for the connection may wait for their answers.
const OWED_MAX: usize = 256;

/// A place to listen at, as the client writes it: the target says it so, too, when somebody came there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Port {
        host: String,
        /// 0: the target chooses.
        port: u32,
    },
    /// A Unix socket.
    Socket(String),
}

impl Place {
    /// What is decided: when it is asked for, and each time that somebody comes.
    pub(crate) fn action(&self) -> Action<'_> {
        match self {
            Place::Port { host, port } => Action::RemoteForward { host, port: *port },
            Place::Socket(path) => Action::RemoteStreamLocal { path },
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Port { host, port } => write!(f, "{host}:{port}"),
            Place::Socket(path) => f.write_str(path),
        }
    }
}

/// ```text
///  Asked ──success──▶ Up ──cancelled──▶ gone        Asked ──failure, cancelled──▶ gone
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The target has not answered.
    Asked,
    /// With its port, or that which the target chose; 0 for a socket.
    Up(u32),
}

#[derive(Debug)]
struct Listener {
    no: u64,
    place: Place,
    standing: Standing,
}

impl Listener {
    fn is_up_at(&self, at: &Place) -> bool {
        match (&self.place, at, self.standing) {
            (Place::Port { host, .. }, Place::Port { host: there, port }, Standing::Up(bound)) => {
                host == there && bound == *port
            }
            (Place::Socket(path), Place::Socket(there), Standing::Up(_)) => path == there,
            _ => false,
        }
    }

    /// It is meant by this place, also before the target has answered.
    fn is_at(&self, at: &Place) -> bool {
        let is_asked = self.standing == Standing::Asked && self.place == *at;
        self.is_up_at(at) || (is_asked && !matches!(at, Place::Port { port: 0, .. }))
    }
}

/// An answer that the client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    /// The target's: whether this listener begins.
    Begins(u64),
    /// The target's: whether one ends, of which nothing passes any more.
    Ends,
    /// The gateway's, behind those of the target before it: no.
    Refused,
}

/// What the target has answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// The port that it chose.
    pub(crate) port: Option<u32>,
    /// So many refusals of the gateway's own come behind it.
    pub(crate) due: usize,
}

/// All of a session.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    list: Vec<Listener>,
    owed: VecDeque<Owed>,
    last_no: u64,
}

impl Listeners {
    /// Why the target is not asked, though the grant allows it.
    pub(crate) fn fault(&self, place: &Place, want_reply: bool) -> Option<&'static str> {
        if self.list.len() >= LISTENERS_MAX {
            return Some("too_many_listeners");
        }
        match place {
            // nobody would hear the number
            Place::Port { port: 0, .. } if !want_reply => Some("not_here"),
            place if self.list.iter().any(|one| one.is_at(place)) => Some("listens_already"),
            _ => None,
        }
    }

    /// The target is asked. False if too many answers are owed already.
    pub(crate) fn begin(&mut self, place: Place, want_reply: bool) -> bool {
        self.last_no = self.last_no.saturating_add(1);
        let no = self.last_no;
        let standing = match &place {
            _ if want_reply => Standing::Asked,
            Place::Port { port, .. } => Standing::Up(*port),
            Place::Socket(_) => Standing::Up(0),
        };
        self.list.push(Listener { no, place, standing });
        !want_reply || self.owe(Owed::Begins(no))
    }

    /// From here on nobody comes from there any more. False if nobody did.
    pub(crate) fn end(&mut self, at: &Place) -> bool {
        let found = self.list.iter().position(|one| one.is_at(at));
        found.map(|index| self.list.swap_remove(index)).is_some()
    }

    /// The target will answer whether one ends. False if too many answers are owed already.
    pub(crate) fn owe_end(&mut self) -> bool {
        self.owe(Owed::Ends)
    }

    /// The gateway says no, in its place in the row: now, if the answer is true. `None` if too many are owed.
    pub(crate) fn refuse(&mut self) -> Option<bool> {
        if self.owed.is_empty() {
            return Some(true);
        }
        self.owe(Owed::Refused).then_some(false)
    }

    fn owe(&mut self, owed: Owed) -> bool {
        let fits = self.owed.len() < OWED_MAX;
        if fits {
            self.owed.push_back(owed);
        }
        fits
    }

    /// The target has answered the first that it owes: with `rest`, or no.
    ///
    /// # Errors
    /// What is wrong with that.
    pub(crate) fn answered(&mut self, rest: Option<&[u8]>) -> Result<Answered, &'static str> {
        let first = self.owed.pop_front().ok_or("an answer to what nobody asked")?;
        let port = match (first, rest) {
            (Owed::Begins(no), Some(rest)) => self.is_up(no, rest)?,
            (Owed::Begins(no), None) => {
                self.list.retain(|one| one.no != no);
                None
            }
            _ => None,
        };
        let due = self.owed.iter().take_while(|owed| **owed == Owed::Refused).count();
        self.owed.drain(..due);
        Ok(Answered { port, due })
    }

    /// A listener begins; the port that the target chose for it.
    fn is_up(&mut self, no: u64, rest: &[u8]) -> Result<Option<u32>, &'static str> {
        // it may have been cancelled meanwhile
        let Some(index) = self.list.iter().position(|one| one.no == no) else { return Ok(None) };
        let mut one = self.list.swap_remove(index);
        let (up, chosen) = match &one.place {
            Place::Port { host, port: 0 } => {
                let port = bound_port(rest).ok().filter(|port| (1..=65_535).contains(port));
                let port = port.ok_or("no port where one was to be chosen")?;
                (Place::Port { host: host.clone(), port }, Some(port))
            }
            place => (place.clone(), None),
        };
        if self.list.iter().any(|other| other.is_up_at(&up)) {
            return Err("a port that it listens on already");
        }
        one.standing = match up {
            Place::Port { port, .. } => Standing::Up(port),
            Place::Socket(_) => Standing::Up(0),
        };
        self.list.push(one);
        Ok(chosen)
    }

    /// Somebody came there: as it was asked for, if it was.
    pub(crate) fn asked_at(&self, at: &Place) -> Option<&Place> {
        self.list.iter().find(|one| one.is_up_at(at)).map(|one| &one.place)
    }

    /// All places, as they were asked for.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        self.list.iter().map(|one| &one.place)
    }
}
