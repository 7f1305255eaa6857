//! Dialogues of a client and a target's disk through a session.

use super::disk::{Disk, Node};
use super::link::{Link, WIDE, Windows, close, eof, grant, packet_of, sftp, string};
use hoopwire_grant::Fault;
use hoopwire_recording::Direction;
use hoopwire_session::Ending;
use hoopwire_ssh_policy::Grant;
use hoopwire_ssh_protocol::channel::say;
use hoopwire_ssh_protocol::sftp::{Answer, Reply, Stream};
use hoopwire_testkit::pieces;
use proptest::prelude::*;

const OPENSSH: &str = "SSH-2.0-OpenSSH_9.9";
const OTHER: &str = "SSH-2.0-AsyncSSH_2.24";
const RIGHTS: [&str; 3] = ["sftp read /pub", "sftp read /in/own", "sftp write /in"];

const TABLE: &str = include_str!("../../../../../tests/bypass/ssh/sftp.txt");

/// Lines of the sections that begin with this word, each with the word behind it.
fn table(head: &str) -> Vec<(String, String)> {
    let (mut found, mut section) = (Vec::new(), None);
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("-- ") {
            Some(text) => {
                let words: Vec<&str> = text.split([' ', ':']).collect();
                let is_this = words[0] == head;
                section = is_this.then(|| (*words.get(1).unwrap_or(&words[0])).to_owned());
            }
            None => found.extend(section.clone().map(|code| (code, line.to_owned()))),
        }
    }
    assert!(!found.is_empty(), "{head}");
    found
}

/// A path of the table: the disk of the tests begins at /.
fn place(path: &str) -> String {
    let path = path.replace("\\0", "\0");
    path.strip_prefix('@').map_or(path.clone(), |rest| if rest.is_empty() { "/".into() } else { rest.into() })
}

fn disk() -> Disk {
    let lines = table("disk");
    let node = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let node = match words[0] {
            "dir" => Node::Directory,
            "file" => Node::File(words[2].as_bytes().to_vec()),
            _ => Node::Link(place(words[2])),
        };
        (place(words[1]), node)
    };
    Disk::new(lines.iter().map(|(_, line)| node(line)).collect())
}

/// A request of the table, with the number 0.
fn written(line: &str) -> Vec<u8> {
    let words: Vec<&str> = line.split(' ').collect();
    let at = |no: usize| words.get(no).map_or(String::new(), |path| place(path));
    let attributes = [0; 4];
    match words[0] {
        "open" => open(0, &at(2), words[1].parse().unwrap()),
        "rename" => rename(0, &at(1), &at(2)),
        "symlink" => sftp(20, 0, &[at(1).as_bytes(), at(2).as_bytes()], b""),
        "mkdir" => sftp(14, 0, &[at(1).as_bytes()], &attributes),
        "setstat" => sftp(9, 0, &[at(1).as_bytes()], &attributes),
        "lsetstat" => sftp(200, 0, &[b"lsetstat@openssh.com", at(1).as_bytes()], &attributes),
        "posix-rename" | "hardlink" => {
            extended(0, &format!("{}@openssh.com", words[0]), &[at(1).as_bytes(), at(2).as_bytes()])
        }
        "statvfs" | "expand-path" => extended(0, &format!("{}@openssh.com", words[0]), &[at(1).as_bytes()]),
        "home-directory" => extended(0, words[0], &[at(1).as_bytes()]),
        "extended" => extended(0, words[1], &[at(2).as_bytes()]),
        "raw" => {
            let digits = words[1..].concat();
            let byte = |no: usize| u8::from_str_radix(&digits[no..no + 2], 16).unwrap();
            let mut whole = Vec::new();
            string(&mut whole, &(0..digits.len()).step_by(2).map(byte).collect::<Vec<_>>());
            whole
        }
        name => {
            let kinds = [
                ("lstat", LSTAT),
                ("opendir", OPENDIR),
                ("remove", REMOVE),
                ("rmdir", RMDIR),
                ("realpath", REALPATH),
                ("stat", STAT),
                ("readlink", READLINK),
            ];
            let (_, kind) = kinds.iter().find(|(known, _)| *known == name).unwrap();
            of(*kind, 0, &at(1))
        }
    }
}

