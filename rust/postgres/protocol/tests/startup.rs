//! The first packet: what is read, what is refused, and that it does not matter how the bytes arrive.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use hoopwire_postgres_protocol::startup::{
    FirstPacket, STARTUP_MAX_BYTES, Startup, StartupError, first_packet, negotiate,
};
use hoopwire_wire::{DecodeError, Reader, message_untagged};
use proptest::prelude::*;

fn packet(version: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    message_untagged(&mut out, |w| {
        w.u32(version);
        w.bytes(body);
    });
    out
}

fn v3(body: &[u8]) -> Vec<u8> {
    packet(0x0003_0000, body)
}

fn startup(bytes: &[u8]) -> Result<Startup, StartupError> {
    match first_packet(bytes)?.expect("a whole packet") {
        (FirstPacket::Startup(startup), used) => {
            assert_eq!(used, bytes.len());
            Ok(startup)
        }
        (other, _) => panic!("{other:?}"),
    }
}

fn sqlstate(bytes: &[u8]) -> String {
    startup(bytes).expect_err("refused").report().sqlstate.to_string()
}

#[test]
fn ssl_and_gss_requests() {
    assert!(matches!(first_packet(b"\0\0\0\x08\x04\xd2\x16\x2f"), Ok(Some((FirstPacket::Ssl, 8)))));
    assert!(matches!(first_packet(b"\0\0\0\x08\x04\xd2\x16\x30"), Ok(Some((FirstPacket::Gss, 8)))));
}

#[test]
fn bytes_behind_an_ssl_request_are_left_for_the_caller_to_refuse() {
    let bytes = [b"\0\0\0\x08\x04\xd2\x16\x2f".as_slice(), &v3(b"user\0mallory\0\0")].concat();
    assert!(matches!(first_packet(&bytes), Ok(Some((FirstPacket::Ssl, 8)))));
    // Inside the packet there is no room for them.
    assert!(matches!(
        first_packet(&packet(80_877_103, b"xx")),
        Err(StartupError::Layout(DecodeError::Trailing(2)))
    ));
}

#[test]
fn a_cancel_request_has_a_key_of_4_to_256_bytes() {
    for length in [4, 32, 256] {
        let bytes = packet(80_877_102, &[&[0, 0, 1, 2][..], &vec![9; length]].concat());
        let Ok(Some((FirstPacket::Cancel(cancel), used))) = first_packet(&bytes) else { panic!() };
        assert_eq!((cancel.pid, cancel.key.expose().len(), used), (0x102, length, bytes.len()));
    }
    for length in [0, 3, 257] {
        let bytes = packet(80_877_102, &[&[0, 0, 1, 2][..], &vec![9; length]].concat());
        assert_eq!(first_packet(&bytes).unwrap_err(), StartupError::CancelKeyLength(length));
    }
    assert!(matches!(first_packet(&packet(80_877_102, b"\0\0")), Err(StartupError::Layout(_))));
}

#[test]
fn a_startup_message_gives_version_params_and_protocol_options() {
    let got = startup(&packet(
        0x0003_0002,
        b"user\0me+task-1\0database\0orders/analytics\0_pq_.x\0on\0TimeZone\0\0\0",
    ))
    .unwrap();
    assert_eq!((got.major, got.minor), (3, 2));
    let own = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    let want = [own("user", "me+task-1"), own("database", "orders/analytics"), own("TimeZone", "")];
    assert_eq!(got.params, want);
    assert_eq!(got.pq_options, ["_pq_.x"]);
}

#[test]
fn hostile_length_words_are_refused_before_the_packet_is_there() {
    for length in [0, 3, 4, 7, -1, i32::MIN, i32::MAX, 10_005] {
        assert_eq!(first_packet(&length.to_be_bytes()).unwrap_err(), StartupError::Length(length));
    }
    assert!(first_packet(&10_004_i32.to_be_bytes()).unwrap().is_none());
    // Neither HTTP nor TLS is a startup packet.
    assert!(first_packet(b"GET / HTTP/1.1\r\n").is_err());
    assert!(first_packet(b"\x16\x03\x01\x02\x00\x01\x00").is_err());
}

