//! What each side can do, and what both will: KEXINIT, RFC 4253 section 7.1, with the extensions
//! `kex-strict-*-v00@openssh.com` (OpenSSH's PROTOCOL 1.10) and `ext-info-*` (RFC 8308).

use hoopwire_wire::{DecodeError, Reader};

use crate::broken::Broken;
use crate::cipher::{Cipher, Mac, Suite};
use crate::fields;
use crate::kex::Method;
use crate::number;

/// Which side we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Role {
    fn strict(self) -> &'static str {
        match self {
            Self::Client => "kex-strict-c-v00@openssh.com",
            Self::Server => "kex-strict-s-v00@openssh.com",
        }
    }

    fn extensions(self) -> &'static str {
        match self {
            Self::Client => "ext-info-c",
            Self::Server => "ext-info-s",
        }
    }

    fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

const COOKIE: usize = 16;
/// Longest KEXINIT that is kept for the exchange hash. OpenSSH's own has 1.5 KB.
const MOST_BYTES: usize = 32 * 1024;
/// Longest list of the peer's that is shown to people.
const MOST_SHOWN: usize = 300;

/// Appends our KEXINIT. `first` of a connection names the extensions.
pub(crate) fn put(
    out: &mut Vec<u8>,
    role: Role,
    cookie: [u8; COOKIE],
    host_keys: &[&str],
    prefer: Option<Cipher>,
    first: bool,
) {
    let mut methods: Vec<_> = Method::ALL.into_iter().map(Method::name).collect();
    if first {
        methods.extend([role.extensions(), role.strict()]);
    }
    let rest = Cipher::ALL.into_iter().filter(|cipher| Some(*cipher) != prefer);
    let ciphers: Vec<_> = prefer.into_iter().chain(rest).map(Cipher::name).collect();
    let macs: Vec<_> = Mac::ALL.into_iter().map(Mac::name).collect();
    out.push(number::KEXINIT);
    out.extend_from_slice(&cookie);
    for list in [&methods[..], host_keys, &ciphers, &ciphers, &macs, &macs, &["none"], &["none"], &[], &[]] {
        fields::put_string(out, list.join(",").as_bytes());
    }
    // no guess follows, and a word for the future
    out.extend_from_slice(&[0; 5]);
}

/// One of the lists.
#[derive(Clone, Copy, Debug)]
struct Names<'a>(&'a str);

impl<'a> Names<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let list = fields::text(reader, MOST_BYTES)?;
        if list.bytes().any(|byte| !byte.is_ascii_graphic()) {
            Err(DecodeError::NotUtf8)
        } else {
            Ok(Self(list))
        }
    }

    fn each(self) -> impl Iterator<Item = &'a str> {
        self.0.split(',').filter(|name| !name.is_empty())
    }

    fn has(self, name: &str) -> bool {
        self.each().any(|each| each == name)
    }

    fn first(self) -> Option<&'a str> {
        self.each().next()
    }
}

