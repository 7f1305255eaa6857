//! Messages of a backend: their types, their bodies as typed views, and the ones that the gateway writes itself.
//!
//! PostgreSQL documentation, "Message Formats". A view borrows the body and allocates nothing. ErrorResponse and
//! NoticeResponse are in [`error`](crate::error).

use crate::cancel::CancelKey;
use crate::message::{message_tags, write};
use crate::values::{Oids, take_value};
use hoopwire_wire::{DecodeError, Reader};

message_tags! {
    /// A type of message that a backend sends.
    Tag {
        /// A step of the login.
        Authentication = b'R',
        /// What a CancelRequest needs.
        BackendKeyData = b'K',
        /// A Bind was done.
        BindComplete = b'2',
        /// A Close was done.
        CloseComplete = b'3',
        /// A statement ended, and how.
        CommandComplete = b'C',
        /// COPY data goes both ways from here on.
        CopyBothResponse = b'W',
        /// COPY data.
        CopyData = b'd',
        /// COPY data is complete.
        CopyDone = b'c',
        /// The backend takes COPY data.
        CopyInResponse = b'G',
        /// The backend sends COPY data.
        CopyOutResponse = b'H',
        /// A row.
        DataRow = b'D',
        /// A text without a statement in it.
        EmptyQueryResponse = b'I',
        /// Something failed.
        ErrorResponse = b'E',
        /// What a function gave.
        FunctionCallResponse = b'V',
        /// The frontend's protocol version is too new.
        NegotiateProtocolVersion = b'v',
        /// What was described gives no rows.
        NoData = b'n',
        /// A word to the user.
        NoticeResponse = b'N',
        /// NOTIFY of some session.
        NotificationResponse = b'A',
        /// The types of a statement's parameters.
        ParameterDescription = b't',
        /// The value of a setting.
        ParameterStatus = b'S',
        /// A Parse was done.
        ParseComplete = b'1',
        /// An Execute has reached its limit of rows.
        PortalSuspended = b's',
        /// The backend waits for the next round.
        ReadyForQuery = b'Z',
        /// The columns of rows.
        RowDescription = b'T',
    }
}

/// Where ReadyForQuery says that the session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TransactionStatus {
    /// In no transaction.
    Idle = b'I',
    /// In a transaction.
    Open = b'T',
    /// In a transaction that has failed.
    Failed = b'E',
}

impl TransactionStatus {
    /// Reads the body of a ReadyForQuery. `None` if it is not one of these three, alone.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<TransactionStatus> {
        match body {
            [b'I'] => Some(TransactionStatus::Idle),
            [b'T'] => Some(TransactionStatus::Open),
            [b'E'] => Some(TransactionStatus::Failed),
            _ => None,
        }
    }
}

/// CommandComplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandComplete<'a> {
    /// What was done, such as `SELECT 3`.
    pub text: &'a [u8],
}

impl<'a> CommandComplete<'a> {
    /// Whatever the body is, it is the text.
    #[must_use]
    pub fn read(body: &'a [u8]) -> CommandComplete<'a> {
        CommandComplete { text: body.strip_suffix(b"\0").unwrap_or(body) }
    }
}

/// ParameterStatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterStatus<'a> {
    /// The setting.
    pub name: &'a [u8],
    /// Its value from here on.
    pub value: &'a [u8],
}

impl<'a> ParameterStatus<'a> {
    /// `None` if something is missing; what is behind it is not looked at.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<ParameterStatus<'a>> {
        ParameterStatus::take(&mut Reader::new(body)).ok()
    }

    pub(crate) fn take(reader: &mut Reader<'a>) -> Result<ParameterStatus<'a>, DecodeError> {
        Ok(ParameterStatus { name: reader.cstr()?, value: reader.cstr()? })
    }
}

/// ParameterDescription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterDescription<'a> {
    /// Of each parameter.
    pub types: Oids<'a>,
}

impl<'a> ParameterDescription<'a> {
    /// `None` if something is missing; what is behind it is not looked at.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<ParameterDescription<'a>> {
        Oids::take(&mut Reader::new(body)).map(|types| ParameterDescription { types })
    }
}