/// Requests by their numbers, in the order of draft-ietf-secsh-filexfer-02.
fn init() -> Vec<u8> {
    let mut whole = Vec::new();
    string(&mut whole, &[1, 0, 0, 0, 3]);
    whole
}
fn open(id: u32, path: &str, flags: u32) -> Vec<u8> {
    sftp(3, id, &[path.as_bytes()], &[flags.to_be_bytes(), [0; 4]].concat())
}
fn read(id: u32, handle: &[u8], offset: u64) -> Vec<u8> {
    sftp(5, id, &[handle], &[&offset.to_be_bytes()[..], &64_u32.to_be_bytes()].concat())
}
fn write(id: u32, handle: &[u8], offset: u64, data: &[u8]) -> Vec<u8> {
    let mut rest = offset.to_be_bytes().to_vec();
    string(&mut rest, data);
    sftp(6, id, &[handle], &rest)
}
fn shut(id: u32, handle: &[u8]) -> Vec<u8> {
    sftp(4, id, &[handle], b"")
}
fn of(kind: u8, id: u32, path: &str) -> Vec<u8> {
    sftp(kind, id, &[path.as_bytes()], b"")
}
fn rename(id: u32, old: &str, new: &str) -> Vec<u8> {
    sftp(18, id, &[old.as_bytes(), new.as_bytes()], b"")
}
fn extended(id: u32, name: &str, strings: &[&[u8]]) -> Vec<u8> {
    sftp(200, id, &[&[name.as_bytes()], strings].concat(), b"")
}

const LSTAT: u8 = 7;
const OPENDIR: u8 = 11;
const REMOVE: u8 = 13;
const RMDIR: u8 = 15;
const REALPATH: u8 = 16;
const STAT: u8 = 17;
const READLINK: u8 = 19;

/// A client that sends all this, and a target that answers: until nothing moves any more. Gives the target's answers.
fn talk(link: &mut Link, disk: &mut Disk, said: &[&[u8]]) -> Result<Vec<u8>, Ending> {
    let (mut got, mut answered) = (Vec::new(), Vec::new());
    let mut said: Vec<&[u8]> = said.to_vec();
    said.reverse();
    loop {
        let mut is_moving = false;
        if let Some(piece) = said.pop() {
            let left = link.client_sends(piece)?;
            is_moving |= left.len() < piece.len() || piece.is_empty();
            if !left.is_empty() {
                said.push(left);
            }
        }
        let heard = link.target_takes()?;
        is_moving |= !heard.is_empty();
        answered.extend(disk.hear(&heard));
        let left = link.target_sends(&answered)?.len();
        is_moving |= left < answered.len();
        answered.drain(..answered.len() - left);
        let taken = link.client_takes()?;
        is_moving |= !taken.is_empty();
        got.extend(taken);
        if !is_moving {
            assert!(said.is_empty() && answered.is_empty(), "stuck");
            return Ok(got);
        }
    }
}

/// Answers in short: `3` is a status, `h0001` a handle, `=..` data, `n..` a name, `a` attributes.
fn short(got: &[u8]) -> Vec<(u32, String)> {
    let mut stream = Stream::new();
    stream.push(got);
    let mut all = Vec::new();
    while let Some(message) = stream.next().unwrap() {
        if let Reply::Answer { id, answer } = message.reply().unwrap() {
            let text = match answer {
                Answer::Status { code, .. } => code.to_string(),
                Answer::Handle { handle } => format!("h{}", handle[1]),
                Answer::Data { data } => format!("={}", String::from_utf8_lossy(data.0)),
                Answer::Names { names } => {
                    format!("n{}", String::from_utf8_lossy(names.iter().next().unwrap().0))
                }
                Answer::Attributes { .. } => "a".into(),
                Answer::Extended { .. } => "e".into(),
            };
            all.push((id, text));
        }
    }
    assert_eq!(stream.held_bytes(), 0);
    all
}

