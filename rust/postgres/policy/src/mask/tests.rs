//! What is seen of masked values, in every kind, type and format.

mod catalogue;
mod rows;

use super::*;
use crate::MaskKey;
use proptest::prelude::*;

const TEXT: u32 = 25;
const TEXTS: [u32; 5] = [25, 1042, 1043, 19, 705];
const KEY: MaskKey = MaskKey::new([7; 32]);

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
    assert_ne!(
        ColumnMask::new(&other, TEXT, &MaskKey::new([8; 32])).masked(b"a", 0),
        hash(TEXT).masked(b"a", 0)
    );
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

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
}