/// DataRow: its values one after the other, `None` for NULL.
#[derive(Clone, Debug)]
pub struct DataRow<'a> {
    left: u16,
    reader: Reader<'a>,
}

/// A row, or the description of one, that is not made of as many values or columns as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedRow;

impl<'a> DataRow<'a> {
    /// # Errors
    /// There is no number of values. That they are whole, and all, is seen at the last of them.
    pub fn read(body: &'a [u8]) -> Result<DataRow<'a>, MalformedRow> {
        let mut reader = Reader::new(body);
        let left = reader.u16().map_err(|_| MalformedRow)?;
        if left == 0 && !reader.is_empty() {
            return Err(MalformedRow);
        }
        Ok(DataRow { left, reader })
    }
}

impl<'a> Iterator for DataRow<'a> {
    type Item = Result<Option<&'a [u8]>, MalformedRow>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let value = take_value(&mut self.reader).filter(|_| self.left > 0 || self.reader.is_empty());
        if value.is_none() {
            self.left = 0;
        }
        Some(value.ok_or(MalformedRow))
    }
}

/// RowDescription: its columns one after the other.
#[derive(Clone, Debug)]
pub struct RowDescription<'a> {
    left: u16,
    reader: Reader<'a>,
}

/// A column of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// OID of the relation that it is of, 0 if of none.
    pub table: u32,
    /// Its number there.
    pub number: i16,
    /// OID of its type.
    pub type_oid: u32,
    /// 0 for text, 1 for binary.
    pub format: i16,
}

impl<'a> RowDescription<'a> {
    /// # Errors
    /// There is no number of columns. That they are whole, and all, is seen at the last of them.
    pub fn read(body: &'a [u8]) -> Result<RowDescription<'a>, MalformedRow> {
        let mut reader = Reader::new(body);
        let count = reader.i16().map_err(|_| MalformedRow)?;
        let left = u16::try_from(count).map_err(|_| MalformedRow)?;
        if left == 0 && !reader.is_empty() {
            return Err(MalformedRow);
        }
        Ok(RowDescription { left, reader })
    }

    /// How many are to come, as it says.
    #[must_use]
    pub fn left(&self) -> u16 {
        self.left
    }

    fn column(&mut self) -> Result<Column, DecodeError> {
        let reader = &mut self.reader;
        reader.cstr()?;
        let (table, number, type_oid) = (reader.u32()?, reader.i16()?, reader.u32()?);
        // the size of the type, and its modifier
        reader.array::<6>()?;
        Ok(Column { table, number, type_oid, format: reader.i16()? })
    }
}

impl Iterator for RowDescription<'_> {
    type Item = Result<Column, MalformedRow>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let column = self.column().ok().filter(|_| self.left > 0 || self.reader.is_empty());
        if column.is_none() {
            self.left = 0;
        }
        Some(column.ok_or(MalformedRow))
    }
}

/// Appends an AuthenticationOk.
pub fn authentication_ok(out: &mut Vec<u8>) {
    write(Tag::Authentication, out, |w| w.u32(0));
}

/// Appends an AuthenticationCleartextPassword.
pub fn authentication_cleartext_password(out: &mut Vec<u8>) {
    write(Tag::Authentication, out, |w| w.u32(3));
}

/// Appends a ParameterStatus.
pub fn parameter_status(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    write(Tag::ParameterStatus, out, |w| {
        w.cstr(name);
        w.cstr(value);
    });
}

/// Appends a BackendKeyData.
pub fn backend_key_data(key: &CancelKey, out: &mut Vec<u8>) {
    write(Tag::BackendKeyData, out, |w| {
        w.u32(key.pid);
        w.bytes(key.key.expose());
    });
}

/// Appends a ReadyForQuery.
pub fn ready_for_query(status: TransactionStatus, out: &mut Vec<u8>) {
    write(Tag::ReadyForQuery, out, |w| w.u8(status as u8));
}
