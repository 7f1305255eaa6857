//! Bodies as typed views: what stands in the documents' layout is read, and what is cut off is refused.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use hoopwire_postgres_protocol::backend::{
    self, Column, CommandComplete, DataRow, MalformedRow, ParameterDescription, ParameterStatus,
    RowDescription, TransactionStatus,
};
use hoopwire_postgres_protocol::cancel::CancelKey;
use hoopwire_postgres_protocol::error::{Fields, ServerReport, field, rewritten};
use hoopwire_postgres_protocol::frontend::{
    self, Bind, CopyFail, Execute, Kind, Malformed, Named, Parse, Query, Rider, Tag,
};
use hoopwire_postgres_protocol::message::MessageTag;
use hoopwire_testkit::messages::{authentication, fatal, framed, parameter};
use hoopwire_wire::Secret;
use proptest::collection::vec;
use proptest::prelude::*;

/// A string as it stands in a message.
fn string(text: &[u8]) -> Vec<u8> {
    [text, b"\0"].concat()
}

/// A number of things, and they.
fn counted<T>(things: &[T], each: impl Fn(&T) -> Vec<u8>) -> Vec<u8> {
    let count = u16::try_from(things.len()).unwrap().to_be_bytes().to_vec();
    [count, things.iter().flat_map(each).collect()].concat()
}

fn oids(types: &[u32]) -> Vec<u8> {
    counted(types, |oid| oid.to_be_bytes().to_vec())
}

fn formats(codes: &[i16]) -> Vec<u8> {
    counted(codes, |code| code.to_be_bytes().to_vec())
}

fn values(all: &[Option<Vec<u8>>]) -> Vec<u8> {
    counted(all, |value| match value {
        None => (-1_i32).to_be_bytes().to_vec(),
        Some(bytes) => [&i32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat(),
    })
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(1_u8.., 0..20)
}

fn columns() -> impl Strategy<Value = Vec<(Vec<u8>, Column)>> {
    let column = |(table, number, type_oid, format)| Column { table, number, type_oid, format };
    vec((text(), any::<(u32, i16, u32, i16)>().prop_map(column)), 0..5)
}

fn some_values() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    vec(proptest::option::of(vec(any::<u8>(), 0..6)), 0..6)
}

/// All beginnings of a body but the whole one.
fn beginnings(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..body.len()).map(|end| &body[..end])
}

fn longer(body: &[u8]) -> Vec<u8> {
    [body, b"x"].concat()
}

#[test]
fn a_tag_is_its_byte_and_no_other_byte_is_one() {
    for byte in 0..=u8::MAX {
        let known = Tag::of(byte).map(Tag::byte);
        assert_eq!(known, b"BCdcfDEHFPpQSX".contains(&byte).then_some(byte), "frontend, {byte}");
        let known = backend::Tag::of(byte).map(backend::Tag::byte);
        assert_eq!(known, b"RK23CWdcGHDIEVvnNAtS1sZT".contains(&byte).then_some(byte), "backend, {byte}");
    }
}

#[test]
fn a_transaction_status_is_one_of_three_alone() {
    assert_eq!(TransactionStatus::read(b"I"), Some(TransactionStatus::Idle));
    assert_eq!(TransactionStatus::read(b"T"), Some(TransactionStatus::Open));
    assert_eq!(TransactionStatus::read(b"E"), Some(TransactionStatus::Failed));
    for body in [&b""[..], b"X", b"II", b"\0"] {
        assert_eq!(TransactionStatus::read(body), None, "{body:?}");
    }
}

#[test]
fn each_type_that_rides_has_its_view() {
    assert!(matches!(Rider::read(Tag::Bind, b"p\0s\0"), Rider::Bind(Ok(bind)) if bind.statement == b"s"));
    assert!(
        matches!(Rider::read(Tag::Bind, b"p\0s"), Rider::Bind(Err(Malformed(bind))) if bind.portal == b"p")
    );
    assert!(
        matches!(Rider::read(Tag::Execute, b"p\0\0\0\0\x07"), Rider::Execute(Ok(run)) if run.max_rows == 7)
    );
    assert!(
        matches!(Rider::read(Tag::Describe, b"Ss\0"), Rider::Describe(Some(named)) if named.name == b"s")
    );
    assert!(
        matches!(Rider::read(Tag::Close, b"Pp\0"), Rider::Close(Some(named)) if named.kind == Kind::Portal)
    );
    assert!(matches!(Rider::read(Tag::CopyFail, b"no\0"), Rider::CopyFail(CopyFail { reason: b"no" })));
    for (body, bare) in [(&b""[..], true), (b"\0", false)] {
        assert!(matches!(Rider::read(Tag::CopyDone, body), Rider::CopyDone { is_bare } if is_bare == bare));
        assert!(matches!(Rider::read(Tag::Flush, body), Rider::Other { is_bare } if is_bare == bare));
    }
}