/// A KEXINIT, read.
#[derive(Debug)]
pub(crate) struct KexInit<'a> {
    methods: Names<'a>,
    host_keys: Names<'a>,
    /// Client to server, server to client.
    ciphers: [Names<'a>; 2],
    macs: [Names<'a>; 2],
    compressions: [Names<'a>; 2],
    guess_follows: bool,
}

impl<'a> KexInit<'a> {
    /// Reads a payload, its number included.
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, DecodeError> {
        if payload.len() > MOST_BYTES {
            return Err(DecodeError::TooLong { limit: MOST_BYTES });
        }
        let mut reader = Reader::new(payload);
        reader.bytes(1 + COOKIE)?;
        let mut list = || Names::read(&mut reader);
        let (methods, host_keys) = (list()?, list()?);
        let (ciphers, macs, compressions) = ([list()?, list()?], [list()?, list()?], [list()?, list()?]);
        let _languages = [list()?, list()?];
        let guess_follows = reader.u8()? != 0;
        reader.u32()?;
        reader.finish()?;
        Ok(Self { methods, host_keys, ciphers, macs, compressions, guess_follows })
    }
}

/// What both sides will use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) method: Method,
    /// The host key's algorithm, by its name in KEXINIT.
    pub(crate) host_key: String,
    pub(crate) to_server: Suite,
    pub(crate) to_client: Suite,
    /// Both sides reset sequence numbers with new keys, and take nothing foreign in the first exchange.
    pub(crate) strict: bool,
    /// The peer takes an EXT_INFO.
    pub(crate) extensions: bool,
    /// The peer's next packet is a guess, and wrong.
    pub(crate) wrong_guess: bool,
}

/// `ours` and `theirs` are both KEXINITs; `strict` is what the first exchange came to, None in the first.
pub(crate) fn agree(
    role: Role,
    ours: &KexInit<'_>,
    theirs: &KexInit<'_>,
    strict: Option<bool>,
) -> Result<Agreed, Broken> {
    let (client, server) = match role {
        Role::Client => (ours, theirs),
        Role::Server => (theirs, ours),
    };
    let mut both = Both { role, client, server };
    let method = both.name("key exchange", |side| side.methods)?;
    let method = Method::named(method).ok_or_else(|| Broken::exchange("the peer offers no key exchange"))?;
    let host_key = both.host_key()?.to_owned();
    let strict = strict.unwrap_or_else(|| theirs.methods.has(role.peer().strict()));
    let to_server = both.suite(|[to_server, _]| to_server)?;
    let to_client = both.suite(|[_, to_client]| to_client)?;
    for suite in [to_server, to_client] {
        if suite.cipher.needs_strict_kex() && !strict {
            return Err(Broken::exchange(format!(
                "{} without strict key exchange lets packets be cut off unseen (CVE-2023-48795): update the SSH \
                 software of the other side, or have it use aes128-gcm@openssh.com",
                suite.cipher.name()
            )));
        }
    }
    both.name("compression", |side| side.compressions[0])?;
    both.name("compression", |side| side.compressions[1])?;
    let right_guess =
        ours.methods.first() == theirs.methods.first() && ours.host_keys.first() == theirs.host_keys.first();
    Ok(Agreed {
        method,
        host_key,
        to_server,
        to_client,
        strict,
        extensions: theirs.methods.has(role.peer().extensions()),
        wrong_guess: theirs.guess_follows && !right_guess,
    })
}

struct Both<'a> {
    role: Role,
    client: &'a KexInit<'a>,
    server: &'a KexInit<'a>,
}

impl<'a> Both<'a> {
    /// The first of the client's names that the server has too.
    fn name(&mut self, what: &str, list: impl Fn(&KexInit<'a>) -> Names<'a>) -> Result<&'a str, Broken> {
        let (client, server) = (list(self.client), list(self.server));
        client.each().find(|name| server.has(name)).ok_or_else(|| {
            let (ours, theirs) = match self.role {
                Role::Client => (client, server),
                Role::Server => (server, client),
            };
            let shown: String = theirs.0.chars().take(MOST_SHOWN).collect();
            Broken::exchange(format!(
                "no {what} in common: the peer has {shown:?}, here there is {:?}",
                ours.0
            ))
        })
    }

    /// For a client, no host key in common means that none of those it trusts is offered.
    fn host_key(&mut self) -> Result<&'a str, Broken> {
        self.name("host key algorithm", |side| side.host_keys).map_err(|broken| match self.role {
            Role::Client => Broken::host_key(broken.text),
            Role::Server => broken,
        })
    }

    fn suite(&mut self, direction: impl Fn([Names<'a>; 2]) -> Names<'a>) -> Result<Suite, Broken> {
        let cipher = self.name("cipher", |side| direction(side.ciphers))?;
        let cipher = Cipher::named(cipher).ok_or_else(|| Broken::exchange("the peer offers no cipher"))?;
        // a cipher that vouches for its packets makes the list of MACs moot
        let mac = if cipher.needs_mac() {
            let mac = self.name("MAC", |side| direction(side.macs))?;
            Some(Mac::named(mac).ok_or_else(|| Broken::exchange("the peer offers no MAC"))?)
        } else {
            None
        };
        Ok(Suite { cipher, mac })
    }
}

#[cfg(test)]
mod tests;
