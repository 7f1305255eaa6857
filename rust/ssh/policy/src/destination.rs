//! Where connections may go, and where the target may listen.
//!
//! ```text
//! destination = host ':' port | absolute path of a Unix socket
//! host = name | '*.' name | IPv4 | IPv4 '/' bits | '[' IPv6 ']' | '[' IPv6 '/' bits ']' | '*' (to listen only)
//! port = number | number '-' number | '*'
//! ```
//!
//! `localhost` is the name and both loopback addresses. Loopback, link-local, multicast and unspecified addresses, and
//! names of localhost, are covered only where they are written out: no network and no suffix has them. `*` is to
//! listen on every address, and covers whatever a client asks to listen on.

use crate::host::Host;
use crate::path::{Prefix, normalise};
use std::net::IpAddr;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Every,
    One(Host),
    /// With the dot.
    Suffix(String),
    Network {
        address: IpAddr,
        bits: u32,
    },
}

/// What a word names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Hosts and ports, the first and the last.
    Port(Ports),
    /// A Unix socket.
    Socket(Prefix),
}

/// Hosts and ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    hosts: Hosts,
    first: u32,
    last: u32,
}

impl Destination {
    /// To connect to.
    pub(crate) fn read(text: &str) -> Result<Destination, String> {
        match Destination::read_listening(text)? {
            Destination::Port(Ports { hosts: Hosts::Every, .. }) => {
                Err("name the host: what a name leads to is known to the target only".to_owned())
            }
            destination => Ok(destination),
        }
    }

    /// For the target to listen on.
    pub(crate) fn read_listening(text: &str) -> Result<Destination, String> {
        if text.starts_with('/') {
            return Prefix::read(text).map(Destination::Socket);
        }
        Ports::read(text).map(Destination::Port)
    }

    /// Is it this host and port?
    pub(crate) fn covers(&self, host: &Host, port: u32) -> bool {
        matches!(self, Destination::Port(ports) if ports.covers(host, port) && port != 0)
    }

    /// May the target listen there? `None`: on every address.
    pub(crate) fn covers_listening(&self, host: Option<&Host>, port: u32) -> bool {
        matches!(self, Destination::Port(ports) if ports.covers_listening(host, port))
    }

    /// Is it this Unix socket?
    pub(crate) fn covers_socket(&self, path: &str) -> bool {
        let Destination::Socket(socket) = self else { return false };
        normalise(path.as_bytes()).is_ok_and(|path| *path == *socket.as_str().as_bytes())
    }
}

impl Ports {
    /// Of its text; also to listen on.
    fn read(text: &str) -> Result<Ports, String> {
        const FORM: &str = "it is written HOST:PORT";
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").ok_or(FORM)?,
            None => text.rsplit_once(':').ok_or(FORM)?,
        };
        let (first, last) = read_ports(port).ok_or("the port is a number to 65535, FIRST-LAST or *")?;
        let hosts = Hosts::read(host, text.starts_with('['))?;
        Ok(Ports { hosts, first, last })
    }

    fn covers(&self, host: &Host, port: u32) -> bool {
        (self.first..=self.last).contains(&port) && self.hosts.covers(host)
    }

    fn covers_listening(&self, host: Option<&Host>, port: u32) -> bool {
        match host {
            None => self.hosts == Hosts::Every && (self.first..=self.last).contains(&port),
            Some(host) => self.covers(host, port),
        }
    }
}

fn read_ports(text: &str) -> Option<(u32, u32)> {
    let port = |text: &str| {
        let plain = matches!(text.len(), 1..=5) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| plain).map(u32::from)
    };
    let (first, last) = match text.split_once('-') {
        _ if text == "*" => (0, 65_535),
        None => (port(text)?, port(text)?),
        Some((first, last)) => (port(first)?, port(last)?),
    };
    (first <= last).then_some((first, last))
}

impl Hosts {
    fn read(text: &str, in_brackets: bool) -> Result<Hosts, String> {
        let odd =
            || format!("`{text}` is no host: a name, *.SUFFIX, an address or ADDRESS/BITS; IPv6 in brackets");
        if text == "*" {
            return Ok(Hosts::Every);
        }
        if let Some(suffix) = text.strip_prefix('*') {
            let name = suffix.strip_prefix('.').and_then(Host::read).ok_or_else(odd)?;
            return match name {
                Host::Name(name) if format!("*.{name}") == text => Ok(Hosts::Suffix(format!(".{name}"))),
                _ => Err(odd()),
            };
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let host = Host::read(address).ok_or_else(odd)?;
        if let Host::Name(name) = &host
            && name != text
        {
            return Err(odd());
        }
        if matches!(host, Host::Address(IpAddr::V6(_))) != in_brackets {
            return Err(odd());
        }
        match (host, bits) {
            (Host::Address(address), Some(bits)) => {
                let most = if address.is_ipv4() { 32 } else { 128 };
                let plain = matches!(bits.len(), 1..=3) && bits.bytes().all(|byte| byte.is_ascii_digit());
                let bits = bits.parse::<u32>().ok().filter(|bits| plain && *bits <= most).ok_or_else(odd)?;
                let network = Hosts::Network { address, bits };
                if masked(address, bits) == number(address) { Ok(network) } else { Err(odd()) }
            }
            (Host::Name(_), Some(_)) => Err(odd()),
            (host, None) => Ok(Hosts::One(host)),
        }
    }

    fn covers(&self, host: &Host) -> bool {
        match self {
            Hosts::Every => true,
            Hosts::One(Host::Name(name)) if name == "localhost" => host.is_localhost(),
            Hosts::One(one) => one == host,
            _ if host.is_special() => false,
            Hosts::Suffix(suffix) => matches!(host, Host::Name(name) if name.ends_with(suffix)),
            Hosts::Network { address, bits } => match host {
                Host::Address(host) if host.is_ipv4() == address.is_ipv4() => {
                    masked(*host, *bits) == number(*address)
                }
                _ => false,
            },
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address without its bits behind the first `bits`.
fn masked(address: IpAddr, bits: u32) -> u128 {
    let width: u32 = if address.is_ipv4() { 32 } else { 128 };
    let gone = width.saturating_sub(bits);
    let shifted = number(address).checked_shr(gone).unwrap_or(0);
    shifted.checked_shl(gone).unwrap_or(0)
}
