//! What must hold whatever two peers send after both logins: each turn is held to the order by `Link`.

use crate::link::Link;
use std::time::Duration;

const RIGHTS: [&[&str]; 4] = [
    &["shell", "pty", "env LANG", "forward db.example:5432"],
    &["exec ls -l", "pty"],
    &["sftp read /srv", "sftp write /srv/up", "exec id"],
    &["forward 10.0.0.0/8:1-9", "env LC_*"],
];

/// The first byte picks the grant; then steps: who, a length, a payload.
pub(crate) fn check(input: &[u8]) {
    let Some((which, mut rest)) = input.split_first() else { return };
    let mut link = Link::up(RIGHTS[usize::from(which % 4)]);
    link.channel(1, 9);
    while let [who, length, tail @ ..] = rest {
        let (payload, after) = tail.split_at(tail.len().min(usize::from(*length)));
        rest = after;
        // What is below is the transport's, and that of `Link` has to go on.
        let is_message = payload.first().is_some_and(|number| *number >= 50);
        match who % 8 {
            7 => link.wait(Duration::from_secs(u64::from(*length))),
            6 => link.regrant(RIGHTS[usize::from(length % 4)]),
            odd if is_message && odd % 2 == 1 => link.target.packet(payload),
            _ if is_message => link.client.packet(payload),
            _ => {}
        }
        link.run();
    }
}
