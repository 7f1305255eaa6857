//! What is seen of masked values, in every kind, type and format.

use super::*;
use hoopwire_sql::CopyFormat;
use proptest::prelude::*;

const TEXT: u32 = 25;
const TEXTS: [u32; 5] = [25, 1042, 1043, 19, 705];
const KEY: [u8; 32] = [7; 32];

fn mask(kind: MaskKind, type_oid: u32) -> ColumnMask {
    of("email", kind, type_oid)
}

fn of(column: &str, kind: MaskKind, type_oid: u32) -> ColumnMask {
    let mask = Mask {
        schema: "public".into(),
        relation: "customers".into(),
        column: column.into(),
        kind,
        compare: false,
    };
    ColumnMask::new(&mask, type_oid, &KEY)
}

fn partial(first: u16, last: u16) -> MaskKind {
    MaskKind::Partial { first, last }
}

fn range(step: f64) -> MaskKind {
    MaskKind::Range { step }
}

fn text(mask: &ColumnMask, value: &str) -> Option<String> {
    mask.masked(value.as_bytes(), 0).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn a_null_stays_null_and_a_null_mask_hides_that_there_was_a_value() {
    for kind in [MaskKind::Null, MaskKind::Fixed("x".into()), MaskKind::Hash, partial(0, 4), range(10.0)] {
        for oid in [TEXT, 23, 1700, 2950, 16] {
            let mut out = Vec::new();
            mask(kind.clone(), oid).apply(None, 0, &mut out);
            assert_eq!(out, (-1i32).to_be_bytes(), "{kind:?} of NULL in type {oid}");
        }
    }
    for oid in [TEXT, 23, 1700, 2950, 16] {
        assert_eq!(mask(MaskKind::Null, oid).masked(b"12", 0), None);
    }
}

#[test]
fn text_kinds_give_null_for_what_is_not_text() {
    // bool, bytea, int4, json, date, numeric, uuid, jsonb, text[], and an extension's type (citext).
    for oid in [16, 17, 23, 114, 1082, 1700, 2950, 3802, 1009, 90001] {
        for kind in [MaskKind::Fixed("x".into()), partial(1, 1)] {
            assert_eq!(mask(kind, oid).masked(b"1234567", 0), None, "type {oid}");
        }
    }
    for oid in [16, 17, 700, 1700, 114, 1082, 1009, 90001] {
        assert_eq!(mask(MaskKind::Hash, oid).masked(b"1234567", 0), None, "type {oid}");
    }
    for oid in [16, 17, TEXT, 2950, 114, 1082, 790, 90001] {
        assert_eq!(mask(range(10.0), oid).masked(b"1234567", 0), None, "type {oid}");
    }
    for format in [-1, 2, 77] {
        assert_eq!(mask(MaskKind::Fixed("x".into()), TEXT).masked(b"a", format), None, "format {format}");
    }
}

#[test]
fn partial_counts_characters_and_hides_the_length() {
    let rows: &[(u16, u16, &str, &str)] = &[
        (0, 4, "4111111111111234", "****1234"),
        (0, 4, "1234", "****"),
        (0, 4, "", "****"),
        (0, 4, "51234", "****1234"),
        (2, 2, "abcd", "****"),
        (2, 2, "abcde", "ab****de"),
        (1, 0, "geheim", "g****"),
        (0, 0, "geheim", "****"),
        (2, 1, "äöüß", "äö****ß"),
        (1, 1, "日本語", "日****語"),
        (65535, 65535, "abc", "****"),
    ];
    for (first, last, value, wanted) in rows {
        assert_eq!(text(&mask(partial(*first, *last), TEXT), value).as_deref(), Some(*wanted), "{value}");
        assert_eq!(
            mask(partial(*first, *last), TEXT).masked(value.as_bytes(), 1).unwrap(),
            wanted.as_bytes()
        );
    }
    // The padding of a character(10) is no reason to show all of it.
    assert_eq!(text(&mask(partial(4, 0), 1042), "abcd      ").as_deref(), Some("****"));
    assert_eq!(text(&mask(partial(0, 2), 1042), "abcd      ").as_deref(), Some("****cd"));
    // Bytes that are no characters are all hidden.
    assert_eq!(mask(partial(1, 1), TEXT).masked(b"ab\xffcd", 0).unwrap(), b"****");
}

#[test]
fn a_hash_is_the_same_in_both_formats_and_differs_between_columns_and_keys() {
    let hash = |oid| mask(MaskKind::Hash, oid);
    for oid in TEXTS {
        let value = hash(oid).masked(b"a@b", 0).unwrap();
        assert_eq!(Some(&value), hash(oid).masked(b"a@b", 1).as_ref());
        assert_eq!(value.len(), 32);
        assert!(value.iter().all(u8::is_ascii_hexdigit));
        assert_ne!(Some(&value), hash(oid).masked(b"a@c", 0).as_ref());
        assert_ne!(Some(&value), of("phone", MaskKind::Hash, oid).masked(b"a@b", 0).as_ref());
    }
    let other = Mask {
        schema: "public".into(),
        relation: "customers".into(),
        column: "email".into(),
        kind: MaskKind::Hash,
        compare: false,
    };
    assert_ne!(ColumnMask::new(&other, TEXT, &[8; 32]).masked(b"a", 0), hash(TEXT).masked(b"a", 0));
    // Names that run together are still others.
    let shifted = Mask { schema: "publicc".into(), relation: "ustomers".into(), ..other };
    assert_ne!(ColumnMask::new(&shifted, TEXT, &KEY).masked(b"a", 0), hash(TEXT).masked(b"a", 0));

    let uuid = "00112233-4455-6677-8899-aabbccddeeff";
    let bytes = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
    let shown = text(&hash(2950), uuid).unwrap();
    let binary: String =
        hash(2950).masked(&bytes, 1).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(shown.replace('-', ""), binary);
    assert_eq!(shown.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert_ne!(shown, uuid);
    for odd in ["", "0011", "00112233-4455-6677-8899-aabbccddeefg", "+0112233-4455-6677-8899-aabbccddeeff"] {
        assert_eq!(text(&hash(2950), odd), None, "{odd}");
    }
}

#[test]
fn range_rounds_down_and_what_it_cannot_round_is_null() {
    let rows: &[(u32, f64, &str, Option<&str>)] = &[
        (23, 10.0, "17", Some("10")),
        (23, 10.0, "-17", Some("-20")),
        (23, 10.0, "-20", Some("-20")),
        (23, 10.0, "0", Some("0")),
        (23, 1000.0, "-2147483648", None),
        (23, 1e9, "2147483647", Some("2000000000")),
        (21, 1e9, "17", Some("0")),
        (21, 1e9, "-17", None),
        (20, 10.0, "-9223372036854775808", None),
        (20, 1e15, "9223372036854775807", Some("9223000000000000000")),
        (23, 0.5, "17", None),
        (23, 2.5, "17", None),
        (23, 10.0, "seventeen", None),
        (1700, 10.0, "17.99", Some("10")),
        (1700, 10.0, "-0.01", Some("-10")),
        (1700, 10.0, "-10.00", Some("-10")),
        (1700, 0.1, "0.30", Some("0.3")),
        (1700, 0.1, "0.2999999999999999999999999", Some("0.2")),
        (1700, 0.1, "-0.05", Some("-0.1")),
        (1700, 0.25, "3", Some("3.00")),
        (1700, 0.25, "3.6", Some("3.50")),
        (1700, 0.25, "-99.9", Some("-100.00")),
        (1700, 100.0, "99", Some("0")),
        (1700, 100.0, "-99", Some("-100")),
        (
            1700,
            1000.0,
            "123456789012345678901234567890123456789012345",
            Some("123456789012345678901234567890123456789012000"),
        ),
        (
            1700,
            3.0,
            "100000000000000000000000000000000000000000001",
            Some("99999999999999999999999999999999999999999999"),
        ),
        (
            1700,
            7.0,
            "-999999999999999999999999999999999999999999999",
            Some("-1000000000000000000000000000000000000000000001"),
        ),
        (1700, 10.0, "NaN", None),
        (1700, 10.0, "Infinity", None),
        (1700, 10.0, "-Infinity", None),
        (1700, 10.0, "1e5", None),
        (1700, 10.0, "", None),
        (1700, 10.0, "-", None),
        (1700, 0.0, "17", None),
        (1700, -1.0, "17", None),
        (1700, f64::NAN, "17", None),
        (701, 10.0, "17.5", Some("10")),
        (701, 10.0, "-17.5", Some("-20")),
        (701, 10.0, "-0", Some("0")),
        (701, 10.0, "1e+20", Some("100000000000000000000")),
        (701, 10.0, "NaN", None),
        (701, 10.0, "Infinity", None),
        (701, 0.0, "17", None),
        // A step that is lost in the number's own rounding would show the number.
        (701, 3.0, "1e+17", None),
        (700, 10.0, "17.5", Some("10")),
        (700, 10.0, "-Infinity", None),
        (700, 3.0, "33554440", None),
    ];
    for (oid, step, value, wanted) in rows {
        assert_eq!(
            text(&mask(range(*step), *oid), value).as_deref(),
            *wanted,
            "{value} by {step} in type {oid}"
        );
    }
    assert_eq!(mask(range(10.0), 700).masked(&17.5f32.to_be_bytes(), 1).unwrap(), 10f32.to_be_bytes());
    assert_eq!(mask(range(10.0), 701).masked(&(-17.5f64).to_be_bytes(), 1).unwrap(), (-20f64).to_be_bytes());
    assert_eq!(mask(range(10.0), 701).masked(&f64::NAN.to_be_bytes(), 1), None);
    assert_eq!(mask(range(10.0), 1700).masked(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 17], 1), None, "a binary numeric");
    assert_eq!(mask(range(10.0), 23).masked(&[0, 0, 17], 1), None, "an int4 of three bytes");
}

#[test]
fn debug_does_not_show_the_key() {
    let shown = format!("{:?}", mask(MaskKind::Hash, TEXT));
    let key = format!("{:?}", mask(MaskKind::Hash, TEXT).masked(b"", 0));
    assert!(!shown.contains("key") && !shown.contains("7, 7") && !shown.contains(&key), "{shown}");
    assert!(shown.contains("Hash"));
}

/// A RowDescription's body: table, column, type and format of each field.
fn description(fields: &[(u32, i16, u32, i16)]) -> Vec<u8> {
    let mut body = i16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
    for (table, column, type_oid, format) in fields {
        body.extend_from_slice(b"name\0");
        body.extend_from_slice(&table.to_be_bytes());
        body.extend_from_slice(&column.to_be_bytes());
        body.extend_from_slice(&type_oid.to_be_bytes());
        body.extend_from_slice(&[255, 255, 255, 255, 255, 255]);
        body.extend_from_slice(&format.to_be_bytes());
    }
    body
}

fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = i16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        match value {
            Some(value) => {
                body.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend_from_slice(value);
            }
            None => body.extend_from_slice(&(-1i32).to_be_bytes()),
        }
    }
    body
}

