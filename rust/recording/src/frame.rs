//! The frames, one struct a kind. All borrow: a frame lives for the time of one push or one decode.
//!
//! Text that comes from a client or a target is `&[u8]`: it has the client's encoding and may be anything.

use crate::kind::{Kind, Via};
use crate::ssh::Ssh;

/// One entry of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A session was admitted.
    SessionStart(SessionStart<'a>),
    /// A session goes on in this segment.
    SessionContinued(SessionContinued<'a>),
    /// A session is over.
    SessionEnd(SessionEnd<'a>),
    /// A statement and its decision.
    Statement(Statement<'a>),
    /// Parameters for a prepared statement.
    Bind(Bind<'a>),
    /// A portal is run.
    Execute(Execute<'a>),
    /// A small message of the principal.
    Request(Request<'a>),
    /// Bytes of the principal kept by digest.
    Input(Input),
    /// Bytes delivered to the principal, by digest.
    Result(ResultSpan<'a>),
    /// Bytes delivered to the principal, whole: those of the Result frame before.
    Rows(&'a [u8]),
    /// An error or a notice.
    Report(Report<'a>),
    /// A decision that belongs to no statement.
    Decision(Decision<'a>),
    /// The session's grant was replaced.
    GrantChanged(GrantChanged<'a>),
    /// A CancelRequest for this session.
    Cancel(Cancel<'a>),
    /// A frame of an ssh session.
    Ssh(Ssh<'a>),
}

impl Frame<'_> {
    /// The number of its kind in a frame header.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Frame::SessionStart(_) => Kind::SessionStart,
            Frame::SessionContinued(_) => Kind::SessionContinued,
            Frame::SessionEnd(_) => Kind::SessionEnd,
            Frame::Statement(_) => Kind::Statement,
            Frame::Bind(_) => Kind::Bind,
            Frame::Execute(_) => Kind::Execute,
            Frame::Request(_) => Kind::Request,
            Frame::Input(_) => Kind::Input,
            Frame::Result(_) => Kind::Result,
            Frame::Rows(_) => Kind::Rows,
            Frame::Report(_) => Kind::Report,
            Frame::Decision(_) => Kind::Decision,
            Frame::GrantChanged(_) => Kind::GrantChanged,
            Frame::Cancel(_) => Kind::Cancel,
            Frame::Ssh(frame) => Kind::Ssh(frame.kind()),
        }
    }
}

/// A session was admitted: who, to what, under which grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionStart<'a> {
    /// `s_` + ULID.
    pub session: &'a str,
    /// `g_` + ULID.
    pub grant: &'a str,
    /// The issuer string of the principal's token.
    pub issuer: &'a str,
    /// `cid:...` or `uid:...`.
    pub principal: &'a str,
    /// Display name.
    pub principal_name: &'a str,
    /// `service`, `ai_agent` or `user`.
    pub principal_kind: &'a str,
    /// Name of the target.
    pub target: &'a str,
    /// Database at the target.
    pub database: &'a str,
    /// The words of the granted actions.
    pub actions: &'a [&'a str],
    /// Name of the policy.
    pub policy: &'a str,
    /// Digest of the policy, hex.
    pub policy_hash: &'a str,
    /// The task the principal named, or empty.
    pub task: &'a str,
    /// `ADDRESS:PORT` of the principal.
    pub peer: &'a str,
    /// `application_name` of the startup packet, or empty.
    pub application_name: &'a str,
    /// Name of the gateway.
    pub node: &'a str,
}

/// At the head of every segment for each session that is open: makes the segment readable alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionContinued<'a> {
    /// `s_` + ULID.
    pub session: &'a str,
    /// `g_` + ULID.
    pub grant: &'a str,
}

/// A statement, and what was decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Counts from 1 in each session.
    pub no: u64,
    /// The message it came in.
    pub via: Via,
    /// Name of the prepared statement, or empty.
    pub name: &'a [u8],
    /// The SQL, as sent.
    pub text: &'a [u8],
    /// Declared parameter type OIDs.
    pub types: &'a [u32],
    /// It was forwarded.
    pub allow: bool,
    /// The policy that allowed it, or why it was refused.
    pub reason: &'a [u8],
}

/// One value of a Bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Type OID, 0 if not known.
    pub oid: u32,
    /// 0 text, 1 binary.
    pub format: i16,
    /// The value or its beginning; `None` is NULL.
    pub value: Option<&'a [u8]>,
    /// Bytes of the whole value.
    pub length: u64,
}

/// Parameters for a prepared statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The statement's number, 0 if not known.
    pub no: u64,
    /// Portal name, or empty.
    pub portal: &'a [u8],
    /// Statement name, or empty.
    pub name: &'a [u8],
    /// The values that were read.
    pub parameters: &'a [Parameter<'a>],
    /// Bytes of the message, or of the part of it that came in this frame.
    pub bytes: u64,
}

/// A portal is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execute<'a> {
    /// Portal name, or empty.
    pub portal: &'a [u8],
    /// The statement's number, 0 if not known.
    pub no: u64,
    /// Row limit as sent; 0 is none.
    pub max_rows: i64,
}

/// One of the small messages: Describe, Close, Sync, Flush, CopyDone, CopyFail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The message's type byte.
    pub kind: u8,
    /// The name in it (or the text of a CopyFail), or empty.
    pub name: &'a [u8],
    /// Bytes of the message.
    pub bytes: u64,
}

/// Bytes forwarded to the target that are kept by digest: COPY data, a FunctionCall, a Bind that its frame does not say
/// whole (from its type byte on) with what streams behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// How many.
    pub bytes: u64,
    /// BLAKE3 of them.
    pub digest: [u8; 32],
}

/// A span of the bytes delivered to the principal after login. The spans are disjoint, in order, and together
/// all that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultSpan<'a> {
    /// The statement's number, 0 if the bytes belong to none.
    pub no: u64,
    /// Rows in the span.
    pub rows: u64,
    /// Bytes of the span.
    pub bytes: u64,
    /// BLAKE3 of exactly these bytes.
    pub digest: [u8; 32],
    /// CommandComplete tag, or empty if there is none (yet).
    pub tag: &'a [u8],
    /// The result ends here.
    pub last: bool,
    /// SQLSTATE of the error that ended it, or empty.
    pub sqlstate: &'a [u8],
}

/// An error or a notice, of the target or the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// `ERROR`, `FATAL`, `NOTICE`, ...
    pub severity: &'a str,
    /// SQLSTATE, or empty.
    pub sqlstate: &'a str,
    /// The primary message.
    pub message: &'a [u8],
}

/// A decision that belongs to no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// The word of the action.
    pub action: &'a str,
    /// Allowed.
    pub allow: bool,
    /// Why.
    pub reason: &'a str,
    /// Name of the policy.
    pub policy: &'a str,
}

/// The session's grant was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantChanged<'a> {
    /// Id of the new grant.
    pub grant: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// A CancelRequest for this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancel<'a> {
    /// It was passed on.
    pub allow: bool,
    /// `ADDRESS:PORT` it came from.
    pub from: &'a str,
}

/// The session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnd<'a> {
    /// `downstream`, `upstream`, `gateway`, `operator`, or `crash`.
    pub closed_by: &'a str,
    /// Why, one plain phrase.
    pub reason: &'a str,
    /// SQLSTATE, or empty for an ordinary end.
    pub sqlstate: &'a str,
    /// Statements received, allowed or not.
    pub statements: u64,
    /// Rows delivered.
    pub rows: u64,
    /// Bytes received after login.
    pub bytes_in: u64,
    /// Bytes delivered after login.
    pub bytes_out: u64,
}
