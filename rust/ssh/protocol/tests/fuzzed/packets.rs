//! What must hold for any bytes of a peer: as a packet of each protocol, as a key, as a certificate, as an sftp stream.

use hoopwire_ssh_protocol::certificate::Certificate;
use hoopwire_ssh_protocol::channel::{Global, Message, clamp_packet_bytes};
use hoopwire_ssh_protocol::gatekeep::{Side, may_ask};
use hoopwire_ssh_protocol::keys::{Algorithm, PublicKey};
use hoopwire_ssh_protocol::plain::Packets;
use hoopwire_ssh_protocol::sftp::{Answer, MESSAGE_BYTES, Reply, Stream};
use hoopwire_ssh_protocol::userauth::{self, Awaited, Method, Offer, Request, Responses, say};

/// The first byte says what the others are.
pub(crate) fn check(input: &[u8]) {
    let Some((what, bytes)) = input.split_first() else { return };
    match what % 6 {
        0 => connection(bytes),
        1 => login(bytes),
        2 => answer(bytes),
        3 => key(bytes),
        4 => certificate(bytes),
        _ => sftp(bytes),
    }
}

fn connection(payload: &[u8]) {
    let mut clamped = payload.to_vec();
    clamp_packet_bytes(&mut clamped, 0x1_0000);
    assert_eq!(clamped.len(), payload.len());
    let Ok(message) = Message::read(payload) else { return };
    let again = Message::read(&clamped).expect("a lower packet size changes no form");
    if let (Message::Open { open, .. }, Message::Open { packet_bytes, open: same, .. }) = (message, again) {
        assert_eq!(open, same);
        assert!(packet_bytes <= 0x1_0000);
    }
    if let Message::Global { global: Global::HostKeys { keys } | Global::HostKeysProve { keys }, .. } =
        message
    {
        assert!(keys.iter().count() <= 64);
    }
    let _ = (may_ask(Side::Client, &message), may_ask(Side::Server, &message));
}

fn login(payload: &[u8]) {
    if let Ok(responses) = Responses::read(payload) {
        assert_eq!(responses.iter().count(), responses.count());
    }
    let _ = userauth::service(payload);
    let Ok(Request { user, service, method }) = Request::read(payload) else { return };
    let Method::PublicKey { algorithm, key, signature: Some(signature) } = method else { return };
    let Ok(offer) = Offer::read(algorithm, key) else { return };
    assert_eq!((offer.name().as_bytes(), offer.blob()), (algorithm, key));
    if service == userauth::CONNECTION {
        // All of the packet is accounted for: nothing hides between the fields.
        let mut out = Vec::new();
        say::public_key(&mut out, user, offer.name(), offer.blob(), signature);
        let again = Packets::new(&out).next().expect("a packet was written");
        assert_eq!(Request::read(again), Request::read(payload));
        assert_eq!(again.len(), payload.len());
    }
}

fn answer(payload: &[u8]) {
    for awaited in [Awaited::None, Awaited::PublicKey, Awaited::Password, Awaited::KeyboardInteractive] {
        if let Ok(userauth::Answer::Prompts { prompts, .. }) = userauth::Answer::read(payload, awaited) {
            assert_eq!(prompts.iter().count(), prompts.count());
        }
    }
}

fn key(blob: &[u8]) {
    let Ok(key) = PublicKey::read(blob) else { return };
    assert_eq!(key.blob(), blob);
    assert!(key.verify(blob, b"", &Algorithm::ALL).is_err(), "a key is no signature");
}

fn certificate(blob: &[u8]) {
    let Ok(read) = Certificate::read(blob) else { return };
    assert_eq!(read.blob(), blob);
    assert!(PublicKey::read(read.key.blob()) == Ok(read.key.clone()));
    assert!(read.principals.len() <= 256);
    assert!(read.check_host("a", 0, &[]).is_err() && read.check_user("a", 0, &[]).is_err());
}

/// Messages come out the same whatever the split.
fn sftp(bytes: &[u8]) {
    let whole = messages([bytes]);
    assert_eq!(messages(bytes.chunks(1)), whole);
    assert_eq!(messages(bytes.chunks(7)), whole);
}

fn messages<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut stream = Stream::new();
    let mut found = Vec::new();
    for piece in pieces {
        stream.push(piece);
        while let Ok(Some(message)) = stream.next() {
            assert!((5..=MESSAGE_BYTES + 4).contains(&message.whole().len()));
            let _ = message.request();
            if let Ok(Reply::Answer { answer: Answer::Names { names }, .. }) = message.reply() {
                assert!(names.iter().count() <= message.whole().len() / 12);
            }
            found.push(message.whole().to_vec());
        }
    }
    found
}
