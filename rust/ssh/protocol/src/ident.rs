//! The line by which each side says what it is, RFC 4253 section 4.2.

use crate::broken::{Broken, reason};

/// How the gateway names itself on both legs.
///
/// OpenSSH sends `eow@openssh.com` and `no-more-sessions@openssh.com` only to names that begin with
/// `OpenSSH`; without the first, `ssh host yes | head -1` hangs.
pub const OURS: &str = "SSH-2.0-OpenSSH_9.9 hoopwire";

/// Longest line, its CR LF included.
const MOST_BYTES: usize = 255;
/// A server may say other lines first. OpenSSH takes 1,024; a banner of a login host has a dozen.
const MOST_LINES: usize = 64;
/// Most bytes of one such line.
const MOST_LINE_BYTES: usize = 1024;

/// Reads the peer's line off the front of what it sends.
#[derive(Debug)]
pub(crate) struct Awaited {
    /// Lines before it are taken: RFC 4253 allows them to servers only.
    lines: usize,
}

impl Awaited {
    /// A client's, which must be its first line.
    pub(crate) fn of_client() -> Self {
        Self { lines: 0 }
    }

    /// A server's, which may come after others.
    pub(crate) fn of_server() -> Self {
        Self { lines: MOST_LINES }
    }

    /// Takes what there is of `input`: gives how many bytes were used up, and the line without its end, if it
    /// came. Without it, `input` must come again from that place on, with more behind.
    pub(crate) fn read(&mut self, input: &[u8]) -> Result<(usize, Option<String>), Broken> {
        let mut used = 0;
        loop {
            let left = input.get(used..).unwrap_or_default();
            let is_it = left.starts_with(b"SSH-");
            // what has come so far may yet become it
            let may_be = is_it || b"SSH-".starts_with(left);
            if !may_be && self.lines == 0 {
                return Err(Broken::protocol("this is no SSH: the first line does not begin with SSH-"));
            }
            let most = if is_it { MOST_BYTES } else { MOST_LINE_BYTES };
            let end = left.iter().take(most).position(|&byte| byte == b'\n');
            match end {
                Some(end) => {
                    used += end + 1;
                    if is_it {
                        return Ok((used, Some(checked(left.get(..end).unwrap_or_default())?)));
                    }
                    self.lines = self
                        .lines
                        .checked_sub(1)
                        .ok_or_else(|| Broken::protocol("this is no SSH: no line begins with SSH-"))?;
                }
                None if left.len() >= most => {
                    return Err(Broken::protocol(format!(
                        "a line before the first packet is over {most} bytes"
                    )));
                }
                None => return Ok((used, None)),
            }
        }
    }
}

/// The line without its CR, if it is one of version 2.
fn checked(line: &[u8]) -> Result<String, Broken> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.iter().any(|byte| !(b' '..=b'~').contains(byte)) {
        return Err(Broken::protocol("the identification line has bytes that cannot be printed"));
    }
    let line = String::from_utf8_lossy(line).into_owned();
    // 1.99: version 2, and 1 for clients that have no other (RFC 4253 section 5.1)
    if line.starts_with("SSH-2.0-") || line.starts_with("SSH-1.99-") {
        Ok(line)
    } else {
        Err(Broken::new(reason::VERSION_NOT_SUPPORTED, "only version 2 of SSH is spoken here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mut awaited: Awaited, input: &[u8]) -> Result<(usize, Option<String>), Broken> {
        awaited.read(input)
    }

    #[test]
    fn the_line_is_taken_and_nothing_behind_it() {
        // the first is RFC 4253 section 4.2's own; the others were sent by OpenSSH, PuTTY and an old server
        for line in [
            "SSH-2.0-billsSSH_3.6.3q3",
            "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10",
            "SSH-2.0-PuTTY_Release_0.81",
            "SSH-1.99-x",
        ] {
            for end in ["\r\n", "\n"] {
                let input = format!("{line}{end}\0\0\x01");
                let found = of(Awaited::of_client(), input.as_bytes()).unwrap();
                assert_eq!(found, (line.len() + end.len(), Some(line.to_owned())));
            }
        }
    }

    #[test]
    fn a_server_may_say_other_lines_first_and_a_client_may_not() {
        let input = b"Welcome\r\nSSS\r\n\nSSH-2.0-x\r\n";
        assert_eq!(of(Awaited::of_server(), input).unwrap(), (input.len(), Some("SSH-2.0-x".into())));
        assert!(of(Awaited::of_client(), input).is_err());
        assert!(of(Awaited::of_client(), b"GET / HTTP/1.1\r\n").unwrap_err().text.contains("no SSH"));
        assert!(of(Awaited::of_client(), b"SSG").is_err());
    }

    #[test]
    fn in_any_split_the_same_is_read() {
        let input = b"one\ntwo\r\nSSH-2.0-x y\r\nrest";
        for step in 1..input.len() {
            let mut awaited = Awaited::of_server();
            let (mut used, mut end) = (0, 0);
            let line = loop {
                end = (end + step).min(input.len());
                let (more, line) = awaited.read(&input[used..end]).unwrap();
                used += more;
                if line.is_some() {
                    break line;
                }
            };
            assert_eq!((used, line.as_deref()), (input.len() - 4, Some("SSH-2.0-x y")), "steps of {step}");
        }
    }

    #[test]
    fn lines_without_end_are_refused_before_they_are_kept() {
        let longest = format!("SSH-2.0-{}\r\n", "x".repeat(MOST_BYTES - 10));
        assert_eq!(longest.len(), MOST_BYTES);
        assert!(of(Awaited::of_client(), longest.as_bytes()).unwrap().1.is_some());
        let over = format!("SSH-2.0-{}", "x".repeat(MOST_BYTES - 8));
        assert!(of(Awaited::of_client(), &over.as_bytes()[..MOST_BYTES - 1]).unwrap().1.is_none());
        assert!(of(Awaited::of_client(), over.as_bytes()).is_err());
        assert!(of(Awaited::of_server(), &[b'x'; MOST_LINE_BYTES]).is_err());
        assert!(of(Awaited::of_server(), &b"x\n".repeat(MOST_LINES)).unwrap().1.is_none());
        assert!(of(Awaited::of_server(), &b"x\n".repeat(MOST_LINES + 1)).is_err());
    }

    #[test]
    fn another_version_and_odd_bytes_are_refused_with_words() {
        for line in ["SSH-1.5-old\r\n", "SSH-3.0-new\r\n", "SSH-\n"] {
            let broken = of(Awaited::of_client(), line.as_bytes()).unwrap_err();
            assert_eq!(broken.code, reason::VERSION_NOT_SUPPORTED);
        }
        for line in [&b"SSH-2.0-a\0b\r\n"[..], b"SSH-2.0-\x1b[2J\r\n", b"SSH-2.0-a\rb\r\n", b"SSH-2.0-\xff\n"]
        {
            assert!(of(Awaited::of_client(), line).unwrap_err().text.contains("printed"));
        }
    }
}