fn whole(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![tag];
    message.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    message.extend_from_slice(body);
    message
}

fn lookup(kind: MaskKind) -> impl Fn(u32, i16) -> Option<ColumnMask> {
    // As from the catalogue, which may not know the type.
    move |table, column| ((table, column) == (16385, 2)).then(|| mask(kind.clone(), 0))
}

#[test]
fn a_row_is_masked_by_table_and_column_number_in_the_described_type_and_format() {
    let fields = [(16385, 1, 23, 1), (16385, 2, 23, 1), (0, 0, 23, 1), (16386, 2, 23, 1)];
    let masks = RowMask::from_row_description(&description(&fields), lookup(range(10.0))).unwrap().unwrap();
    let value: &[u8] = &17i32.to_be_bytes();
    let floor: &[u8] = &10i32.to_be_bytes();
    let mut out = b"before".to_vec();
    masks.rewrite(&row(&[Some(value), Some(value), None, Some(value)]), &mut out).unwrap();
    let wanted = whole(b'D', &row(&[Some(value), Some(floor), None, Some(value)]));
    assert_eq!(out.strip_prefix(b"before").unwrap(), wanted);

    let texts = masks.with_formats(&[]).unwrap();
    let mut out = Vec::new();
    texts.rewrite(&row(&[Some(b"17"), Some(b"17"), None, None]), &mut out).unwrap();
    assert_eq!(out, whole(b'D', &row(&[Some(b"17"), Some(b"10"), None, None])));
    let each = texts.with_formats(&[0, 1, 0, 0]).unwrap();
    let mut out = Vec::new();
    each.rewrite(&row(&[None, Some(value), None, None]), &mut out).unwrap();
    assert_eq!(out, whole(b'D', &row(&[None, Some(floor), None, None])));
    assert_eq!(each.clone().with_formats(&[0, 1]), Err(Malformed));
    let mut out = Vec::new();
    each.with_formats(&[1]).unwrap().rewrite(&row(&[None, Some(value), None, None]), &mut out).unwrap();
    assert_eq!(out, whole(b'D', &row(&[None, Some(floor), None, None])));
}