/// What each request is answered, by its number; one packet for each, all sent at once.
fn answers(grant: Grant, peer: &str, disk: &mut Disk, requests: &[Vec<u8>]) -> (Link, Vec<String>) {
    let mut link = Link::new(grant, peer, WIDE);
    let init = init();
    let said: Vec<&[u8]> = std::iter::once(&init).chain(requests).map(Vec::as_slice).collect();
    let got = talk(&mut link, disk, &said).unwrap();
    let mut all = short(&got);
    all.sort();
    (link, all.into_iter().map(|(_, text)| text).collect())
}

#[test]
fn a_file_under_the_prefix_is_read_and_told_of() {
    let mut disk = disk();
    let handle = [0, 1];
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    let begin = talk(&mut link, &mut disk, &[&init(), &open(1, "/pub/a", 1)]).unwrap();
    assert_eq!(short(&begin), [(1, "h1".into())]);
    let rest = [read(2, &handle, 0), read(3, &handle, 5), shut(4, &handle)].concat();
    assert_eq!(
        short(&talk(&mut link, &mut disk, &[&rest]).unwrap()),
        [(2, "=hello".into()), (3, "1".into()), (4, "0".into())]
    );
    let told = format!("status 0, read 5 from 0 blake3 {} /pub/a", blake3::hash(b"hello").to_hex());
    assert!(link.answers.contains(&("sftp-close".into(), told.into_bytes())), "{:?}", link.answers);
    let wanted = ("sftp-open".into(), b"read /pub/a".to_vec(), true, "read".into());
    assert!(link.decided.contains(&wanted), "{:?}", link.decided);
    // the gateway's own question came before
    assert_eq!(disk.heard, ["Realpath", "Open", "Read", "Read", "Close"]);
}

#[test]
fn a_file_is_written_in_pieces_and_told_of() {
    let mut disk = disk();
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    talk(&mut link, &mut disk, &[&init(), &open(1, "/in/x", 0x1a)]).unwrap();
    let pieces = [write(2, &[0, 1], 0, b"one"), write(3, &[0, 1], 3, b"two"), shut(4, &[0, 1])].concat();
    talk(&mut link, &mut disk, &[&pieces]).unwrap();
    assert_eq!(disk.nodes["/in/x"], Node::File(b"onetwo".to_vec()));
    let told = format!("status 0, written 6 from 0 blake3 {} /in/x", blake3::hash(b"onetwo").to_hex());
    assert!(link.answers.contains(&("sftp-close".into(), told.into_bytes())), "{:?}", link.answers);
}