#[test]
fn the_largest_packet_that_the_server_takes_is_taken() {
    let filler = vec![b'x'; STARTUP_MAX_BYTES - 4 - "user\0\0\0".len()];
    let bytes = v3(&[b"user\0".as_slice(), &filler, b"\0\0"].concat());
    assert_eq!(startup(&bytes).unwrap().params.len(), 1);
}

#[test]
fn malformed_layouts_are_protocol_violations() {
    for body in [
        &b""[..],                        // no terminator
        b"user\0me\0",                   // the same
        b"user\0me",                     // unterminated value
        b"user\0",                       // no value
        b"user\0me\0\0x",                // bytes behind the terminator
        b"user\0me\0\0\0",               // one too many
        b"user\0\xff\xfe\0\0",           // not UTF-8
        b"user\0a\0user\0b\0\0",         // twice
        b"TimeZone\0a\0TIMEZONE\0b\0\0", // twice, as settings are compared
        b"_pq_.a\0a\0_pq_.a\0b\0\0",     // protocol options too
    ] {
        assert_eq!(sqlstate(&v3(body)), "08P01", "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn another_major_version_is_not_supported() {
    for version in [0x0002_0000, 0x0004_0000, 0, u32::MAX, (1234 << 16) | 5681] {
        assert_eq!(sqlstate(&packet(version, b"user\0me\0\0")), "0A000");
    }
}

#[test]
fn versions_3_0_to_3_2_need_no_negotiation() {
    for (asked, spoken) in [(0, 0), (1, 0), (2, 2)] {
        let negotiated = negotiate(&startup(&packet(0x0003_0000 | asked, b"user\0me\0\0")).unwrap());
        assert_eq!((negotiated.minor, negotiated.reply), (spoken, None));
    }
}

#[test]
fn more_than_3_2_and_unknown_protocol_options_are_negotiated_down() {
    // 3.9999 is what libpq sends to keep servers honest.
    let negotiated = negotiate(&startup(&packet(0x0003_270f, b"user\0me\0\0")).unwrap());
    assert_eq!(negotiated.minor, 2);
    assert_eq!(negotiated.reply.unwrap(), b"v\0\0\0\x0c\0\x03\0\x02\0\0\0\0");

    let negotiated = negotiate(&startup(&v3(b"_pq_.a\0\0user\0me\0_pq_.b\x001\0\0")).unwrap());
    assert_eq!(negotiated.minor, 0);
    assert_eq!(negotiated.reply.unwrap(), b"v\0\0\0\x1a\0\x03\0\0\0\0\0\x02_pq_.a\0_pq_.b\0");
}

#[test]
fn a_packet_of_thousands_of_parameters_is_read_in_linear_time() {
    let body: Vec<u8> = (0..1_600).flat_map(|n| format!("{n:x}\0\0").into_bytes()).chain([0]).collect();
    assert_eq!(startup(&v3(&body)).unwrap().params.len(), 1_600);
}

proptest! {
    #[test]
    fn a_packet_that_is_not_whole_asks_for_more(params in prop::collection::btree_map("[a-z]{1,8}", "[^\0]{0,8}", 0..6)) {
        let mut body = Vec::new();
        for (name, value) in &params {
            body.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
        }
        body.push(0);
        let bytes = v3(&body);
        for cut in 0..bytes.len() {
            prop_assert!(first_packet(&bytes[..cut]).unwrap().is_none());
        }
        prop_assert_eq!(startup(&bytes).unwrap().params.into_iter().collect::<std::collections::BTreeMap<_, _>>(), params);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, body: Vec<u8>) {
        let _ = first_packet(&bytes);
        if let Ok(Some((FirstPacket::Startup(startup), _))) = first_packet(&v3(&body))
            && let Some(reply) = negotiate(&startup).reply
        {
            let mut reader = Reader::new(&reply);
            prop_assert_eq!(reader.u8().unwrap(), b'v');
            prop_assert_eq!(reader.i32().unwrap() as usize, reply.len() - 1);
        }
    }
}