#[test]
fn a_description_without_masked_columns_needs_no_mask() {
    let fields = [(16385, 1, 25, 0), (16386, 2, 25, 0)];
    assert!(RowMask::from_row_description(&description(&fields), lookup(MaskKind::Null)).is_none());
    assert!(RowMask::from_row_description(&[0, 0], lookup(MaskKind::Null)).is_none());
}

#[test]
fn a_malformed_description_or_row_is_an_error_and_leaves_nothing_behind() {
    let body = description(&[(16385, 1, 25, 0), (16385, 2, 25, 0)]);
    let mut wrong: Vec<Vec<u8>> = (0..body.len()).map(|end| body[..end].to_vec()).collect();
    wrong.push([&body[..], b"x"].concat());
    wrong.push([&[255, 255], &body[2..]].concat());
    wrong.push([&[0, 1], &body[2..]].concat());
    for body in wrong {
        assert_eq!(
            RowMask::from_row_description(&body, lookup(MaskKind::Null)),
            Some(Err(Malformed)),
            "{body:?}"
        );
    }
    let masks = RowMask::from_row_description(&body, lookup(MaskKind::Null)).unwrap().unwrap();
    let good = row(&[Some(b"abc"), Some(b"secret")]);
    let mut wrong: Vec<Vec<u8>> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
    wrong.push([&good[..], b"x"].concat());
    wrong.push(row(&[Some(b"abc")]));
    wrong.push(row(&[Some(b"abc"), Some(b"secret"), None]));
    wrong.push([&[255, 255], &good[2..]].concat());
    // Lengths of -2 and of 2^31-1.
    wrong.push([&[0, 2], &(-2i32).to_be_bytes()[..], &(-1i32).to_be_bytes()].concat());
    wrong.push([&[0, 2], &i32::MAX.to_be_bytes()[..], b"abc"].concat());
    for body in wrong {
        let mut out = b"before".to_vec();
        assert_eq!(masks.rewrite(&body, &mut out), Err(Malformed), "{body:?}");
        assert_eq!(out, b"before");
    }
}