/// Each line of the table is answered as it says there.
#[test]
fn requests_that_reach_out_of_the_prefixes() {
    let mut wrong = Vec::new();
    for (wanted, line) in table("refused").into_iter().chain(table("allowed")) {
        for peer in [OPENSSH, OTHER] {
            let mut disk = disk();
            let (link, said) = answers(grant(&RIGHTS), peer, &mut disk, &[written(&line)]);
            let refused = link.decided.iter().find(|(_, _, allowed, _)| !allowed);
            let code = refused.map_or("allowed", |(.., reason)| reason);
            let is_right = match (wanted.as_str(), peer) {
                // where nobody says where a link leads, that is the reason
                ("path_not_granted", OTHER) => {
                    ["path_not_granted", "path_not_checked", "link_not_granted"].contains(&code)
                }
                ("allowed", _) => ["allowed", "target_refused"].contains(&code),
                (wanted, _) => code == wanted,
            };
            let untouched = disk.touched.iter().all(|(path, flags)| is_covered(path, *flags));
            let is_refused =
                wanted == "allowed" || (disk.touched.is_empty() && said[0].parse::<u32>().is_ok());
            if !is_right || !untouched || !is_refused || said.len() != 1 {
                wrong.push(format!("{line:?} {peer} {code} {said:?} {:?}", disk.touched));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table("refused").len() > 100);
}

#[test]
fn work_under_the_prefixes_goes_on() {
    let requests = [
        of(REALPATH, 1, "."),
        of(REALPATH, 2, ""),
        of(STAT, 3, "/pub/a"),
        of(OPENDIR, 4, "/pub"),
        of(LSTAT, 5, "/in/sent"),
        sftp(14, 6, &[b"/in/d"], &[0; 4]),
        of(RMDIR, 7, "/in/d"),
        rename(8, "/in/sent", "/in/dir/sent"),
        of(REMOVE, 9, "/in/dir/sent"),
        of(REALPATH, 10, "/in/own/../dir"),
    ];
    for (peer, grants) in [(OPENSSH, &RIGHTS[..]), (OTHER, &RIGHTS), (OPENSSH, &["shell"])] {
        let (_, said) = answers(grant(grants), peer, &mut disk(), &requests);
        assert_eq!(said, ["n/home", "n/home", "a", "h1", "a", "0", "0", "0", "0", "n/in/dir"], "{peer}");
    }
    let look = [of(LSTAT, 1, "/pub/up"), of(STAT, 2, "/pub/b"), open(3, "/pub/b", 1)];
    let (_, said) = answers(grant(&RIGHTS), OPENSSH, &mut disk(), &look);
    assert_eq!(said, ["a", "a", "h1"]);
    // where REALPATH is not trusted a link is not followed
    let (_, said) = answers(grant(&RIGHTS), OTHER, &mut disk(), &look);
    assert_eq!(said, ["a", "3", "3"]);
}

#[test]
fn a_link_made_and_followed_in_one_packet() {
    // SYMLINK and OPEN in one packet: the second was decided before the first had happened.
    let both = [sftp(20, 1, &[b"/etc/shadow", b"/in/l"], b""), open(2, "/in/l", 1)];
    let (_, said) = answers(grant(&["sftp read /in", "sftp write /in"]), OPENSSH, &mut disk(), &both);
    assert_eq!(said, ["3", "2"]);

    // who may make links, but not reach into /proc
    let mut disk = disk();
    disk.nodes.insert("/proc".into(), Node::Directory);
    disk.nodes.insert("/proc/mem".into(), Node::File(b"x".to_vec()));
    let whole = ["sftp read /", "sftp write /"];
    let both =
        [sftp(20, 1, &[b"/proc/mem", b"/in/l"], b""), sftp(20, 2, &[b"/in", b"/l"], b""), open(3, "/l/l", 2)];
    let (_, said) = answers(grant(&whole), OPENSSH, &mut disk, &both);
    assert_eq!(said, ["3", "0", "2"]);
    let mut link = Link::new(grant(&whole), OPENSSH, WIDE);
    talk(&mut link, &mut disk, &[&init()]).unwrap();
    disk.is_slow = true;
    let both = [sftp(20, 1, &[b"/pub", b"/in/p"], b""), open(2, "/in/p/a", 1)].concat();
    assert_eq!(talk(&mut link, &mut disk, &[&both]).unwrap(), b"");
    assert_eq!(disk.heard.last().unwrap(), "Realpath", "{:?}", disk.heard);
    let before = disk.heard.len() - 1;
    for wanted in [&["Realpath", "Symlink"][..], &["Realpath", "Symlink", "Realpath"]] {
        // each answer comes late: nothing of the second goes on before the first is answered
        disk.is_slow = false;
        let late = disk.hear(b"");
        disk.is_slow = true;
        link.target_sends(&late).unwrap();
        talk(&mut link, &mut disk, &[]).unwrap();
        assert_eq!(disk.heard[before..], *wanted);
    }
}

#[test]
fn extensions_that_nobody_decides_are_not_offered() {
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    let got = talk(&mut link, &mut disk(), &[&init()]).unwrap();
    let text = String::from_utf8_lossy(&got).into_owned();
    assert!(text.contains("copy-data") && !text.contains("run-anything"), "{text}");
}

#[test]
fn a_target_that_takes_longer_messages_than_are_read_here() {
    // asyncssh's server takes 4 MiB and says so: its own client sent them, and the session ended.
    let mut link = Link::new(grant(&RIGHTS), OTHER, WIDE);
    let asked = extended(1, "limits@openssh.com", &[]);
    let got = talk(&mut link, &mut disk(), &[&init(), &asked]).unwrap();
    let limits = [262_144_u64, 261_120, 9, 1024].map(u64::to_be_bytes).concat();
    assert!(got.ends_with(&limits), "{got:?}");
}

#[test]
fn a_version_that_is_read_otherwise_is_not_asked_for() {
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    let mut six = Vec::new();
    string(&mut six, &[1, 0, 0, 0, 6]);
    link.client_sends(&six).unwrap();
    assert_eq!(link.to_target, init());
    let mut four = Vec::new();
    string(&mut four, &[2, 0, 0, 0, 4]);
    assert_eq!(link.target_sends(&four).unwrap_err().fault, Some(Fault::TargetLost));
}

#[test]
fn what_breaks_the_order_ends_the_session() {
    let mut old = Vec::new();
    string(&mut old, &[1, 0, 0, 0, 2]);
    let twice = [init(), init()].concat();
    let same = [init(), of(STAT, 1, "/pub/a"), of(STAT, 1, "/pub/a")].concat();
    for said in [&old, &twice, &same, &of(STAT, 1, "/pub/a"), &vec![0; 4], &vec![0xff; 8]] {
        let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
        let ending = talk(&mut link, &mut disk(), &[said]).unwrap_err();
        assert_eq!(ending.fault, Some(Fault::BrokeProtocol), "{said:?}");
    }
    // an answer to what nobody asked
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    talk(&mut link, &mut disk(), &[&init()]).unwrap();
    assert!(link.target_sends(&sftp(101, 5, &[], &[0; 12])).is_err());
}

#[test]
fn a_grant_that_shrinks_while_a_file_is_open() {
    // What was open stayed readable after a change of the grant.
    let mut disk = disk();
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    talk(&mut link, &mut disk, &[&init(), &open(1, "/pub/a", 1)]).unwrap();
    link.live.grant.rights = grant(&["sftp write /in"]).rights;
    let got = talk(&mut link, &mut disk, &[&read(2, &[0, 1], 0), &shut(3, &[0, 1])]).unwrap();
    assert_eq!(short(&got), [(2, "3".into()), (3, "0".into())]);
}

#[test]
fn an_open_costs_an_operation_and_a_look_none() {
    let mut one = grant(&RIGHTS);
    one.budgets.statements = Some(2);
    let requests = [of(STAT, 1, "/pub/a"), open(2, "/pub/a", 1), open(3, "/pub/a", 1), of(STAT, 4, "/pub/a")];
    // the subsystem itself was the first
    let (_, said) = answers(one, OPENSSH, &mut disk(), &requests);
    assert_eq!(said, ["a", "h1", "3", "a"]);
}

#[test]
fn a_denial_says_what_to_ask_for() {
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    let got = talk(&mut link, &mut disk(), &[&init(), &open(1, "/etc/shadow", 1)]).unwrap();
    let text = String::from_utf8_lossy(&got).into_owned();
    for part in
        ["does not allow reading /etc/shadow", "code: path_not_granted", "Ask for: sftp read /etc/shadow"]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn ends_go_behind_what_waits() {
    let narrow = Windows { target: 40, client: 40, packet: 16 };
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, narrow);
    let mut disk = disk();
    talk(&mut link, &mut disk, &[&init()]).unwrap();
    let request = of(STAT, 1, "/pub/a");
    let mut left = &request[..];
    for _ in 0..20 {
        left = link.client_sends(left).unwrap();
        if left.is_empty() {
            break;
        }
        link.target_takes().unwrap();
    }
    link.client_says(&eof()).unwrap();
    assert!(!link.others.contains(&(Direction::Upstream, 96)), "the gateway's question is not answered");
    talk(&mut link, &mut disk, &[]).unwrap();
    let heard = link.target_takes().unwrap();
    disk.hear(&heard);
    assert_eq!(link.others.last(), Some(&(Direction::Upstream, 96)));
    assert_eq!(disk.heard, ["Realpath", "Stat"]);
}

#[test]
fn a_channel_closed_with_a_file_open() {
    let mut disk = disk();
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    talk(&mut link, &mut disk, &[&init(), &open(1, "/pub/a", 1)]).unwrap();
    talk(&mut link, &mut disk, &[&read(2, &[0, 1], 0)]).unwrap();
    link.client_says(&close()).unwrap();
    let told = format!("read 5 from 0 blake3 {} /pub/a", blake3::hash(b"hello").to_hex());
    assert!(link.answers.contains(&("sftp-close".into(), told.into_bytes())), "{:?}", link.answers);
    assert_eq!(link.live.held_bytes(), 0);
}

#[test]
fn a_client_that_makes_no_room_is_not_answered_without_end() {
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    let mut disk = disk();
    talk(&mut link, &mut disk, &[&init()]).unwrap();
    let many: Vec<u8> = (0..4000).flat_map(|id| open(id, "/etc/shadow", 1)).collect();
    let mut left = &many[..];
    while !left.is_empty() && link.client_room > 0 {
        left = link.client_sends(left).unwrap();
    }
    assert!(link.to_client.len() <= 2_097_152);
    let refused = link.decided.iter().filter(|(.., allowed, _)| !allowed).count();
    assert!(refused > 100);
    assert!(link.live.held_bytes() <= 2_097_152 + 128 * 1024, "{}", link.live.held_bytes());
}

#[test]
fn a_channel_that_waits_holds_no_other() {
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, Windows { target: 1000, client: 60, packet: 1000 });
    talk(&mut link, &mut disk(), &[&init()]).unwrap();
    // the gateway's question to the target is never answered, and a message stands behind it
    link.client_sends(&open(1, "/pub/a", 1)).unwrap();
    link.client_sends(&open(2, "/etc/shadow", 1)).unwrap();
    assert!(link.live.held_bytes() > 0);
    let mut second = vec![90];
    string(&mut second, b"session");
    second.extend([2_u32.to_be_bytes(), [0, 0, 1, 0], [0, 0, 1, 0]].concat());
    link.client_says(&second).unwrap();
    assert_eq!(link.others.last(), Some(&(Direction::Upstream, 90)));
    link.client_says(&close()).unwrap();
    assert_eq!(link.live.held_bytes(), 0);
}

#[test]
fn a_target_with_a_window_of_four_gigabytes() {
    // All of it would have to be held.
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, Windows { target: u32::MAX, ..WIDE });
    link.client_room = 2 * 1024 * 1024;
    let mut disk = disk();
    talk(&mut link, &mut disk, &[&init(), &open(1, "/in/x", 0x0a)]).unwrap();
    let big = write(2, &[0, 1], 0, &vec![b'x'; 200_000]);
    for _ in 0..30 {
        let got = talk(&mut link, &mut disk, &[&big]).unwrap();
        assert_eq!(short(&got), [(2, "0".into())]);
        assert!(link.client_room <= 2 * 1024 * 1024);
    }
}

