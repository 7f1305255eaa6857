"""A recorded terminal: read from frames, as asciicast, and played on a terminal that it must not hurt."""

import json
import os
import pty
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoopwire.recordings import decode_entries
from hoopwire.recordings.asciicast import asciicast
from hoopwire.recordings.harmless import Harmless
from hoopwire.recordings.terminal import Resize, Terminal, read_terminals

START = 1_800_000_000_000_000
SESSION = "s_01J"
CONTINUED = 2
REQUEST, DATA, TYPED = 65, 66, 68
GATEWAY, UP, DOWN = 0, 1, 2


def item(at_ms: int, kind: int, payload: Sequence[object], direction: int = GATEWAY) -> bytes:
    return msgspec.msgpack.encode([at_ms + 1, START + at_ms * 1000, 1, kind, direction, 0, payload])


ITEMS = [
    item(0, CONTINUED, [SESSION, "g_01J"]),
    item(10, REQUEST, [1, b"pty-req", b"xterm-256color 100x30", True, "ops"], UP),
    item(11, REQUEST, [2, b"exec", b"uptime", True, "ops"], UP),
    item(20, DATA, [1, 0, b"$ caf\xc3"], DOWN),
    item(30, DATA, [1, 0, b"\xa9\r\n"], DOWN),
    item(40, DATA, [2, 0, b"up 3 days"], DOWN),
    item(50, TYPED, [1, 3], UP),
    item(510, REQUEST, [1, b"window-change", b"120x40", True, "ops"], UP),
    item(520, REQUEST, [1, b"window-change", b"1x1", False, "late"], UP),
    item(1010, DATA, [1, 0, b"the gateway says: your grant ends\r\n"], GATEWAY),
]


def terminal() -> Terminal:
    (only,) = read_terminals(decode_entries(ITEMS), SESSION)
    return only


def test_a_channel_with_a_terminal_is_read_with_its_sizes_and_times() -> None:
    read = terminal()
    assert (read.channel, read.term, read.columns, read.rows) == (1, "xterm-256color", 100, 30)
    assert [round(each.at, 3) for each in read.moments] == [0.01, 0.02, 0.5, 1.0]
    assert read.moments[2].event == Resize(columns=120, rows=40)
    assert read_terminals(decode_entries(ITEMS), "s_other") == []


def test_asciicast_gives_a_cut_character_to_the_event_that_completes_it() -> None:
    header, *events = [json.loads(line) for line in asciicast(terminal(), "title")]
    assert (header["version"], header["width"], header["height"]) == (2, 100, 30)
    assert header["env"] == {"TERM": "xterm-256color"}
    assert events == [
        [0.01, "o", "$ caf"],
        [0.02, "o", "é\r\n"],
        [0.5, "r", "120x40"],
        [1.0, "o", "the gateway says: your grant ends\r\n"],
    ]


def test_asciicast_marks_bytes_that_are_no_text() -> None:
    items = [*ITEMS[:2], item(20, DATA, [1, 0, b"\xff\xc3"], DOWN)]
    (read,) = read_terminals(decode_entries(items), SESSION)
    _, *events = [json.loads(line) for line in asciicast(read, "title")]
    assert events == [[0.01, "o", "\ufffd"], [0.01, "o", "\ufffd"]]


HARMFUL = [
    b"\x1b]52;c;ZXZpbA==\x07",
    b"\x1b]0;title\x1b\\",
    b"\x9d".decode("latin-1").encode() + b"52;c;ZXZpbA==\x07",
    b'\x1bP$q"p\x1b\\',
    b"\x1b^private\x1b\\",
    b"\x1b_application\x1b\\",
    b"\x1bXstring\x1b\\",
    b"\x1b[c",
    b"\x1b[>0c",
    b"\x1b[6n",
    b"\x1b[?6n",
    b"\x1b[21t",
    b"\x1b[!p",
    b"\x1b[?1$p",
    b"\x1bZ",
    b"\x05",
    "\u009b6n".encode(),
    "\u009d52;c;eA==\u0007".encode(),
    "\u0090q\x1b\\".encode(),
]
DRAWING = [
    b"plain text\r\n",
    b"\x1b[31mred\x1b[0m",
    b"\x1b[?1049h\x1b[2J\x1b[H\x1b[10;20Hx",
    b"\x1b(B\x1b)0\x1b7\x1b8\x1bM\x1b=",
    "é 漢字 ─│".encode(),
    b"\x1b[1;24r\x1b[?25l",
]


@pytest.mark.parametrize("sequence", HARMFUL)
def test_what_makes_a_terminal_answer_or_reach_out_is_left_out(sequence: bytes) -> None:
    assert Harmless().feed(b"a" + sequence + b"b") == b"ab"


@pytest.mark.parametrize("sequence", DRAWING)
def test_what_draws_stays(sequence: bytes) -> None:
    assert Harmless().feed(sequence + b".") == sequence + b"."


@given(st.lists(st.sampled_from([*HARMFUL, *DRAWING]), max_size=6), st.data())
def test_it_does_not_matter_where_the_bytes_are_cut(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    expected = Harmless().feed(whole)
    cut = Harmless()
    got, at = b"", 0
    while at < len(whole):
        size = data.draw(st.integers(1, 5))
        got += cut.feed(whole[at : at + size])
        at += size
    assert got == expected


@given(st.binary())
def test_no_bytes_leave_a_question_behind(noise: bytes) -> None:
    shown = Harmless().feed(noise)
    for question in (b"\x1b]", b"\x1bP", b"\x1b_", b"\x1b^", b"\x1b[c", b"\x1b[6n", b"\x05"):
        assert question not in shown


PLAY = """
    import sys
    from hoopwire.cli.replay import Player
    from hoopwire.recordings.terminal import Moment, Terminal
    events = [b"one\\r\\n", b"two\\r\\n", b"three\\r\\n"]
    moments = tuple(Moment(at=at, event=event) for at, event in zip((0.0, 0.1, float(sys.argv[1])), events))
    terminal = Terminal(channel=1, term="xterm", columns=80, rows=24, started_at=0.0, moments=moments)
    sys.exit(Player(terminal, 1.0, None).play())
"""


def test_the_player_hears_keys_and_leaves_the_terminal_as_it_was() -> None:
    # the third event would come after a year: q ends it, and the arrow shows it before
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", textwrap.dedent(PLAY), "31536000"]
    with subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower) as process:
        os.close(follower)
        shown = b""
        while b"two" not in shown:
            shown += os.read(leader, 1024)
        os.write(leader, b"q")
        while True:
            try:
                more = os.read(leader, 1024)
            except OSError:
                break
            shown += more
        assert process.wait() == 0
    assert b"three" not in shown
    assert b"\x1b[?1049l" in shown
    assert b"\x1b[?25h" in shown


def test_without_a_keyboard_it_plays_to_the_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PLAY), "0.2"]
    played = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert played.stdout == b"one\r\ntwo\r\nthree\r\n"
