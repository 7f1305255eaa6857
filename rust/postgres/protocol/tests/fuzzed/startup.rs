//! What must hold for any bytes that a frontend opens with.

use hoopwire_postgres_protocol::error::{ErrorReport, ServerReport};
use hoopwire_postgres_protocol::params::session_params;
use hoopwire_postgres_protocol::startup::{
    FirstPacket, NEWEST_MINOR, STARTUP_MAX_BYTES, Startup, first_packet, negotiate,
};
use hoopwire_wire::message_untagged;

pub(crate) fn check(input: &[u8]) {
    let (packet, used) = match first_packet(input) {
        Ok(Some(found)) => found,
        Ok(None) => return assert!(input.len() < STARTUP_MAX_BYTES + 4),
        Err(error) => return legible(&error.report()),
    };
    assert!((8..=STARTUP_MAX_BYTES + 4).contains(&used) && used <= input.len());
    assert!(matches!(first_packet(&input[..used - 1]), Ok(None)), "a packet that is not whole asks for more");
    match packet {
        FirstPacket::Ssl | FirstPacket::Gss => assert_eq!(used, 8),
        FirstPacket::Cancel(cancel) => assert_eq!(cancel.key.expose().len(), used - 12),
        FirstPacket::Startup(startup) => check_startup(&startup, used),
    }
}

fn check_startup(startup: &Startup, used: usize) {
    // All of the packet is accounted for: nothing hides between the fields.
    if startup.pq_options.is_empty() {
        let mut again = Vec::new();
        message_untagged(&mut again, |w| {
            w.u16(startup.major);
            w.u16(startup.minor);
            for (name, value) in &startup.params {
                w.cstr(name);
                w.cstr(value);
            }
            w.u8(0);
        });
        assert_eq!(again.len(), used);
        let Ok(Some((FirstPacket::Startup(read), _))) = first_packet(&again) else { panic!("not read back") };
        assert_eq!(&read, startup);
    }
    let negotiated = negotiate(startup);
    assert!(negotiated.minor == 0 || negotiated.minor == NEWEST_MINOR);
    assert_eq!(
        negotiated.reply.is_some(),
        startup.minor > NEWEST_MINOR || !startup.pq_options.is_empty(),
        "what the frontend does not get, it is told"
    );
    match session_params(startup) {
        Err(report) => legible(&report),
        Ok(session) => {
            assert!(!session.user.is_empty() && !session.database.is_empty());
            for (name, value) in &session.settings {
                assert_eq!(name.to_ascii_lowercase(), *name);
                assert!(!name.contains('\0') && !value.contains('\0'));
                assert_eq!(
                    session.settings.iter().filter(|(other, _)| other == name).count(),
                    1,
                    "{name} comes twice"
                );
            }
        }
    }
}

/// A refusal can be read by a frontend, and says what the frontend's bytes did not forge.
fn legible(report: &ErrorReport) {
    let mut out = Vec::new();
    report.encode(&mut out);
    let read = ServerReport::parse(&out[5..]);
    assert_eq!((out[0], read.severity.as_str(), read.sqlstate), (b'E', "FATAL", Some(report.sqlstate)));
    assert!(!read.message.is_empty());
}