#[test]
fn a_target_that_closes_before_its_last_words_have_room() {
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, Windows { target: 1000, client: 150, packet: 1000 });
    let mut disk = disk();
    talk(&mut link, &mut disk, &[&init()]).unwrap();
    link.client_sends(&open(1, "/etc/shadow", 1)).unwrap();
    link.target_says(&packet_of(|out| say::close(out, 1))).unwrap();
    assert!(!link.others.contains(&(Direction::Downstream, 97)));
    // asked behind its end: nobody is there
    link.client_sends(&open(2, "/pub/a", 1)).unwrap();
    assert_eq!(link.to_target, b"");
    let mut got = Vec::new();
    while !link.to_client.is_empty() {
        got.extend(link.client_takes().unwrap());
    }
    assert_eq!(short(&got), [(1, "3".into())]);
    assert_eq!(link.others.last(), Some(&(Direction::Downstream, 97)));
}

#[test]
fn data_behind_an_end() {
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    talk(&mut link, &mut disk(), &[&init()]).unwrap();
    link.client_says(&eof()).unwrap();
    assert!(link.client_sends(&open(1, "/pub/a", 1)).is_err());
    let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
    talk(&mut link, &mut disk(), &[&init()]).unwrap();
    link.target_says(&packet_of(|out| say::eof(out, 1))).unwrap();
    assert!(link.target_sends(&sftp(101, 5, &[], &[0; 12])).is_err());
}

