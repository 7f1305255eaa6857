//! What of a packet goes into the recording.

use crate::channels::Channel;
use crate::session::Turn;
use hoopwire_grant::{Fault, Record};
use hoopwire_recording::ssh::{Answer, Ask, Data, Flow, Ssh, Typed};
use hoopwire_recording::{Direction, Frame};
use hoopwire_session::Recorded;
use hoopwire_ssh_policy::{Denial, Grant};

/// What is asked for, as the recording has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// 0 for the connection.
    pub(crate) channel: u64,
    pub(crate) name: &'a [u8],
    pub(crate) about: &'a [u8],
}

/// Session `no` of the stream, under this grant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeper<'g> {
    pub(crate) no: u32,
    pub(crate) grant: &'g Grant,
}

impl Keeper<'_> {
    /// An open of the principal's.
    pub(crate) fn open(self, asked: Asked<'_>, refused: Option<&Denial>, turn: &mut Turn<'_>) -> Recorded {
        let frame = Ssh::Open(self.decided(asked, refused));
        turn.record(self.no, Direction::Upstream, &Frame::Ssh(frame))
    }

    /// A request of the principal's.
    pub(crate) fn request(self, asked: Asked<'_>, refused: Option<&Denial>, turn: &mut Turn<'_>) -> Recorded {
        let frame = Ssh::Request(self.decided(asked, refused));
        turn.record(self.no, Direction::Upstream, &Frame::Ssh(frame))
    }

    /// Something that comes out of order, whatever the grant says.
    pub(crate) fn misplaced(
        self,
        asked: Asked<'_>,
        is_open: bool,
        reason: &str,
        turn: &mut Turn<'_>,
    ) -> Recorded {
        let Asked { channel, name, about } = asked;
        let ask = Ask { channel, name, about, allow: false, reason };
        let frame = if is_open { Ssh::Open(ask) } else { Ssh::Request(ask) };
        turn.record(self.no, Direction::Upstream, &Frame::Ssh(frame))
    }

    fn decided<'a>(&'a self, asked: Asked<'a>, refused: Option<&Denial>) -> Ask<'a> {
        let Asked { channel, name, about } = asked;
        let reason = refused.map_or(self.grant.policy.as_str(), |denial| denial.code.name());
        Ask { channel, name, about, allow: refused.is_none(), reason }
    }

    /// What the target asks of the principal: an exit status, and the like.
    pub(crate) fn request_of_target(self, asked: Asked<'_>, turn: &mut Turn<'_>) -> Recorded {
        let Asked { channel, name, about } = asked;
        let frame = Ssh::Request(Ask { channel, name, about, allow: true, reason: "" });
        turn.record(self.no, Direction::Downstream, &Frame::Ssh(frame))
    }

    /// A channel that the target opens toward the principal.
    pub(crate) fn open_of_target(
        self,
        asked: Asked<'_>,
        refused: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> Recorded {
        let Asked { channel, name, about } = asked;
        let reason = refused.unwrap_or(&self.grant.policy);
        let frame = Ssh::Open(Ask { channel, name, about, allow: refused.is_none(), reason });
        turn.record(self.no, Direction::Downstream, &Frame::Ssh(frame))
    }

    /// Bytes of the principal. What is typed at a terminal may be a password.
    pub(crate) fn input(self, channel: &Channel, data: &[u8], turn: &mut Turn<'_>) -> Recorded {
        let frame = if channel.has_terminal {
            Ssh::Typed(Typed { channel: channel.no, bytes: data.len() as u64 })
        } else {
            self.data(channel.no, 0, data)
        };
        turn.record(self.no, Direction::Upstream, &Frame::Ssh(frame))
    }

    /// Bytes of the target.
    pub(crate) fn output(self, channel: &Channel, stream: u32, data: &[u8], turn: &mut Turn<'_>) -> Recorded {
        let frame = if channel.has_terminal {
            Ssh::Data(Data { channel: channel.no, stream: u64::from(stream), content: data })
        } else {
            self.data(channel.no, stream, data)
        };
        turn.record(self.no, Direction::Downstream, &Frame::Ssh(frame))
    }

    fn data<'a>(self, channel: u64, stream: u32, data: &'a [u8]) -> Ssh<'a> {
        let stream = u64::from(stream);
        match self.grant.record {
            Record::Full => Ssh::Data(Data { channel, stream, content: data }),
            Record::Digest => {
                let digest = *blake3::hash(data).as_bytes();
                Ssh::Flow(Flow { channel, stream, bytes: data.len() as u64, digest })
            }
        }
    }

    /// Words of the gateway's own on a channel.
    pub(crate) fn words(self, channel: u64, stream: u32, text: &[u8], turn: &mut Turn<'_>) -> Recorded {
        let frame = Ssh::Data(Data { channel, stream: u64::from(stream), content: text });
        turn.record(self.no, Direction::Gateway, &Frame::Ssh(frame))
    }

    /// An answer or an end, from `direction`.
    pub(crate) fn answer(
        self,
        channel: u64,
        what: &str,
        about: &[u8],
        direction: Direction,
        turn: &mut Turn<'_>,
    ) -> Recorded {
        turn.record(self.no, direction, &Frame::Ssh(Ssh::Answer(Answer { channel, what, about })))
    }
}

/// The denial ends the session: the grant is over, whatever was asked.
pub(crate) fn is_final(denial: &Denial) -> bool {
    denial.fault == Fault::Expired
}