fn second_masked(kind: MaskKind) -> Vec<Option<ColumnMask>> {
    vec![None, Some(mask(kind, TEXT)), None]
}

fn copied(copy: &mut CopyMask, body: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    copy.rewrite(body, &mut out)?;
    let length = u32::try_from(out.len() - 1).unwrap().to_be_bytes();
    assert_eq!((out[0], &out[1..5]), (b'd', &length[..]));
    Ok(out[5..].to_vec())
}

#[test]
fn copy_text_masks_the_field_and_nothing_else() {
    let rows: &[(&str, &str)] = &[
        ("1\ta@b\tx\n", "1\t****\\\\\tx\n"),
        ("1\t\\N\tx\n", "1\t\\N\tx\n"),
        ("\\N\t\t\\\\\\t\n", "\\N\t****\\\\\t\\\\\\t\n"),
        ("a\\tb\tc\\td\\n\\\\N\t\\N\n", "a\\tb\t****\\\\\t\\N\n"),
    ];
    for (body, wanted) in rows {
        let fixed = MaskKind::Fixed("****\\".into());
        let mut copy = CopyMask::new(CopyFormat::Text, false, second_masked(fixed));
        assert_eq!(
            String::from_utf8(copied(&mut copy, body.as_bytes()).unwrap()).unwrap(),
            *wanted,
            "{body:?}"
        );
    }
    // What is kept of a value is taken after escapes are undone, and escaped again.
    let mut copy = CopyMask::new(CopyFormat::Text, false, second_masked(partial(2, 1)));
    assert_eq!(copied(&mut copy, b"1\t\\tab\\\\c\\n\t2\n").unwrap(), b"1\t\\ta****\\n\t2\n");
    for body in [
        "1\ta\n",
        "1\ta\tb\tc\n",
        "1\ta\tb",
        "1\ta\tb\n1\ta\tb\n",
        "1\ta\\\tb\n",
        "1\t\\q\tb\n",
        "1\ta\rb\tc\n",
        "",
    ] {
        assert_eq!(copied(&mut copy, body.as_bytes()), Err(Malformed), "{body:?}");
    }
}

