//! Messages of a frontend: their types, their bodies as typed views, and the ones that the gateway writes itself.
//!
//! PostgreSQL documentation, "Message Formats". A view borrows the body and allocates nothing.

use crate::message::{message_tags, write};
use crate::values::{Formats, Oids, take_value};
use hoopwire_wire::{Reader, Writer};

message_tags! {
    /// A type of message that a frontend sends.
    Tag {
        /// Binds parameters to a statement: makes a portal.
        Bind = b'B',
        /// Closes a statement or portal.
        Close = b'C',
        /// COPY data.
        CopyData = b'd',
        /// COPY data is complete.
        CopyDone = b'c',
        /// COPY data is given up.
        CopyFail = b'f',
        /// Asks what a statement or portal takes and gives.
        Describe = b'D',
        /// Runs a portal.
        Execute = b'E',
        /// Asks for what the backend keeps back.
        Flush = b'H',
        /// Calls a function by its OID.
        FunctionCall = b'F',
        /// Prepares a statement.
        Parse = b'P',
        /// A password, or a step of SASL or GSSAPI.
        Password = b'p',
        /// Runs a text.
        Query = b'Q',
        /// Ends a round of the extended protocol.
        Sync = b'S',
        /// The end of the connection.
        Terminate = b'X',
    }
}

/// What a Describe or Close is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A prepared statement.
    Statement = b'S',
    /// A portal. What is neither is taken for one: it is the backend's to refuse.
    Portal = b'P',
}

impl Kind {
    /// What this byte stands for.
    #[must_use]
    pub fn of(byte: u8) -> Kind {
        if byte == Kind::Statement.byte() { Kind::Statement } else { Kind::Portal }
    }

    /// Its byte on the wire.
    #[must_use]
    pub fn byte(self) -> u8 {
        self as u8
    }
}

/// A body that is no message of its type, with what could be read of it: a request is decided by its names before it is
/// asked whether it is well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed<T>(pub T);

/// Query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// What to run.
    pub text: &'a [u8],
}

impl<'a> Query<'a> {
    /// `None` if the body is not one string.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<Query<'a>> {
        body.strip_suffix(b"\0").filter(|text| !text.contains(&0)).map(|text| Query { text })
    }
}

/// Parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parse<'a> {
    /// Of the statement that it makes; empty for the unnamed one.
    pub name: &'a [u8],
    /// What to prepare.
    pub text: &'a [u8],
    /// Declared types of its first parameters, 0 for those that are left open.
    pub types: Oids<'a>,
}

impl<'a> Parse<'a> {
    /// `None` if something is missing, or more behind it.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<Parse<'a>> {
        let mut reader = Reader::new(body);
        let name = reader.cstr().ok()?;
        let text = reader.cstr().ok()?;
        let types = Oids::take(&mut reader)?;
        reader.is_empty().then_some(Parse { name, text, types })
    }
}

/// Bind.
#[derive(Clone, Debug)]
pub struct Bind<'a> {
    /// Of the portal that it makes; empty for the unnamed one.
    pub portal: &'a [u8],
    /// The name of its statement.
    pub statement: &'a [u8],
    behind: Reader<'a>,
}

impl<'a> Bind<'a> {
    /// Reads the names. The body may break off behind them: of a long one only the beginning is here.
    ///
    /// # Errors
    /// A name is missing; it is empty in what could be read.
    pub fn read(body: &'a [u8]) -> Result<Bind<'a>, Malformed<Bind<'a>>> {
        let mut behind = Reader::new(body);
        let portal = behind.cstr();
        let statement = behind.cstr();
        let is_named = portal.is_ok() && statement.is_ok();
        let (portal, statement) = (portal.unwrap_or_default(), statement.unwrap_or_default());
        let bind = Bind { portal, statement, behind };
        if is_named { Ok(bind) } else { Err(Malformed(bind)) }
    }

    /// What comes behind the names. `None` if its beginning is not here.
    #[must_use]
    pub fn parameters(&self) -> Option<Parameters<'a>> {
        let mut reader = self.behind.clone();
        let formats = Formats::take(&mut reader)?;
        let count = reader.u16().ok()?;
        Some(Parameters { formats, count, at: 0, reader })
    }
}

/// The parameters of a Bind, one after the other; it ends before the first that is not here as a whole.
#[derive(Clone, Debug)]
pub struct Parameters<'a> {
    /// Their format codes: none if all are text, one for all, or one for each.
    pub formats: Formats<'a>,
    /// How many there are.
    pub count: u16,
    at: u16,
    reader: Reader<'a>,
}

/// A parameter of a Bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// 0 for text, 1 for binary.
    pub format: i16,
    /// `None` is NULL.
    pub value: Option<&'a [u8]>,
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        if self.at == self.count {
            return None;
        }
        let value = take_value(&mut self.reader)?;
        let format = self.formats.of(usize::from(self.at));
        self.at = self.at.saturating_add(1);
        Some(Parameter { format, value })
    }
}

impl<'a> Parameters<'a> {
    /// Behind all of them: the format codes of the result, if the message has these and nothing more.
    #[must_use]
    pub fn result_formats(mut self) -> Option<Formats<'a>> {
        if self.at != self.count {
            return None;
        }
        Formats::take(&mut self.reader).filter(|_| self.reader.is_empty())
    }
}

/// Execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The portal's name.
    pub portal: &'a [u8],
    /// Most rows to give; none is all.
    pub max_rows: i32,
}