#[test]
fn what_is_neither_statement_nor_portal_is_taken_for_a_portal() {
    for byte in 0..=u8::MAX {
        let kind = Named::read(&[byte, b'n', 0]).unwrap().kind;
        assert_eq!(kind == Kind::Statement, byte == b'S', "{byte}");
    }
}

#[test]
fn what_the_gateway_writes_stands_in_the_documents_layout() {
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        out
    };
    let key = CancelKey { pid: 7, key: Secret::new(b"keyk".to_vec()) };
    for (is, expected) in [
        (written(&|out| frontend::query(b"select 1", out)), framed(b'Q', b"select 1\0")),
        (written(&|out| frontend::parse(b"s", b"select 1", out)), framed(b'P', b"s\0select 1\0\0\0")),
        (written(&|out| frontend::bind(b"p", b"s", out)), framed(b'B', b"p\0s\0\0\0\0\0\0\0")),
        (written(&|out| frontend::execute(b"p", out)), framed(b'E', b"p\0\0\0\0\0")),
        (written(&|out| frontend::describe(Kind::Portal, b"p", out)), framed(b'D', b"Pp\0")),
        (written(&|out| frontend::close(Kind::Statement, b"s", out)), framed(b'C', b"Ss\0")),
        (written(&|out| frontend::function_call(1, out)), framed(b'F', b"\0\0\0\x01\0\0\0\0\0\0")),
        (written(&|out| frontend::copy_fail("no", out)), framed(b'f', b"no\0")),
        (written(&frontend::flush), framed(b'H', b"")),
        (written(&frontend::sync), framed(b'S', b"")),
        (written(&frontend::terminate), framed(b'X', b"")),
        (written(&backend::authentication_ok), authentication(0, b"")),
        (written(&backend::authentication_cleartext_password), authentication(3, b"")),
        (written(&|out| backend::parameter_status(b"a", b"b", out)), parameter("a", "b")),
        (written(&|out| backend::backend_key_data(&key, out)), framed(b'K', b"\0\0\0\x07keyk")),
        (written(&|out| backend::ready_for_query(TransactionStatus::Idle, out)), framed(b'Z', b"I")),
    ] {
        assert_eq!(is, expected);
    }
}

#[test]
fn fields_of_an_error_are_read_as_far_as_they_are_whole() {
    let error = fatal("28000", "no such role");
    let body = &error[5..];
    let whole: Vec<_> = Fields::read(body).collect();
    assert_eq!(whole.len(), 4);
    assert_eq!(whole[2..], [(field::SQLSTATE, &b"28000"[..]), (field::MESSAGE, b"no such role")]);
    for beginning in beginnings(body) {
        let fields: Vec<_> = Fields::read(beginning).collect();
        assert!(whole.starts_with(&fields));
        let message = ServerReport::parse(beginning).message;
        assert!("no such role".starts_with(&message), "{message}");
        assert_eq!(fields.len() == 4, beginning.len() >= body.len() - 1);
    }
}

