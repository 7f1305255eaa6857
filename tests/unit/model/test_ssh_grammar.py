"""What actions of ssh may be written as, what is refused and what is said then; what lies within what."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoopwire.model.action import ActionError
from hoopwire.model.ssh.actions import PRESETS, Action, expand
from hoopwire.model.ssh.coverage import Held
from hoopwire.model.ssh.grammar import parse_action, parse_actions
from hoopwire.model.ssh.paths import SYSTEM_TREES
from hoopwire.model.ssh.shell import SHELL_WORDS, quoted, words

RUST = Path(__file__).parents[3] / "rust/ssh/policy/src"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("shell", "shell"),
        (" pty ", "pty"),
        ("exec uptime", "exec uptime"),
        ("exec  'df'\t-h", "exec df -h"),
        ('exec echo "it\'s" \'a "b"\'', 'exec echo "it\'s" \'a "b"\''),
        ("exec ls '*' '...' ''", "exec ls '*' '...' ''"),
        ("exec tail -n <int> /var//log/* ...", "exec tail -n <int> /var/log/* ..."),
        ("exec ls /*", "exec ls /*"),
        ("exec grep -e <text> <name> *", "exec grep -e <text> <name> *"),
        ("sftp read /var/log/", "sftp read /var/log"),
        ("sftp  write  //srv/./up", "sftp write /srv/up"),
        ("sftp read /srv/my files", "sftp read /srv/my files"),
        ("forward DB.Internal.:5432", "forward db.internal:5432"),
        ("forward *.Example.com:443", "forward *.example.com:443"),
        ("forward 10.0.0.0/8:5000-5010", "forward 10.0.0.0/8:5000-5010"),
        ("forward [2001:DB8:0::1]:*", "forward [2001:db8::1]:*"),
        ("forward db:22-22", "forward db:22"),
        ("forward /run//app.sock", "forward /run/app.sock"),
        ("remote-forward *:8080", "remote-forward *:8080"),
        ("remote-forward localhost:0", "remote-forward localhost:0"),
        ("remote-forward  /run//app.sock", "remote-forward /run/app.sock"),
        ("env LC_*", "env LC_*"),
        ("subsystem netconf", "subsystem netconf"),
        ("read-files", "read-files"),
        ("read-files  on /a , /b/,/a", "read-files on /a, /b"),
        ("operate on /srv/app/log", "operate on /srv/app/log"),
    ],
)
def test_the_canonical_text(text: str, canonical: str) -> None:
    action = parse_action(text)
    assert str(action) == canonical
    assert parse_action(canonical) == action


@pytest.mark.parametrize(
    ("text", "column", "words_in_it", "nearest"),
    [
        ("", 1, "is empty", None),
        ("shel", 1, "unknown action", "shell"),
        ("opperate", 1, "unknown action", "operate"),
        ("exce ls", 1, "unknown action", "exec"),
        ("query", 1, "unknown action", None),
        ("read-only", 1, "unknown action", "read-files"),
        ("shell on /x", 7, "nothing behind it", "shell"),
        ("exec", 5, "name the program", "exec uptime"),
        ("exec ls; id", 8, "`;`", None),
        ("exec ls 'a", 9, "quote does not end", None),
        ("exec ls 'a!'", 11, "`!` in quotes", None),
        ("exec ls ''=x", 11, "begins a word", None),
        ("exec ls \u00e4", 9, "`\u00e4`", None),
        ("exec ls \n", 9, "U+000A", None),
        ("exec eval <text>", 6, "shell reads itself", None),
        ("exec * x", 6, "the program is written out", None),
        ("exec ls a*", 9, "is no hole", "*"),
        ("exec ls <itn>", 9, "is no hole", "<int>"),
        ("exec ls ... x", 9, "at the end only", None),
        ("exec ls ...", 9, "there is none", None),
        ("exec ...", 6, "there is none", None),
        ("exec ls /var/../*", 14, "`..`", None),
        ("exec ls var/*", 9, "is written whole", "/var/log"),
        ("sftp raed /x", 6, "`read` or `write`", "sftp read /var/log"),
        ("sftp read x", 11, "is written whole", "/var/log"),
        ("sftp read /a/../b", 14, "`..`", None),
        ("sftp read /a\x00", 13, "cannot be shown", None),
        ("subsystem sftp", 11, "sftp read", "sftp read /var/log"),
        ("forward db", 9, "HOST:PORT", "db.internal:5432"),
        ("forward *:22", 9, "name the host", "*.example.com:443"),
        ("forward 010.0.0.1:22", 9, "no address in its usual form", None),
        ("forward 127.1:22", 9, "no address in its usual form", None),
        ("forward fe80::1%eth0:22", 9, "no address in its usual form", None),
        ("forward 10.0.0.1/8:22", 9, "is no network", "10.0.0.0/8"),
        ("forward 2001:db8::1:22", 9, "brackets", "[2001:db8::1]:22"),
        ("forward [::ffff:10.0.0.1]:22", 9, "brackets", None),
        ("forward [::ffff:0:0/96]:22", 9, "is no network", "10.0.0.0/8"),
        ("forward db:0x16", 12, "a port is", "5432"),
        ("forward db:5-4", 12, "a port is", "5432"),
        ("remote-forward run/app.sock", 16, "HOST:PORT", "db.internal:5432"),
        ("remote-forward /run/../app.sock", 21, "`..`", None),
        ("remote-forward :80", 16, "HOST:PORT", "db.internal:5432"),
        ("env L*", 5, "whole name", "env LC_*"),
        ("operate on /", 12, "not for homes", "operate on /var/log"),
        ("operate on /home/x", 12, "not for homes", "operate on /var/log"),
        ("operate on /a b", 12, "letters, digits", None),
        ("read-files /var", 12, "expected `on`", "read-files on /var/log"),
        ("read-files on /a,,/b", 18, "expected a path", "/var/log"),
    ],
)
def test_what_is_wrong_and_where(text: str, column: int, words_in_it: str, nearest: str | None) -> None:
    with pytest.raises(ActionError) as caught:
        parse_action(text)
    assert words_in_it in str(caught.value)
    assert caught.value.column == column
    if nearest is not None:
        assert caught.value.nearest is not None
        assert caught.value.nearest.startswith(nearest.split(" ")[0])


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_any_text_is_an_action_or_an_error_with_its_place(text: str) -> None:
    for verb in ("", "exec ", "exec x ", "sftp read ", "forward ", "operate on "):
        action, column = read(verb + text)
        assert 1 <= column <= len(verb + text) + 1
        assert action is None or parse_action(str(action)) == action


def read(text: str) -> tuple[Action | None, int]:
    """The action, or where it is none."""
    try:
        return parse_action(text), 1
    except ActionError as error:
        return None, error.column


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8), min_size=1))
def test_a_quoted_word_reads_back(given_words: list[str]) -> None:
    text = " ".join(map(quoted, given_words))
    try:
        read = [word.text for word in words(text)]
    except ActionError:
        assert any(set(word) & set("\\!") for word in given_words)
    else:
        assert read == given_words


def test_the_lists_are_those_of_the_engine() -> None:
    written = re.search(r'const SHELL_WORDS: &str = "(.*?)";', (RUST / "argv.rs").read_text(), re.DOTALL)
    assert written is not None
    assert set(written[1].replace("\\\n", " ").split()) == SHELL_WORDS
    trees = re.search(r"const SYSTEM: .*? = \[(.*?)\];", (RUST / "path.rs").read_text())
    assert trees is not None
    assert tuple(re.findall(r'"(.*?)"', trees[1])) == SYSTEM_TREES


def test_no_preset_gives_a_terminal_with_commands_or_writes() -> None:
    """A pager on a terminal runs what one types; who writes into a home has a shell."""
    for preset in PRESETS:
        given_texts = set(map(str, expand((parse_action(preset),))))
        assert not any(text.startswith("sftp write") for text in given_texts)
        assert ("pty" in given_texts) == ("shell" in given_texts) == (preset == "shell")
    assert expand((parse_action("read-files"),)) == (parse_action("sftp read /"),)
    assert "exec tail -n <int> /srv/log/*" in map(str, expand((parse_action("operate on /srv/log"),)))


WITHIN = [
    ("shell", "exec rm -r /"),
    ("shell", "sftp write /root"),
    ("shell", "pty"),
    ("shell", "env LC_ALL"),
    ("shell", "operate"),
    ("operate", "exec df -h"),
    ("operate", "exec systemctl status nginx"),
    ("operate", "sftp read /var/log/nginx"),
    ("operate on /srv", "operate on /srv/log"),
    ("read-files", "sftp read /etc"),
    ("read-files on /a, /b", "read-files on /b/c"),
    ("exec ls *", "exec ls x"),
    ("exec ls *", "exec ls <int>"),
    ("exec ls *", "exec ls <name>"),
    ("exec ls *", "exec ls /var/*"),
    ("exec ls <text>", "exec ls *"),
    ("exec ls <text>", "exec ls 'a b'"),
    ("exec ls <name>", "exec ls <int>"),
    ("exec ls /var/*", "exec ls /var/log/*"),
    ("exec ls /var/*", "exec ls /var/log"),
    ("exec ls * ...", "exec ls a"),
    ("exec ls * ...", "exec ls a <int> /x/*"),
    ("exec ls * ...", "exec ls a <int> ..."),
    ("exec ls * ...", "exec ls <int> ..."),
    ("exec ls -l *", "exec ls -l *"),
    ("sftp read /", "sftp read /var"),
    ("sftp read /proc", "sftp read /proc/1"),
    ("forward *.example.com:*", "forward a.b.example.com:22"),
    ("forward *.example.com:*", "forward *.b.example.com:1-9"),
    ("forward 10.0.0.0/8:22", "forward 10.1.0.0/16:22"),
    ("forward 10.0.0.0/8:22", "forward 10.1.2.3:22"),
    ("forward 0.0.0.0/0:22", "forward 10.1.2.3:22"),
    ("forward [::/0]:22", "forward [2001:db8::1]:22"),
    ("forward localhost:22", "forward 127.0.0.1:22"),
    ("forward localhost:22", "forward [::1]:22"),
    ("remote-forward *:80", "remote-forward localhost:80"),
    ("remote-forward localhost:*", "remote-forward localhost:0"),
    ("remote-forward /run/a", "remote-forward /run/a"),
    ("env LC_*", "env LC_TIME"),
]
BEYOND = [
    ("operate", "shell"),
    ("operate", "pty"),
    ("operate", "read-files"),
    ("operate", "exec systemctl stop nginx"),
    ("read-files on /a", "read-files on /a, /b"),
    ("read-files on /a", "sftp write /a"),
    ("sftp read /a", "sftp read /ab"),
    ("sftp read /a", "sftp read /"),
    ("sftp read /", "sftp read /proc"),
    ("sftp read /", "sftp read /proc/1"),
    ("exec ls /*", "exec ls /dev/sda"),
    ("exec ls /*", "exec ls /proc/*"),
    ("exec ls", "exec ls -l"),
    ("exec ls *", "exec ls"),
    ("exec ls *", "exec ls -l"),
    ("exec ls *", "exec ls +x"),
    ("exec ls *", "exec ls 'a b'"),
    ("exec ls *", "exec ls ''"),
    ("exec ls *", "exec ls <text>"),
    ("exec ls *", "exec ls * ..."),
    ("exec ls <name>", "exec ls /x"),
    ("exec ls <name>", "exec ls *"),
    ("exec ls <name>", "exec ls .x"),
    ("exec ls <int>", "exec ls 1234567890123456789"),
    ("exec ls <int> ...", "exec ls 1 x"),
    ("exec ls <int> <name> ...", "exec ls 1"),
    ("exec ls /var/*", "exec ls /var"),
    ("exec ls /var/*", "exec ls *"),
    ("exec ls /var/*", "exec ls /varx"),
    ("exec ls '*'", "exec ls *"),
    ("exec ls x", "exec ls *"),
    ("exec scp -f /a", "sftp read /a"),
    ("forward db:22", "forward db:23"),
    ("forward db:22", "forward db:22-23"),
    ("forward db:22", "remote-forward db:22"),
    ("forward *.example.com:22", "forward example.com:22"),
    ("forward *.example.com:22", "forward xexample.com:22"),
    ("forward *.example.com:22", "forward *.com:22"),
    ("forward *.example.com:22", "forward localhost.example.com:22"),
    ("forward 10.0.0.0/8:22", "forward 11.0.0.1:22"),
    ("forward 10.0.0.0/8:22", "forward 8.0.0.0/6:22"),
    ("forward 0.0.0.0/0:22", "forward 127.0.0.1:22"),
    ("forward 0.0.0.0/0:22", "forward 169.254.169.254:22"),
    ("forward 0.0.0.0/0:22", "forward localhost:22"),
    ("forward 0.0.0.0/0:22", "forward [2001:db8::1]:22"),
    ("forward [::/0]:22", "forward [fe80::1]:22"),
    ("forward [::/0]:22", "forward [64:ff9b::1]:22"),
    ("forward 127.0.0.1:22", "forward localhost:22"),
    ("forward /run/a:22", "forward /run/a"),
    ("remote-forward localhost:80", "remote-forward *:80"),
    ("remote-forward *:1-65535", "remote-forward localhost:0"),
    ("remote-forward *:*", "remote-forward /run/a"),
    ("remote-forward /run/a", "remote-forward /run/b"),
    ("forward /run/a", "remote-forward /run/a"),
    ("remote-forward /run/a", "forward /run/a"),
    ("env LC_*", "env LANG"),
    ("env LC_TIME", "env LC_*"),
    ("env LC_*", "env LC_"),
]


@pytest.mark.parametrize(("granted", "asked"), WITHIN)
def test_what_lies_within(granted: str, asked: str) -> None:
    assert Held(parse_actions([granted])).covers(parse_action(asked))


@pytest.mark.parametrize(("granted", "asked"), BEYOND)
def test_a_request_that_widens(granted: str, asked: str) -> None:
    assert not Held(parse_actions([granted])).covers(parse_action(asked))


def test_what_is_missing_is_named_part_by_part() -> None:
    granted = Held(parse_actions(["sftp read /a", "exec df -h"]))
    assert granted.missing(parse_action("read-files on /a/b, /c")) == ("sftp read /c",)
    assert "exec uptime" in granted.missing(parse_action("operate"))
    assert "exec df -h" not in granted.missing(parse_action("operate"))