#[test]
fn copy_csv_masks_the_field_and_nothing_else() {
    let rows: &[(&str, &str)] = &[
        ("1,a@b,x\n", "1,\"*\"\",\",x\n"),
        ("1,,x\n", "1,,x\n"),
        ("1,\"\",x\n", "1,\"*\"\",\",x\n"),
        ("\"a\n,\"\"b\"\"\",\"secret,\"\"\n\",\"\"\n", "\"a\n,\"\"b\"\"\",\"*\"\",\",\"\"\n"),
    ];
    for (body, wanted) in rows {
        let mut copy = CopyMask::new(CopyFormat::Csv, false, second_masked(MaskKind::Fixed("*\",".into())));
        assert_eq!(
            String::from_utf8(copied(&mut copy, body.as_bytes()).unwrap()).unwrap(),
            *wanted,
            "{body:?}"
        );
    }
    let mut copy = CopyMask::new(CopyFormat::Csv, false, second_masked(partial(2, 0)));
    assert_eq!(copied(&mut copy, b"1,\"\"\"a,bc\",2\n").unwrap(), b"1,\"\"\"a****\",2\n");
    // An empty text is not NULL.
    let mut copy = CopyMask::new(CopyFormat::Csv, false, second_masked(MaskKind::Fixed(String::new())));
    assert_eq!(copied(&mut copy, b"1,a,2\n").unwrap(), b"1,\"\",2\n");
    for body in [
        "1,a\n",
        "1,a,b,c\n",
        "1,a,b",
        "1,\"a,b\n",
        "1,\"a\"x,b\n",
        "1,a\"\",b\n",
        "1,a,b\n1,a,b\n",
        "1,a\r,b\n",
    ] {
        assert_eq!(copied(&mut copy, body.as_bytes()), Err(Malformed), "{body:?}");
    }
}

#[test]
fn the_row_of_names_passes_once() {
    for (format, names, values) in [
        (CopyFormat::Text, "id\temail\tx\n", "1\tsecret\t2\n"),
        (CopyFormat::Csv, "id,\"e,mail\",x\n", "1,secret,2\n"),
    ] {
        let mut copy = CopyMask::new(format, true, second_masked(MaskKind::Fixed("-".into())));
        assert_eq!(copied(&mut copy, names.as_bytes()).unwrap(), names.as_bytes());
        assert_eq!(copied(&mut copy, values.as_bytes()).unwrap(), values.replace("secret", "-").as_bytes());
        let mut copy = CopyMask::new(format, true, second_masked(MaskKind::Null));
        assert_eq!(copied(&mut copy, b"id\n"), Err(Malformed));
        let mut none = CopyMask::new(format, false, second_masked(MaskKind::Fixed("-".into())));
        assert_ne!(copied(&mut none, names.as_bytes()).unwrap(), names.as_bytes());
    }
}

#[test]
fn copy_binary_has_a_header_before_the_first_row_and_nothing_after_the_trailer() {
    let header = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    let values = row(&[Some(b"1"), Some(b"secret"), None]);
    let masked = row(&[Some(b"1"), Some(b"-"), None]);
    let fresh = || CopyMask::new(CopyFormat::Binary, false, second_masked(MaskKind::Fixed("-".into())));
    let mut copy = fresh();
    assert_eq!(copied(&mut copy, &[header, &values[..]].concat()).unwrap(), [header, &masked[..]].concat());
    assert_eq!(copied(&mut copy, &values).unwrap(), masked);
    assert_eq!(copied(&mut copy, &[255, 255]).unwrap(), [255, 255]);
    assert_eq!(copied(&mut copy, &values), Err(Malformed));

    let extended = [&header[..18], &[3, 1, 2, 3]].concat();
    assert_eq!(
        copied(&mut fresh(), &[&extended[..], &values].concat()).unwrap(),
        [&extended[..], &masked].concat()
    );
    let empty = [&header[..], &[255, 255]].concat();
    assert_eq!(copied(&mut fresh(), &empty).unwrap(), empty);
    let mut oids = header.to_vec();
    oids[12] = 1;
    for body in [
        values.clone(),
        header.to_vec(),
        header[..18].to_vec(),
        [&oids[..], &values].concat(),
        [&header[..], &values, b"x"].concat(),
        [&header[..], &row(&[None, None])].concat(),
        [&header[..], &[255, 254]].concat(),
        [&header[..], &[255, 255, 0]].concat(),
        [&header[..18], &[255], &values].concat(),
    ] {
        assert_eq!(copied(&mut fresh(), &body), Err(Malformed), "{body:?}");
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z\\\\\t\n\r\",.N ]{0,12}", "\\PC{0,12}", any::<String>()]
        .prop_map(|text| text.replace('\0', ""))
}