proptest! {
    #[test]
    fn a_query_is_one_string(text in text(), at in any::<prop::sample::Index>()) {
        let body = string(&text);
        prop_assert_eq!(Query::read(&body), Some(Query { text: &text }));
        prop_assert!(beginnings(&body).all(|body| Query::read(body).is_none()));
        prop_assert!(Query::read(&longer(&body)).is_none());
        let mut two = body.clone();
        two.insert(at.index(body.len()), 0);
        prop_assert_eq!(Query::read(&two), None, "another string in it");
    }

    #[test]
    fn a_parse_is_whole_or_none(name in text(), text in text(), types in vec(any::<u32>(), 0..9)) {
        let body = [string(&name), string(&text), oids(&types)].concat();
        let parse = Parse::read(&body).unwrap();
        prop_assert_eq!((parse.name, parse.text), (&name[..], &text[..]));
        prop_assert_eq!(parse.types.iter().collect::<Vec<_>>(), types);
        prop_assert!(beginnings(&body).all(|body| Parse::read(body).is_none()));
        prop_assert!(Parse::read(&longer(&body)).is_none());
    }

    #[test]
    fn a_bind_is_read_as_far_as_it_is_here(
        portal in text(),
        statement in text(),
        codes in vec(any::<i16>(), 0..4),
        all in some_values(),
        of_results in vec(0..3_i16, 0..4),
    ) {
        let names = [string(&portal), string(&statement)].concat();
        let body = [names.clone(), formats(&codes), values(&all), formats(&of_results)].concat();
        let bind = Bind::read(&body).unwrap();
        prop_assert_eq!((bind.portal, bind.statement), (&portal[..], &statement[..]));
        let mut parameters = bind.parameters().unwrap();
        prop_assert_eq!(usize::from(parameters.count), all.len());
        prop_assert_eq!(parameters.formats.is_empty(), codes.is_empty());
        prop_assert_eq!(parameters.formats.fit(all.len()), codes.len() < 2 || codes.len() == all.len());
        prop_assert!(all.is_empty() || parameters.clone().result_formats().is_none(), "not before the last value");
        for (at, value) in all.iter().enumerate() {
            let parameter = parameters.next().unwrap();
            prop_assert_eq!(parameter.value, value.as_deref());
            let format = if let [one] = codes[..] { one } else { codes.get(at).copied().unwrap_or(0) };
            prop_assert_eq!(parameter.format, format);
        }
        prop_assert_eq!(parameters.next(), None);
        let results = parameters.result_formats().unwrap();
        prop_assert_eq!(results.are_plain(), of_results.iter().all(|code| *code < 2));

        for part in beginnings(&body) {
            let bind = match Bind::read(part) {
                Ok(bind) => {
                    prop_assert!(part.len() >= names.len());
                    bind
                }
                Err(Malformed(bind)) => {
                    prop_assert!(part.len() < names.len() && bind.statement.is_empty());
                    prop_assert_eq!(bind.portal, if part.len() > portal.len() { &portal[..] } else { b"" });
                    continue;
                }
            };
            prop_assert_eq!((bind.portal, bind.statement), (&portal[..], &statement[..]));
            let Some(mut parameters) = bind.parameters() else { continue };
            let here: Vec<_> = parameters.by_ref().map(|parameter| parameter.value).collect();
            prop_assert!(all.iter().map(Option::as_deref).take(here.len()).eq(here.iter().copied()));
            prop_assert!(parameters.result_formats().is_none());
        }
        let more = longer(&body);
        let mut parameters = Bind::read(&more).unwrap().parameters().unwrap();
        prop_assert_eq!(parameters.by_ref().count(), all.len());
        prop_assert!(parameters.result_formats().is_none(), "more behind it");
    }

    #[test]
    fn an_execute_tells_its_portal_though_it_is_malformed(portal in text(), max_rows: i32) {
        let body = [string(&portal), max_rows.to_be_bytes().to_vec()].concat();
        prop_assert_eq!(Execute::read(&body), Ok(Execute { portal: &portal, max_rows }));
        let more = longer(&body);
        prop_assert_eq!(Execute::read(&more), Err(Malformed(Execute { portal: &portal, max_rows })));
        for part in beginnings(&body) {
            let Err(Malformed(execute)) = Execute::read(part) else { panic!("{part:?}") };
            prop_assert_eq!(execute.portal, if part.len() > portal.len() { &portal[..] } else { b"" });
        }
    }

    #[test]
    fn a_describe_or_close_is_whole_or_none(is_statement: bool, name in text()) {
        let kind = if is_statement { Kind::Statement } else { Kind::Portal };
        let body = [&[kind.byte()][..], &string(&name)].concat();
        prop_assert_eq!(Named::read(&body), Some(Named { kind, name: &name }));
        prop_assert!(beginnings(&body).all(|body| Named::read(body).is_none()));
        prop_assert!(Named::read(&longer(&body)).is_none());
    }

    #[test]
    fn settings_types_and_ends_are_read(name in text(), value in text(), types in vec(any::<u32>(), 0..9)) {
        let body = [string(&name), string(&value)].concat();
        let status = Some(ParameterStatus { name: &name, value: &value });
        prop_assert_eq!(ParameterStatus::read(&body), status);
        let more = longer(&body);
        prop_assert_eq!(ParameterStatus::read(&more), status, "what is behind it is not looked at");
        prop_assert!(beginnings(&body).all(|body| ParameterStatus::read(body).is_none()));
        let body = oids(&types);
        for body in [&body, &longer(&body)] {
            let read = ParameterDescription::read(body).unwrap();
            prop_assert_eq!(read.types.iter().collect::<Vec<_>>(), types.clone());
        }
        prop_assert!(beginnings(&body).all(|body| ParameterDescription::read(body).is_none()));
        let body = string(&name);
        prop_assert_eq!(CommandComplete::read(&body).text, &name[..]);
        prop_assert_eq!(CommandComplete::read(&name).text, &name[..]);
    }

    #[test]
    fn a_row_is_whole_or_says_so(all in some_values()) {
        let body = values(&all);
        let row: Result<Vec<_>, _> = DataRow::read(&body).and_then(Iterator::collect);
        prop_assert_eq!(row, Ok(all.iter().map(Option::as_deref).collect::<Vec<_>>()));
        for body in beginnings(&body).map(<[u8]>::to_vec).chain([longer(&body)]) {
            let row: Result<Vec<_>, _> = DataRow::read(&body).and_then(Iterator::collect);
            prop_assert_eq!(row, Err(MalformedRow));
        }
    }

    #[test]
    fn a_description_is_whole_or_says_so(all in columns()) {
        let body = counted(&all, |(name, column)| {
            let Column { table, number, type_oid, format } = column;
            let origin = [&table.to_be_bytes()[..], &number.to_be_bytes()].concat();
            let size_and_modifier = [255; 6];
            [&string(name)[..], &origin, &type_oid.to_be_bytes(), &size_and_modifier, &format.to_be_bytes()].concat()
        });
        let read = |body: &[u8]| RowDescription::read(body).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        prop_assert_eq!(RowDescription::read(&body).map(|columns| usize::from(columns.left())), Ok(all.len()));
        prop_assert_eq!(read(&body), Ok(all.iter().map(|(_, column)| *column).collect::<Vec<_>>()));
        prop_assert!(beginnings(&body).all(|body| read(body) == Err(MalformedRow)));
        prop_assert_eq!(read(&longer(&body)), Err(MalformedRow));
        let more_or_fewer = [u16::MAX, u16::try_from(all.len() + 1).unwrap(), u16::try_from(all.len()).unwrap().saturating_sub(1)];
        for count in more_or_fewer.into_iter().filter(|count| usize::from(*count) != all.len()) {
            prop_assert_eq!(read(&[&count.to_be_bytes(), &body[2..]].concat()), Err(MalformedRow), "{}", count);
        }
    }

    #[test]
    fn an_error_written_anew_is_the_same_but_for_what_is_changed(fields in vec((1_u8.., text()), 0..9)) {
        let body: Vec<u8> = fields.iter().flat_map(|(code, text)| [&[*code][..], &string(text)].concat()).collect();
        let body = string(&body);
        prop_assert_eq!(rewritten(backend::Tag::ErrorResponse, &body, |_, text| Some(text)), framed(b'E', &body));
        let kept: Vec<u8> = fields
            .iter()
            .filter(|(code, _)| *code != field::DETAIL)
            .flat_map(|(code, text)| [&[*code][..], &string(if *code == field::MESSAGE { b"x" } else { text })].concat())
            .collect();
        let anew = rewritten(backend::Tag::NoticeResponse, &body, |code, text| match code {
            field::DETAIL => None,
            field::MESSAGE => Some(b"x"),
            _ => Some(text),
        });
        prop_assert_eq!(anew, framed(b'N', &string(&kept)));
    }

    #[test]
    fn any_bytes_are_read(body: Vec<u8>) {
        for tag in (0..=u8::MAX).filter_map(Tag::of) {
            if let Rider::Bind(Ok(bind)) = Rider::read(tag, &body) {
                bind.parameters().into_iter().for_each(|parameters| drop(parameters.collect::<Vec<_>>()));
            }
        }
        let _ = DataRow::read(&body).map(Iterator::count);
        let _ = RowDescription::read(&body).map(Iterator::count);
        let _ = (Parse::read(&body), Query::read(&body), Fields::read(&body).count());
    }
}