/// A request of any kind, about names that mean something on the disk.
fn any_request() -> impl Strategy<Value = Vec<u8>> {
    let name = "(/(pub|in|etc|own|dir|a|up|out|sent|\\.|\\.\\.|)){0,4}/?|pub/a|\\.|";
    let path = prop_oneof![
        3 => proptest::sample::select(vec!["/pub/a", "/in/sent", "/in/x", "/in/dir/y", "/pub/up/shadow", "/in/etc/x"])
            .prop_map(str::to_owned),
        2 => name.prop_map(|path| path),
    ];
    let two = (path, name);
    (0..12_u8, 1..6_u32, two, 0..64_u32, 0..3_u8, 0..40_u64).prop_map(
        |(kind, id, (one, other), flags, handle, offset)| {
            let handle = [0, handle];
            match kind {
                0 | 1 => open(id, &one, flags),
                2 => read(id, &handle, offset),
                3 => write(id, &handle, offset, &vec![b'x'; usize::try_from(offset).unwrap()]),
                4 => shut(id, &handle),
                5 => of([LSTAT, STAT, OPENDIR, READLINK][flags as usize % 4], id, &one),
                6 => of(REALPATH, id, &one),
                7 => of([REMOVE, RMDIR][flags as usize % 2], id, &one),
                8 => sftp(14, id, &[one.as_bytes()], &[0; 4]),
                9 => rename(id, &one, &other),
                10 => extended(id, "posix-rename@openssh.com", &[one.as_bytes(), other.as_bytes()]),
                _ => sftp(20, id, &[one.as_bytes(), other.as_bytes()], b""),
            }
        },
    )
}

