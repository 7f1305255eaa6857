//! Hosts as clients write them: one spelling of each, or none.
//!
//! A target resolves what it is given by getaddrinfo, which takes `127.1`, `0x7f000001`, `017700000001` and
//! `fe80::1%eth0` for addresses. A host is understood only where it can be told what it is: an address in its usual
//! form, or a name whose last label is no number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// In lower case, without the dot of the root at its end.
    Name(String),
    /// An IPv4 address that is written as an IPv6 one is an IPv4 address.
    Address(IpAddr),
}

impl Host {
    /// Of what a client sends. `None` if it cannot be told which host it is.
    pub(crate) fn read(text: &str) -> Option<Host> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Host::Address(address.into()));
        }
        // a zone id is no part of what std reads
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Some(Host::Address(address.to_canonical()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_name = name.len() <= 253 && name.split('.').all(is_label) && !ends_in_number(&name);
        is_name.then_some(Host::Name(name))
    }

    /// Loopback, link-local, unspecified and their kind: no network and no suffix has them.
    pub(crate) fn is_special(&self) -> bool {
        match self {
            Host::Name(name) => {
                let first = name.split('.').next().unwrap_or_default();
                first.contains("localhost") || first.contains("loopback") || name.ends_with(".localhost")
            }
            Host::Address(IpAddr::V4(address)) => is_special_v4(*address),
            Host::Address(IpAddr::V6(address)) => is_special_v6(*address),
        }
    }

    /// The target itself.
    pub(crate) fn is_localhost(&self) -> bool {
        match self {
            Host::Name(name) => name == "localhost",
            Host::Address(address) => {
                *address == IpAddr::V4(Ipv4Addr::LOCALHOST) || *address == IpAddr::V6(Ipv6Addr::LOCALHOST)
            }
        }
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.octets().starts_with(&[0])
}

/// Also what has an IPv4 address in it, which a translator on the way would take out.
fn is_special_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let link_local = matches!(segments, [first, ..] if first & 0xffc0 == 0xfe80);
    let with_v4 = matches!(
        segments,
        [0, 0, 0, 0, 0, 0, ..] // loopback, unspecified and IPv4-compatible
            | [0, 0, 0, 0, 0xffff, 0, ..] // RFC 2765
            | [0x64, 0xff9b, ..] // RFC 6052, RFC 8215
            | [0x2001, 0, ..] // RFC 4380
            | [0x2002, ..] // RFC 3056
    );
    link_local || with_v4 || address.is_multicast()
}

fn is_label(label: &str) -> bool {
    matches!(label.len(), 1..=63)
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !label.starts_with('-')
}

/// What inet_aton would take for an address.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hex =
        last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        match Host::read(text) {
            None => "-".to_owned(),
            Some(Host::Name(name)) => name,
            Some(Host::Address(address)) => address.to_string(),
        }
    }

    #[test]
    fn one_host_has_one_spelling_or_none() {
        for (text, expected) in [
            ("db.internal", "db.internal"),
            ("DB.Internal.", "db.internal"),
            ("10.0.0.7", "10.0.0.7"),
            ("::ffff:10.0.0.7", "10.0.0.7"),
            ("::FFFF:0a00:0007", "10.0.0.7"),
            ("2001:DB8::1", "2001:db8::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            // glibc's getaddrinfo takes each of these for 127.0.0.1
            ("127.1", "-"),
            ("127.0.1", "-"),
            ("2130706433", "-"),
            ("0x7f000001", "-"),
            ("0x7f.1", "-"),
            ("0177.0.0.1", "-"),
            ("017700000001", "-"),
            ("127.0.0.0x1", "-"),
            ("127.0.0.1.", "-"),
            ("0", "-"),
            ("127.0.0.1 x", "-"),
            ("fe80::1%eth0", "-"),
            ("::1%lo", "-"),
            ("[::1]", "-"),
            ("db..internal", "-"),
            ("db.internal..", "-"),
            (".", "-"),
            ("", "-"),
            ("-oProxyCommand=x", "-"),
            ("a b", "-"),
            ("a\0b", "-"),
            ("a/b", "-"),
            ("l\u{f6}calhost", "-"),
            ("127\u{ff0e}0\u{ff0e}0\u{ff0e}1", "-"),
            ("*", "-"),
        ] {
            assert_eq!(canonical(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_address_of_the_target_itself_in_a_costume() {
        for text in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "localhost.localdomain",
            "ip6-localhost",
            "ip6-loopback",
            "localhost6",
        ] {
            assert!(Host::read(text).unwrap().is_special(), "{text}");
        }
        for text in
            ["10.0.0.1", "192.168.1.1", "1.1.1.1", "2001:db8::1", "fd00::1", "db.internal", "local.host"]
        {
            assert!(!Host::read(text).unwrap().is_special(), "{text}");
        }
    }
}
