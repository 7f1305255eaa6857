//! What a principal's connection is at, as to TLS.
//!
//! ```text
//!  Fresh ──a handshake's first byte──────────────▶ Handshake { direct: true } ──done──▶ Tls
//!    │ any other byte                                    ▲
//!    ▼                                                   │ direct: false
//!  Plain ──the session asks──▶ AwaitTls ──all is sent────┘
//! ```

/// First byte of a TLS record with a handshake message (RFC 8446, 5.1).
const HANDSHAKE: u8 = 0x16;

/// See the diagram above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Front {
    /// Nothing came yet: TLS may begin directly.
    #[default]
    Fresh,
    /// Not encrypted.
    Plain,
    /// TLS begins when what is buffered is sent.
    AwaitTls,
    /// TLS has begun; `direct` from the first byte on.
    Handshake { direct: bool },
    /// Encrypted, and the session knows.
    Tls,
}

impl Front {
    /// These bytes came from the socket. True if TLS begins with them.
    pub(crate) fn begins_tls(&mut self, bytes: &[u8]) -> bool {
        if *self != Front::Fresh {
            return false;
        }
        let direct = bytes.first() == Some(&HANDSHAKE);
        *self = if direct { Front::Handshake { direct } } else { Front::Plain };
        direct
    }

    /// The session asks for TLS.
    pub(crate) fn ask(&mut self) {
        if matches!(self, Front::Fresh | Front::Plain) {
            *self = Front::AwaitTls;
        }
    }

    /// All that was buffered is sent. True if TLS begins now.
    pub(crate) fn all_sent(&mut self) -> bool {
        let begins = *self == Front::AwaitTls;
        if begins {
            *self = Front::Handshake { direct: false };
        }
        begins
    }

    /// The handshake is done. Says once whether it began with the first byte.
    pub(crate) fn done(&mut self) -> Option<bool> {
        let Front::Handshake { direct } = *self else { return None };
        *self = Front::Tls;
        Some(direct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrow_of_the_diagram_and_no_other() {
        let all = [
            Front::Fresh,
            Front::Plain,
            Front::AwaitTls,
            Front::Handshake { direct: true },
            Front::Handshake { direct: false },
            Front::Tls,
        ];
        for from in all {
            let go = |act: fn(&mut Front) -> bool| {
                let mut front = from;
                let said = act(&mut front);
                (front, said)
            };
            let tls = go(|front| front.begins_tls(&[HANDSHAKE, 3]));
            let other = go(|front| front.begins_tls(b"\0\0\0\x08"));
            let asked = go(|front| {
                front.ask();
                false
            });
            let sent = go(Front::all_sent);
            let done = go(|front| front.done().is_some());
            let stays = (from, false);
            let expected = match from {
                Front::Fresh => [
                    (Front::Handshake { direct: true }, true),
                    (Front::Plain, false),
                    (Front::AwaitTls, false),
                    stays,
                    stays,
                ],
                Front::Plain => [stays, stays, (Front::AwaitTls, false), stays, stays],
                Front::AwaitTls => [stays, stays, stays, (Front::Handshake { direct: false }, true), stays],
                Front::Handshake { .. } => [stays, stays, stays, stays, (Front::Tls, true)],
                Front::Tls => [stays; 5],
            };
            assert_eq!([tls, other, asked, sent, done], expected, "{from:?}");
        }
    }

    #[test]
    fn how_it_began_is_said_once() {
        for (mut front, direct) in
            [(Front::Handshake { direct: true }, true), (Front::Handshake { direct: false }, false)]
        {
            assert_eq!((front.done(), front.done()), (Some(direct), None));
        }
    }
}
