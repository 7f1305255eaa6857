"""What a person and a program read of a recorded session."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from hoopwire.recordings import (
    decode_entries,
    list_sessions,
    read_directory,
    segment_files,
    session_json,
    session_text,
)
from hoopwire.recordings.frames import Unknown

START = 1_800_000_000_000_000
SESSION = "s_01J"
DIGEST = bytes(range(32))
START_PAYLOAD = [
    SESSION,
    "g_01J",
    "https://id.example",
    "cid:0oa1",
    "reports",
    "ai_agent",
    "orders",
    "orders",
    ["query"],
    "readers",
    "ab12",
    "nightly report",
    "10.0.0.7:5000",
    "psql",
    "gw-1",
]


def item(
    sequence: int, kind: int, payload: Sequence[object], *, number: int = 1, direction: int = 0
) -> bytes:
    return msgspec.msgpack.encode([sequence, START + sequence * 1000, number, kind, direction, 0, payload])


ITEMS = [
    item(1, 1, START_PAYLOAD),
    item(2, 12, ["connect", True, "granted", "readers"]),
    item(3, 4, [1, "simple", b"", b"select 1\nfrom t", [], True, b"readers"], direction=1),
    item(4, 9, [1, 2, 99, DIGEST, b"SELECT 2", True, b""], direction=2),
    item(5, 4, [2, "parse", b"p", b"delete from t where id = $1", [23], False, b"not_granted"], direction=1),
    item(6, 5, [2, b"", b"p", [[23, 1, b"\x00\x00\x00\x07", 4], [25, 0, None, 0]], 40], direction=1),
    item(7, 11, ["ERROR", "42501", b"not allowed"]),
    item(8, 99, ["from", "the", "future"]),
    item(9, 3, ["gateway", "expired", "57P01", 2, 2, 300, 99]),
]


def text(items: list[bytes], session: str = SESSION) -> str:
    return "\n".join(session_text(decode_entries(items), session))


def test_a_session_reads_from_start_to_end() -> None:
    shown = text(ITEMS)
    assert shown.splitlines()[0] == "2027-01-15 08:00:00.001000  -- session s_01J starts"
    for part in (
        "principal  cid:0oa1 (ai_agent) reports",
        "task       nightly report",
        "-> statement #1, allow by readers\n" + " " * 32 + "  select 1\n" + " " * 32 + "  from t",
        "<- result of #1 SELECT 2: 2 rows, 99 bytes, blake3 0001020304050607",
        "statement #2 prepare p (int4), DENY by not_granted",
        "$1 = 7  int4",
        "$2 = NULL  text",
        "ERROR 42501: not allowed",
        "session ends, closed by gateway: expired (57P01)",
    ):
        assert part in shown


def test_a_bind_whose_statement_is_not_known_shows_its_name() -> None:
    """Of a Bind without a number nothing told which statement it was."""
    unknown = item(2, 5, [0, b"c", b"p", [], 12], direction=1)
    assert "bind #? of p portal c, 0 parameters" in text([item(1, 1, START_PAYLOAD), unknown])


def test_only_the_session_asked_for_is_shown() -> None:
    other = [
        item(10, 2, ["s_02", "g_02"], number=2),
        item(11, 4, [1, "simple", b"", b"x", [], True, b""], number=2),
    ]
    assert "s_02" not in text(ITEMS + other)
    assert "  x" in text(ITEMS + other, "s_02")
    assert text(ITEMS + other, "s_03") == ""


@pytest.mark.parametrize(
    "nasty",
    [
        b"\x1b[2J\x1b]0;owned\x07",
        b"a\rselect 'hidden'",
        b"\xff\xfe",
        "\u202eevil".encode(),
        "\u2028x".encode(),
    ],
)
def test_a_statement_cannot_drive_the_terminal(nasty: bytes) -> None:
    """A principal writes escape sequences into its SQL: the operator's terminal must not obey them."""
    entry = item(3, 4, [1, "simple", nasty, nasty, [], True, nasty], direction=1)
    report = item(4, 11, ["ERROR", "42501", nasty])
    shown = text([item(1, 1, START_PAYLOAD), entry, report])
    assert all(character.isprintable() for line in shown.split("\n") for character in line)


