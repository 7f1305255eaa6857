//! What `read_argv` says is what every shell makes of the text: the shells themselves are asked.
//!
//! Those that are installed, of sh, dash, bash, busybox's ash, ksh, mksh, zsh, csh, tcsh and fish, in a home of their own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

use hoopwire_ssh_policy::{NotUnderstood, read_argv};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const SHELLS: [&[&str]; 10] = [
    &["sh"],
    &["dash"],
    &["bash"],
    &["busybox", "ash"],
    &["ksh"],
    &["mksh"],
    &["zsh"],
    &["csh"],
    &["tcsh"],
    &["fish"],
];

/// A program that prints its arguments, each with a NUL behind it, in a folder that is also the shells' home.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(name: &str) -> Place {
        let folder = std::env::temp_dir().join(format!("hoopwire-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let place = Place { folder };
        std::fs::write(place.program(), "#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done\n").unwrap();
        std::fs::set_permissions(place.program(), std::fs::Permissions::from_mode(0o755)).unwrap();
        // names that a pattern, a tilde or a brace of a shell would find
        for file in ["a", "b", "=", "-", "+", "%", "1", "x,y", "@", ":"] {
            std::fs::write(place.folder.join(file), "").unwrap();
        }
        place
    }

    fn program(&self) -> PathBuf {
        self.folder.join("argv")
    }

    /// What a shell gives to the program for `text`; None if the shell is not there.
    fn ask(&self, shell: &[&str], text: &str) -> Option<Vec<String>> {
        let path = std::env::join_paths(["/usr/local/bin", "/usr/bin", "/bin"].map(Path::new)).unwrap();
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg("-c").arg(format!("{} {text}", self.program().display()));
        command.env_clear().env("PATH", path).env("HOME", &self.folder).env("LANG", "C.UTF-8");
        let output = match command.current_dir(&self.folder).output() {
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return None,
            output => output.unwrap(),
        };
        if !output.status.success() || !output.stderr.is_empty() {
            return Some(vec![format!("a complaint: {}", String::from_utf8_lossy(&output.stderr))]);
        }
        let words =
            output.stdout.split(|byte| *byte == 0).map(|word| String::from_utf8(word.to_vec()).unwrap());
        let mut words: Vec<String> = words.collect();
        assert_eq!(words.pop().as_deref(), Some(""), "each word ends with a NUL");
        Some(words)
    }

    fn there(&self) -> Vec<&'static [&'static str]> {
        SHELLS.into_iter().filter(|shell| self.ask(shell, "x").is_some()).collect()
    }

    /// Every shell that is there makes these words of the texts, one behind the other.
    fn agree(&self, shells: &[&[&str]], texts: &[String]) {
        let text = texts.join(" ");
        let ours = read_argv(format!("x {text}").as_bytes()).unwrap();
        for shell in shells {
            let words = self.ask(shell, &text).unwrap();
            if words != ours[1..] {
                let alone = texts.iter().find(|text| {
                    let words = read_argv(format!("x {text}").as_bytes()).unwrap();
                    self.ask(shell, text).is_none_or(|found| found != words[1..])
                });
                let text = alone.unwrap_or(&text);
                panic!("{shell:?} reads {text:?} otherwise: {:?}", self.ask(shell, text));
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_read(text: &str) -> bool {
    read_argv(format!("x {text}").as_bytes()).is_ok()
}

#[test]
fn two_characters_that_one_shell_reads_otherwise() {
    // zsh and csh make a path of =ls, csh a line of history of !, fish one backslash of two.
    // zsh makes a path of ''=ls, too: that passed as the word =ls.
    let place = Place::new("pairs");
    let shells = place.there();
    assert!(shells.len() >= 2, "sh and bash are on every machine; found {shells:?}");
    println!("asked: {shells:?}");
    let all: Vec<char> = (b' '..=b'~').map(char::from).collect();
    let pairs = || all.iter().flat_map(|one| all.iter().map(move |other| (*one, *other)));
    for form in ["ab", "xab", "'ab'", "\"ab\"", "a'b'", "'a'b", "''ab"] {
        let made = |(a, b): (char, char)| {
            let pair: String = form
                .chars()
                .map(|c| {
                    if c == 'a' {
                        a
                    } else if c == 'b' {
                        b
                    } else {
                        c
                    }
                })
                .collect();
            pair
        };
        let texts: Vec<String> = pairs().map(made).filter(|text| is_read(text)).collect();
        assert!(texts.len() > 2_000, "{form}: {}", texts.len());
        for some in texts.chunks(450) {
            place.agree(&shells, some);
        }
    }
}

#[test]
fn texts_that_one_shell_reads_otherwise() {
    let place = Place::new("texts");
    let shells = place.there();
    let bare = "[A-Za-z0-9_./:,@%+=~^#-]{1,6}";
    let inner = "[ -~]{0,8}";
    let piece = prop_oneof![
        4 => bare.prop_map(|text| text),
        2 => inner.prop_map(|text| format!("'{text}'")),
        2 => inner.prop_map(|text| format!("\"{text}\"")),
        1 => "[ \t]{1,3}".prop_map(|text| text),
        1 => "(\\$HOME|\\$\\(id\\)|`id`|;|&&|\\||>x|<x|\\\\|\\*|!!|~|\\{a,b\\}|\\?|%self)".prop_map(|text| text),
    ];
    let text = prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat());
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let mut read = Vec::new();
    for _ in 0..20_000 {
        let text = text.new_tree(&mut runner).unwrap().current();
        if is_read(&text) {
            read.push(text);
        }
    }
    assert!(read.len() > 4_000, "{}", read.len());
    for some in read.chunks(300) {
        place.agree(&shells, some);
    }
}

#[test]
fn a_word_of_a_shells_language_for_the_name_of_a_program() {
    let listed = [
        ("bash", "compgen -k; compgen -b"),
        ("zsh", "print -l ${(k)reswords} ${(k)builtins}"),
        ("ksh", "builtin"),
        ("fish", "builtin --names"),
        ("tcsh", "builtins"),
    ];
    // builtins that do the same as the program of their name
    let same = "basename cat cp cut dirname echo false kill ln mktemp mv printenv printf pwd realpath sleep test true which";
    for (shell, text) in listed {
        let Ok(output) = Command::new(shell).args(["-c", text]).output() else { continue };
        let words = String::from_utf8(output.stdout).unwrap();
        assert!(words.split_whitespace().count() > 10, "{shell}: {words}");
        for word in words.split_whitespace() {
            let word = word.trim_start_matches("/opt/ast/bin/");
            if same.split(' ').any(|one| one == word) {
                continue;
            }
            let read = read_argv(word.as_bytes());
            let refused = matches!(
                read,
                Err(NotUnderstood::ShellWord | NotUnderstood::NoProgram | NotUnderstood::Character { .. })
            );
            assert!(refused, "{shell}: {word}");
        }
    }
}