fn hiding() -> impl Strategy<Value = MaskKind> {
    prop_oneof![
        Just(MaskKind::Null),
        Just(MaskKind::Fixed("#".into())),
        Just(MaskKind::Hash),
        Just(partial(0, 0))
    ]
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn values_of(body: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut rest = body;
    let count = row::take_count(&mut rest).unwrap();
    let values = (0..count).map(|_| row::take_value(&mut rest).unwrap().map(<[u8]>::to_vec)).collect();
    assert!(rest.is_empty());
    values
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_masked_value_is_never_in_a_row(
        // From 0x80 on, so that it is not by chance a piece of the frame or of a hash.
        secret in prop::collection::vec(0x80u8.., 4..20),
        kind in hiding(),
        oid in prop_oneof![prop::sample::select(&TEXTS[..]), prop::sample::select(&[16, 20, 21, 23, 700, 701, 1700, 2950, 3802][..])],
        format in 0i16..2,
        clear in prop::option::of(prop::collection::vec(0u8..0x80, 0..20)),
    ) {
        let fields = [(1, 1, 17, format), (16385, 2, oid, format), (16385, 3, 25, 0)];
        let masks = RowMask::from_row_description(&description(&fields), lookup(kind)).unwrap().unwrap();
        let mut out = Vec::new();
        masks.rewrite(&row(&[clear.as_deref(), Some(&secret), clear.as_deref()]), &mut out).unwrap();
        prop_assert!(!contains(&out, &secret));
        let values = values_of(&out[5..]);
        prop_assert_eq!(values.len(), 3);
        prop_assert_eq!(&values[0], &clear);
        prop_assert_eq!(&values[2], &clear);
    }

    #[test]
    fn partial_shows_the_ends_and_nothing_between(secret in "\\PC{1,30}", first in 0u16..6, last in 0u16..6) {
        let shown = text(&mask(partial(first, last), TEXT), &secret).unwrap();
        let chars: Vec<char> = secret.chars().collect();
        let (first, last) = (usize::from(first), usize::from(last));
        if chars.len() <= first + last {
            prop_assert_eq!(shown, "****");
        } else {
            let head: String = chars[..first].iter().collect();
            let tail: String = chars[chars.len() - last..].iter().collect();
            prop_assert_eq!(shown, format!("{head}****{tail}"));
        }
    }

    #[test]
    fn integers_agree_in_both_formats(value in any::<i64>(), step in 1u32..1_000_000, hashed in any::<bool>()) {
        let kind = if hashed { MaskKind::Hash } else { range(f64::from(step)) };
        #[allow(clippy::cast_possible_truncation)]
        let (small, middle) = (value as i16, value as i32);
        for (oid, shown, bytes) in [
            (21, small.to_string(), small.to_be_bytes().to_vec()),
            (23, middle.to_string(), middle.to_be_bytes().to_vec()),
            (20, value.to_string(), value.to_be_bytes().to_vec()),
        ] {
            let number = text(&mask(kind.clone(), oid), &shown).map(|text| text.parse::<i128>().unwrap());
            let binary = mask(kind.clone(), oid).masked(&bytes, 1).map(|masked| {
                assert_eq!(masked.len(), bytes.len());
                let sign = if masked[0] >= 0x80 { -1i128 } else { 0 };
                masked.iter().fold(sign, |number, byte| (number << 8) | i128::from(*byte))
            });
            prop_assert_eq!(number, binary);
            if hashed {
                prop_assert!(number.unwrap() >= 0);
            } else if let Some(number) = number {
                let before: i128 = shown.parse().unwrap();
                prop_assert_eq!(number, before.div_euclid(i128::from(step)) * i128::from(step));
            }
        }
    }

    #[test]
    fn numerics_are_rounded_exactly(value in any::<i64>(), places in 0usize..12, step in 1u64..100_000, step_places in 0i32..4) {
        // In units of 10^-12, against whole numbers.
        let digits = format!("{:0>width$}", value.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let sign = if value < 0 { "-" } else { "" };
        let shown = if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
        let units = i128::from(value) * 10i128.pow(12 - u32::try_from(places).unwrap());
        let step_units = i128::from(step) * 10i128.pow(u32::try_from(12 - step_places).unwrap());
        let written: f64 = format!("{step}e-{step_places}").parse().unwrap();
        let floor = text(&mask(range(written), 1700), &shown).unwrap();
        let (whole, fraction) = floor.split_once('.').unwrap_or((&floor, ""));
        let got: i128 = format!("{whole}{fraction:0<12}").parse().unwrap();
        prop_assert_eq!(got, units.div_euclid(step_units) * step_units, "{} by {} gave {}", shown, written, floor);
    }

    #[test]
    fn copy_fields_come_back_from_their_escapes(values in prop::collection::vec(prop::option::of(any_text()), 1..5)) {
        let mut line = Vec::new();
        let mut csv = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                line.push(b'\t');
                csv.push(b',');
            }
            text::escape(value.as_deref().map(str::as_bytes), &mut line);
            text::quote(value.as_deref().map(str::as_bytes), &mut csv);
        }
        let wanted: Vec<Option<Vec<u8>>> = values.iter().map(|value| value.clone().map(String::into_bytes)).collect();
        let fields = text::split_text(&line).unwrap();
        let got: Vec<_> = fields.into_iter().map(|field| text::unescaped(field).unwrap()).collect();
        prop_assert_eq!(&got, &wanted);
        let got: Vec<_> = text::split_csv(&csv).unwrap().into_iter().map(text::unquoted).collect();
        prop_assert_eq!(&got, &wanted);
    }

    #[test]
    fn a_masked_value_is_never_in_copy(
        secret in "[äöüßé]{2,9}\t?\n?\"?,?",
        clear in prop::option::of(any_text()),
        kind in hiding(),
        format in prop::sample::select(&[CopyFormat::Text, CopyFormat::Csv][..]),
    ) {
        let clear = clear.as_deref().map(|clear| clear.replace(['ä', 'ö', 'ü', 'ß', 'é'], ""));
        let write = |values: [Option<&str>; 3]| {
            let mut line = Vec::new();
            for (index, value) in values.into_iter().map(|value| value.map(str::as_bytes)).enumerate() {
                match format {
                    CopyFormat::Csv => {
                        if index > 0 { line.push(b',') }
                        text::quote(value, &mut line);
                    }
                    _ => {
                        if index > 0 { line.push(b'\t') }
                        text::escape(value, &mut line);
                    }
                }
            }
            line.push(b'\n');
            line
        };
        let mut copy = CopyMask::new(format, false, second_masked(kind.clone()));
        let out = copied(&mut copy, &write([clear.as_deref(), Some(&secret), clear.as_deref()])).unwrap();
        let start: String = secret.chars().take(2).collect();
        prop_assert!(!contains(&out, start.as_bytes()));
        let masked = text(&mask(kind, TEXT), &secret);
        prop_assert_eq!(out, write([clear.as_deref(), masked.as_deref(), clear.as_deref()]));
    }

    #[test]
    fn no_bytes_crash_the_masks(body in prop::collection::vec(any::<u8>(), 0..60), oid in prop::sample::select(&[20u32, 21, 23, 25, 700, 701, 1700, 2950][..])) {
        let _ = RowMask::from_row_description(&body, lookup(MaskKind::Hash));
        for format in [CopyFormat::Text, CopyFormat::Csv, CopyFormat::Binary] {
            let _ = CopyMask::new(format, false, vec![Some(mask(MaskKind::Hash, oid))]).rewrite(&body, &mut Vec::new());
        }
        for kind in [MaskKind::Hash, partial(2, 2), range(0.3), range(7.0), range(1e300), range(1e-300)] {
            for format in [0, 1] {
                let _ = mask(kind.clone(), oid).masked(&body, format);
            }
        }
    }
}