def test_json_lines_hold_the_same() -> None:
    lines = [json.loads(line) for line in session_json(decode_entries(ITEMS), SESSION)]
    assert [line["kind"] for line in lines] == [
        "session_start",
        "decision",
        "statement",
        "result",
        "statement",
        "bind",
        "report",
        "unknown",
        "session_end",
    ]
    assert lines[3]["digest"] == DIGEST.hex()
    assert lines[5]["parameters"][0] == {"oid": 23, "type": "int4", "value": 7}
    assert lines[0]["at"] == "2027-01-15T08:00:00.001000+00:00"


def test_a_request_keeps_its_kind_and_its_message() -> None:
    items = [item(1, 1, START_PAYLOAD), item(2, 7, [ord("D"), b"p", 12], direction=1)]
    line = json.loads(list(session_json(decode_entries(items), SESSION))[1])
    assert (line["kind"], line["request"], line["name"]) == ("request", "describe", "p")


def test_a_later_version_may_append_fields() -> None:
    (entry,) = decode_entries([item(1, 14, [True, "10.0.0.7:1", "appended"])])
    assert (entry.kind, entry.session) == ("cancel", "")
    (entry,) = decode_entries([item(1, 200, [])])
    assert (entry.kind, entry.frame) == ("unknown", Unknown())


def test_an_item_that_is_none_is_refused() -> None:
    for raw in (b"", b"\xc0", item(1, 3, ["short"]), item(1, 3, [1, 2, 3, 4, 5, 6, 7])):
        with pytest.raises(ValueError, match=r".+"):
            list(decode_entries([raw]))


def test_the_table_comes_from_the_frames() -> None:
    again = [item(10, 2, ["s_02", "g_02"], number=2), item(11, 13, ["g_03", "policy changed"], number=2)]
    first, second = list_sessions(decode_entries(ITEMS + again))
    assert (first.session, first.principal, first.target, first.statements, first.denied) == (
        SESSION,
        "cid:0oa1",
        "orders",
        2,
        1,
    )
    assert (first.rows, first.bytes_out, first.ended, first.closed_by) == (2, 99, True, "gateway")
    assert (second.session, second.started_at, second.grant, second.ended) == ("s_02", None, "g_03", False)


class Files:
    """A reader over files whose content is the number of an item list."""

    def __init__(self, content: dict[str, list[bytes | ValueError]]) -> None:
        self.content = content
        self.read: list[str] = []

    def __call__(self, path: str) -> Iterator[bytes]:
        self.read.append(Path(path).name)
        return Faulty(self.content[Path(path).name])


class Faulty(Iterator[bytes]):
    """As the engine's iterator: raises at a fault and goes on at the next call."""

    def __init__(self, items: list[bytes | ValueError]) -> None:
        self._items = iter(items)

    def __next__(self) -> bytes:
        found = next(self._items)
        if isinstance(found, ValueError):
            raise found
        return found


def test_streams_and_segments_are_read_in_order(tmp_path: Path) -> None:
    for name in ("s10/0000000001.hwr", "s2/0000000002.open", "s2/0000000001.hwr", "s2/next.new", "s2/lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in segment_files(tmp_path)] == [
        "s2/0000000001.hwr",
        "s2/0000000002.open",
        "s10/0000000001.hwr",
    ]
    assert segment_files(tmp_path / "s2") == [tmp_path / "s2/0000000001.hwr", tmp_path / "s2/0000000002.open"]
    assert segment_files(tmp_path / "s2/0000000001.hwr") == [tmp_path / "s2/0000000001.hwr"]


def test_reading_goes_on_after_a_block_that_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / "0000000001.hwr").touch()
    files = Files({"0000000001.hwr": [ITEMS[0], ValueError("block 3 does not hold"), ITEMS[8]]})
    faults: list[ValueError] = []
    kinds = [entry.kind for entry in read_directory(tmp_path, files, faults.append)]
    assert (kinds, [str(fault) for fault in faults]) == (
        ["session_start", "session_end"],
        ["block 3 does not hold"],
    )
    with pytest.raises(ValueError, match="block 3"):
        list(read_directory(tmp_path, files))


def test_a_segment_sealed_while_reading_is_found_under_its_new_name(tmp_path: Path) -> None:
    for name in ("0000000001.hwr", "0000000002.open"):
        (tmp_path / name).touch()
    files = Files({"0000000001.hwr": [ITEMS[0]], "0000000002.hwr": [ITEMS[8]]})
    entries = read_directory(tmp_path, files)
    assert next(entries).kind == "session_start"
    (tmp_path / "0000000002.open").rename(tmp_path / "0000000002.hwr")
    assert [entry.kind for entry in entries] == ["session_end"]
