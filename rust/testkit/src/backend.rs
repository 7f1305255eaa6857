//! A PostgreSQL backend that keeps to its script.

use md5::{Digest, Md5};

use crate::messages::{authentication, fatal, first, framed, parameter, sasl};
use crate::scram::Exchange;

/// How the backend wants the frontend to prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Not at all.
    Trust,
    /// AuthenticationCleartextPassword.
    Cleartext,
    /// AuthenticationMD5Password.
    Md5,
    /// SCRAM-SHA-256, and -PLUS if `plus`.
    Scram {
        /// Offer channel binding.
        plus: bool,
    },
}

/// The hash that a -PLUS proof must bind to.
pub const END_POINT: &[u8] = b"hash of a certificate";
const SALT: [u8; 4] = [1, 2, 3, 4];

#[derive(Debug)]
enum State {
    AwaitStartup,
    AwaitPassword,
    AwaitClientFirst,
    AwaitClientFinal(Exchange),
    Ready,
    Closed,
}

type Script = Box<dyn FnMut(u8, &[u8]) -> Vec<u8>>;

/// One connection of a backend whose only account has the given password, from the startup message on.
pub struct Backend {
    method: Method,
    password: String,
    state: State,
    held: Vec<u8>,
    script: Script,
    /// Parameters of the startup message, once it came.
    pub startup: Vec<(String, String)>,
}

impl Backend {
    /// `script` answers each message (tag, body) after the login with the bytes to send.
    pub fn new(method: Method, password: &str, script: impl FnMut(u8, &[u8]) -> Vec<u8> + 'static) -> Self {
        Self {
            method,
            password: password.into(),
            state: State::AwaitStartup,
            held: Vec::new(),
            script: Box::new(script),
            startup: Vec::new(),
        }
    }

    /// Takes what the frontend sent, in any pieces; gives what the backend sends back.
    pub fn handle(&mut self, input: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(input);
        let mut out = Vec::new();
        if matches!(self.state, State::AwaitStartup) {
            let Some(length) = self.held.first_chunk::<4>().map(|word| u32::from_be_bytes(*word) as usize)
            else {
                return out;
            };
            if self.held.len() < length {
                return out;
            }
            let packet: Vec<u8> = self.held.drain(..length).collect();
            out.extend(self.started(&packet));
        }
        while let Some(((tag, body), rest)) = first(&self.held) {
            self.held = rest.to_vec();
            out.extend(self.message(tag, &body));
        }
        out
    }

    /// Whether the login succeeded.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    fn started(&mut self, packet: &[u8]) -> Vec<u8> {
        assert_eq!(packet[4..6], [0, 3], "protocol 3");
        let text = String::from_utf8(packet[8..packet.len() - 2].to_vec()).unwrap();
        let mut words = text.split('\0').map(str::to_owned);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            self.startup.push((name, value));
        }
        let (state, ask) = match self.method {
            Method::Trust => (State::Ready, welcome()),
            Method::Cleartext => (State::AwaitPassword, authentication(3, b"")),
            Method::Md5 => (State::AwaitPassword, authentication(5, &SALT)),
            Method::Scram { plus: false } => (State::AwaitClientFirst, sasl(&["SCRAM-SHA-256"])),
            Method::Scram { plus: true } => {
                (State::AwaitClientFirst, sasl(&["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]))
            }
        };
        self.state = state;
        ask
    }

    fn message(&mut self, tag: u8, body: &[u8]) -> Vec<u8> {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match state {
            State::Ready => {
                self.state = State::Ready;
                (self.script)(tag, body)
            }
            State::Closed => Vec::new(),
            _ if tag != b'p' => fatal("08P01", "expected a password"),
            State::AwaitPassword if body == format!("{}\0", self.expected()).as_bytes() => self.admit(b""),
            State::AwaitClientFirst => {
                let text = String::from_utf8_lossy(body);
                let (mechanism, rest) = text.split_once('\0').unwrap();
                let client_first = &rest[4..];
                // A frontend that could bind and did not see it offered was lied to, or lies.
                let plus = self.method == Method::Scram { plus: true };
                let honest = match mechanism {
                    "SCRAM-SHA-256-PLUS" => plus && client_first.starts_with("p=tls-server-end-point,,"),
                    _ => client_first.starts_with("n,,") || (!plus && client_first.starts_with("y,,")),
                };
                if !honest {
                    return fatal("28000", "SCRAM channel binding negotiation error");
                }
                let exchange = Exchange::begin(client_first, 7);
                let answer = authentication(11, exchange.server_first.as_bytes());
                self.state = State::AwaitClientFinal(exchange);
                answer
            }
            State::AwaitClientFinal(exchange) => {
                let client_final = String::from_utf8_lossy(body);
                match exchange.finish(&client_final, &self.password, END_POINT) {
                    Some(verifier) => self.admit(&authentication(12, verifier.as_bytes())),
                    None => refused(),
                }
            }
            _ => refused(),
        }
    }

    fn admit(&mut self, before: &[u8]) -> Vec<u8> {
        self.state = State::Ready;
        [before, &welcome()].concat()
    }

    fn expected(&self) -> String {
        if self.method == Method::Cleartext {
            return self.password.clone();
        }
        let user = self.startup.iter().find(|(name, _)| name == "user").map_or("", |(_, value)| value);
        let inner = hex(&Md5::digest(format!("{}{user}", self.password)));
        format!("md5{}", hex(&Md5::digest([inner.as_bytes(), &SALT].concat())))
    }
}

fn refused() -> Vec<u8> {
    fatal("28P01", "password authentication failed")
}

fn welcome() -> Vec<u8> {
    [
        authentication(0, b""),
        parameter("server_version", "18.0"),
        parameter("server_encoding", "UTF8"),
        parameter("client_encoding", "UTF8"),
        parameter("standard_conforming_strings", "on"),
        framed(b'K', b"\0\0\x04\xd2keykeykeykey"),
        framed(b'Z', b"I"),
    ]
    .concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
