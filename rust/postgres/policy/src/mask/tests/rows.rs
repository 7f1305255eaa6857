//! Rows of results and of COPY with masked fields, and what is no row.

use super::*;
use crate::mask::{row as frame, text as fields};
use hoopwire_postgres_sql::CopyFormat;

/// The masks of rows of these fields: table, column, type and format of each.
fn described(
    fields: &[(u32, i16, u32, i16)],
    lookup: impl Fn(u32, i16) -> Option<ColumnMask>,
) -> Option<RowMask> {
    let field = |&(table, column, type_oid, format): &(u32, i16, u32, i16)| {
        lookup(table, column).map(|mask| MaskedField { mask: mask.with_type(type_oid), format })
    };
    RowMask::new(fields.iter().map(field).collect())
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
    let masks = described(&fields, lookup(range(10.0))).unwrap();
    let value: &[u8] = &17i32.to_be_bytes();
    let floor: &[u8] = &10i32.to_be_bytes();
    let mut out = b"before".to_vec();
    masks.rewrite(b'D', &row(&[Some(value), Some(value), None, Some(value)]), &mut out).unwrap();
    let wanted = whole(b'D', &row(&[Some(value), Some(floor), None, Some(value)]));
    assert_eq!(out.strip_prefix(b"before").unwrap(), wanted);

    let texts = masks.with_formats(&[]).unwrap();
    let mut out = Vec::new();
    texts.rewrite(b'D', &row(&[Some(b"17"), Some(b"17"), None, None]), &mut out).unwrap();
    assert_eq!(out, whole(b'D', &row(&[Some(b"17"), Some(b"10"), None, None])));
    let each = texts.with_formats(&[0, 1, 0, 0]).unwrap();
    let mut out = Vec::new();
    each.rewrite(b'D', &row(&[None, Some(value), None, None]), &mut out).unwrap();
    assert_eq!(out, whole(b'D', &row(&[None, Some(floor), None, None])));
    assert_eq!(each.clone().with_formats(&[0, 1]), Err(Malformed));
    let mut out = Vec::new();
    each.with_formats(&[1]).unwrap().rewrite(b'D', &row(&[None, Some(value), None, None]), &mut out).unwrap();
    assert_eq!(out, whole(b'D', &row(&[None, Some(floor), None, None])));
}

#[test]
fn a_description_without_masked_columns_needs_no_mask() {
    let fields = [(16385, 1, 25, 0), (16386, 2, 25, 0)];
    assert!(described(&fields, lookup(MaskKind::Null)).is_none());
    assert!(described(&[], lookup(MaskKind::Null)).is_none());
}

#[test]
fn a_malformed_row_is_an_error_and_leaves_nothing_behind() {
    let masks = described(&[(16385, 1, 25, 0), (16385, 2, 25, 0)], lookup(MaskKind::Null)).unwrap();
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
        assert_eq!(masks.rewrite(b'D', &body, &mut out), Err(Malformed), "{body:?}");
        assert_eq!(out, b"before");
    }
}

fn second_masked(kind: MaskKind) -> Vec<Option<ColumnMask>> {
    vec![None, Some(mask(kind, TEXT)), None]
}

fn copied(copy: &mut CopyMask, body: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    copy.rewrite(b'd', body, &mut out)?;
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
    let count = frame::take_count(&mut rest).unwrap();
    let values = (0..count).map(|_| frame::take_value(&mut rest).unwrap().map(<[u8]>::to_vec)).collect();
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
        let masks = described(&fields, lookup(kind)).unwrap();
        let mut out = Vec::new();
        masks.rewrite(b'D', &row(&[clear.as_deref(), Some(&secret), clear.as_deref()]), &mut out).unwrap();
        prop_assert!(!contains(&out, &secret));
        let values = values_of(&out[5..]);
        prop_assert_eq!(values.len(), 3);
        prop_assert_eq!(&values[0], &clear);
        prop_assert_eq!(&values[2], &clear);
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
            fields::escape(value.as_deref().map(str::as_bytes), &mut line);
            fields::quote(value.as_deref().map(str::as_bytes), &mut csv);
        }
        let wanted: Vec<Option<Vec<u8>>> = values.iter().map(|value| value.clone().map(String::into_bytes)).collect();
        let fields = fields::split_text(&line).unwrap();
        let got: Vec<_> = fields.into_iter().map(|field| fields::unescaped(field).unwrap()).collect();
        prop_assert_eq!(&got, &wanted);
        let got: Vec<_> = fields::split_csv(&csv).unwrap().into_iter().map(fields::unquoted).collect();
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
                        fields::quote(value, &mut line);
                    }
                    _ => {
                        if index > 0 { line.push(b'\t') }
                        fields::escape(value, &mut line);
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
        let one = described(&[(16385, 2, oid, 0)], lookup(MaskKind::Hash)).unwrap();
        let _ = one.rewrite(b'D', &body, &mut Vec::new());
        for format in [CopyFormat::Text, CopyFormat::Csv, CopyFormat::Binary] {
            let _ = CopyMask::new(format, false, vec![Some(mask(MaskKind::Hash, oid))]).rewrite(b'd', &body, &mut Vec::new());
        }
        for kind in [MaskKind::Hash, partial(2, 2), range(0.3), range(7.0), range(1e300), range(1e-300)] {
            for format in [0, 1] {
                let _ = mask(kind.clone(), oid).masked(&body, format);
            }
        }
    }
}