/// A real path that these rights cover, by the flags it was opened with, or 99 where a name changed.
fn is_covered(path: &str, flags: u32) -> bool {
    let under = |prefix: &str| path == prefix || path.starts_with(&format!("{prefix}/"));
    let reads = under("/pub") || under("/in/own");
    match flags {
        99 => under("/in"),
        // a directory was opened
        0 => reads || under("/in"),
        _ => {
            let wants_read = flags & 1 != 0 || flags & 2 == 0;
            let wants_write = flags & !1 != 0;
            (!wants_read || reads) && (!wants_write || under("/in"))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is asked, in whatever pieces and windows: nothing is touched that the words do not cover, and nobody waits
    /// for ever.
    #[test]
    fn a_request_that_touches_what_is_not_granted(
        requests in prop::collection::vec(any_request(), 1..12),
        cuts in prop::collection::vec(0..4000_usize, 0..8),
        target in 1..300_u32,
        client in 1..300_u32,
        packet in 1..80_u32,
        is_openssh: bool,
    ) {
        let mut disk = disk();
        let peer = if is_openssh { OPENSSH } else { OTHER };
        let mut link = Link::new(grant(&RIGHTS), peer, Windows { target, client, packet });
        // numbers may come again while the first waits: they are made single
        let mut said = init();
        let asked = u32::try_from(requests.len()).unwrap();
        for (no, mut request) in requests.into_iter().enumerate() {
            request[5..9].copy_from_slice(&u32::try_from(no).unwrap().to_be_bytes());
            said.extend(request);
        }
        let got = talk(&mut link, &mut disk, &pieces(&said, &cuts)).unwrap();
        for (path, flags) in &disk.touched {
            prop_assert!(is_covered(path, *flags), "{path} {flags} {:?}", link.decided);
        }
        // each was answered once
        let mut ids: Vec<u32> = short(&got).into_iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        prop_assert_eq!(ids, (0..asked).collect::<Vec<_>>());
        prop_assert_eq!(link.live.held_bytes(), 0);
    }

    /// Bytes that are no sftp, from either side.
    #[test]
    fn bytes_that_make_it_panic(
        client in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        target in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        is_begun: bool,
    ) {
        let mut link = Link::new(grant(&RIGHTS), OPENSSH, WIDE);
        if is_begun {
            talk(&mut link, &mut disk(), &[&init(), &open(1, "/pub/a", 1), &open(2, "/pub/b", 1)]).unwrap();
        }
        let framed = |body: &[u8]| {
            let mut whole = Vec::new();
            string(&mut whole, body);
            whole
        };
        for (one, other) in client.iter().zip(&target) {
            if link.client_sends(&framed(one)).is_err() || link.target_sends(&framed(other)).is_err() {
                break;
            }
        }
        let _ = link.client_sends(&client.concat()).is_ok() && link.target_sends(&target.concat()).is_ok();
    }
}