impl<'a> Execute<'a> {
    /// # Errors
    /// Something is missing (empty or 0 in what could be read), or more behind it.
    pub fn read(body: &'a [u8]) -> Result<Execute<'a>, Malformed<Execute<'a>>> {
        let mut reader = Reader::new(body);
        let portal = reader.cstr();
        let max_rows = reader.i32();
        let is_whole = portal.is_ok() && max_rows.is_ok() && reader.is_empty();
        let execute = Execute { portal: portal.unwrap_or_default(), max_rows: max_rows.unwrap_or_default() };
        if is_whole { Ok(execute) } else { Err(Malformed(execute)) }
    }
}

/// Describe or Close: a statement or portal by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// Which of the two.
    pub kind: Kind,
    /// Its name.
    pub name: &'a [u8],
}

impl<'a> Named<'a> {
    /// `None` if something is missing, or more behind it.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<Named<'a>> {
        let mut reader = Reader::new(body);
        let kind = Kind::of(reader.u8().ok()?);
        let name = reader.cstr().ok()?;
        reader.is_empty().then_some(Named { kind, name })
    }
}

/// CopyFail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyFail<'a> {
    /// Why the data is given up.
    pub reason: &'a [u8],
}

impl<'a> CopyFail<'a> {
    /// Whatever the body is, it is the reason.
    #[must_use]
    pub fn read(body: &'a [u8]) -> CopyFail<'a> {
        CopyFail { reason: body.strip_suffix(b"\0").unwrap_or(body) }
    }
}

/// A request that names what was decided before, or carries nothing: whatever is neither Query, Parse nor FunctionCall.
#[derive(Clone, Debug)]
pub enum Rider<'a> {
    /// Bind.
    Bind(Result<Bind<'a>, Malformed<Bind<'a>>>),
    /// Execute.
    Execute(Result<Execute<'a>, Malformed<Execute<'a>>>),
    /// Describe, if it is well-formed.
    Describe(Option<Named<'a>>),
    /// Close, if it is well-formed.
    Close(Option<Named<'a>>),
    /// CopyFail.
    CopyFail(CopyFail<'a>),
    /// CopyDone.
    CopyDone {
        /// It has no body, as it should.
        is_bare: bool,
    },
    /// Any other.
    Other {
        /// It has no body, as it should.
        is_bare: bool,
    },
}

impl<'a> Rider<'a> {
    /// Reads the body of a message of this type.
    #[must_use]
    pub fn read(tag: Tag, body: &'a [u8]) -> Rider<'a> {
        let is_bare = body.is_empty();
        match tag {
            Tag::Bind => Rider::Bind(Bind::read(body)),
            Tag::Execute => Rider::Execute(Execute::read(body)),
            Tag::Describe => Rider::Describe(Named::read(body)),
            Tag::Close => Rider::Close(Named::read(body)),
            Tag::CopyFail => Rider::CopyFail(CopyFail::read(body)),
            Tag::CopyDone => Rider::CopyDone { is_bare },
            _ => Rider::Other { is_bare },
        }
    }
}

/// Appends a Query.
pub fn query(text: &[u8], out: &mut Vec<u8>) {
    write(Tag::Query, out, |w| w.cstr(text));
}

/// Appends a Parse that declares no types.
pub fn parse(name: &[u8], text: &[u8], out: &mut Vec<u8>) {
    write(Tag::Parse, out, |w| {
        w.cstr(name);
        w.cstr(text);
        w.u16(0);
    });
}

/// Appends a Bind without parameters, for a result as text.
pub fn bind(portal: &[u8], statement: &[u8], out: &mut Vec<u8>) {
    write(Tag::Bind, out, |w| {
        w.cstr(portal);
        w.cstr(statement);
        w.bytes(&[0; 6]);
    });
}

/// Appends an Execute of all rows.
pub fn execute(portal: &[u8], out: &mut Vec<u8>) {
    write(Tag::Execute, out, |w| {
        w.cstr(portal);
        w.i32(0);
    });
}

/// Appends a Describe.
pub fn describe(kind: Kind, name: &[u8], out: &mut Vec<u8>) {
    write(Tag::Describe, out, |w| named(w, kind, name));
}

/// Appends a Close.
pub fn close(kind: Kind, name: &[u8], out: &mut Vec<u8>) {
    write(Tag::Close, out, |w| named(w, kind, name));
}

fn named(w: &mut Writer<'_>, kind: Kind, name: &[u8]) {
    w.u8(kind.byte());
    w.cstr(name);
}

/// Appends a FunctionCall of this OID without arguments, for a result as text.
pub fn function_call(oid: u32, out: &mut Vec<u8>) {
    write(Tag::FunctionCall, out, |w| {
        w.u32(oid);
        w.bytes(&[0; 6]);
    });
}

/// Appends a CopyFail.
pub fn copy_fail(reason: &str, out: &mut Vec<u8>) {
    write(Tag::CopyFail, out, |w| w.cstr(reason));
}

/// Appends a Flush.
pub fn flush(out: &mut Vec<u8>) {
    write(Tag::Flush, out, |_| {});
}

/// Appends a Sync.
pub fn sync(out: &mut Vec<u8>) {
    write(Tag::Sync, out, |_| {});
}

/// Appends a Terminate.
pub fn terminate(out: &mut Vec<u8>) {
    write(Tag::Terminate, out, |_| {});
}
