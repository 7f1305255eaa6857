"""`hoopwire recordings` after real sessions: each statement with its own result, no change unseen."""

import json
import os
import shutil
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hoopwire.demo.gateway import RunningGateway
from support.frontend import Frontend, message, query
from support.requests import SYNC, execute, parse
from support.wait import wait_for

NONE = struct.pack("!h", 0)
INT4, TEXT, TIMESTAMPTZ = 23, 25, 1184


def _bind(*values: bytes | None, binary: bool = False, name: str = "", portal: str = "") -> bytes:
    body = portal.encode() + b"\0" + name.encode() + b"\0" + struct.pack("!hh", 1, int(binary))
    body += struct.pack("!h", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message(b"B", body + NONE)


def _cells(content: bytes) -> list[tuple[bytes | None, ...]]:
    """The DataRows in recorded bytes."""
    rows = []
    while content:
        kind, length = content[:1], struct.unpack("!i", content[1:5])[0]
        body, content = content[5 : 1 + length], content[1 + length :]
        if kind != b"D":
            continue
        cells, offset = [], 2
        for _ in range(struct.unpack("!h", body[:2])[0]):
            size = struct.unpack("!i", body[offset : offset + 4])[0]
            cells.append(None if size < 0 else body[offset + 4 : offset + 4 + size])
            offset += 4 + max(size, 0)
        rows.append(tuple(cells))
    return rows


@dataclass
class Recorded:
    """One session as `recordings show --json` tells it."""

    frames: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["kind"] == kind]

    @property
    def statements(self) -> dict[str, int]:
        """Text to number; the last if a text came twice."""
        return {frame["text"]: frame["no"] for frame in self.of("statement")}

    def content(self, no: int | None = None) -> bytes:
        """Delivered bytes of one statement, or all: each Rows frame belongs to the Result before it."""
        found, current = b"", None
        for frame in self.frames:
            if frame["kind"] == "result":
                current = frame["no"]
            elif frame["kind"] == "rows" and no in (None, current):
                found += bytes.fromhex(frame["content"])
        return found

    def rows(self, sql: str) -> list[tuple[bytes | None, ...]]:
        return _cells(self.content(self.statements[sql]))

    def counted(self, sql: str) -> int:
        """Rows that the Result frames of a statement count."""
        no = self.statements[sql]
        return sum(frame["rows"] for frame in self.of("result") if frame["no"] == no)


@dataclass
class Sessions:
    """What was done, and the recordings of it, whole and closed."""

    gateway: RunningGateway
    peers: dict[str, str]
    received: dict[str, bytes]
    """What came after login, by name."""
    welcomes: dict[str, int]
    """Bytes from AuthenticationOk to the first ReadyForQuery."""
    live: str
    """The table while the session `prepared` was open."""

    def listed(self) -> dict[str, dict[str, Any]]:
        """`recordings list --json` by peer."""
        return {row["peer"]: row for row in _json(self.gateway, "recordings", "list", "--json")}

    def show(self, name: str) -> Recorded:
        session = self.listed()[self.peers[name]]["session"]
        done = self.gateway.hoopwire("recordings", "show", session, "--json")
        assert done.ok, done.err
        return Recorded([json.loads(line) for line in done.out.splitlines()])


def _json(gateway: RunningGateway, *arguments: str) -> Any:
    done = gateway.hoopwire(*arguments)
    assert done.ok, done
    return json.loads(done.out)


def _pipelined(frontend: Frontend) -> None:
    """Five results of different sizes in one go, an error in the middle of a second go, and simple ones."""
    pieces = b""
    for rows in (3, 0, 1, 7, 2):
        pieces += parse(f"select 'p{rows}', n from generate_series(1, {rows}) n")
        pieces += _bind() + message(b"D", b"P\0") + execute()
    frontend.send(pieces + SYNC)
    frontend.until(b"Z")
    broken = parse("select 'before'") + _bind() + execute()
    broken += parse("select 1/0") + _bind() + execute()
    broken += parse("select 'never run'") + _bind() + execute()
    frontend.send(broken + SYNC)
    frontend.until(b"Z")
    frontend.send(query("select 'q1'") + query("select 'q2', n from generate_series(1, 4) n") + query(";"))
    for _ in range(3):
        frontend.until(b"Z")
    # A portal in two goes: both parts are the one statement's.
    frontend.send(parse("select 'part', n from generate_series(1, 5) n") + _bind(portal="c"))
    frontend.send(execute("c", 2) + execute("c") + SYNC)
    frontend.until(b"Z")


def _prepared(frontend: Frontend) -> None:
    """Types declared, types told by the target, and one statement bound again and again."""
    frontend.send(parse("select $1::int4, $2::text", "declared", INT4, TEXT) + SYNC)
    frontend.until(b"Z")
    for number in (7, -1):
        bound = _bind(struct.pack("!i", number), b"it's", binary=True, name="declared")
        frontend.send(bound + execute() + SYNC)
        frontend.until(b"Z")
    told = parse("select * from orders where id = $1 and placed_at > $2", "told")
    frontend.send(told + message(b"D", b"Stold\0") + SYNC)
    frontend.until(b"Z")
    frontend.send(_bind(b"42", b"2020-01-01 00:00:00+00", name="told") + execute() + SYNC)
    frontend.until(b"Z")
    frontend.send(_bind(None, None, name="told") + execute() + SYNC)
    frontend.until(b"Z")


@pytest.fixture(scope="module")
def sessions(pg, issuer, agent) -> Iterator[Sessions]:
    """A gateway that keeps whole results in small segments, stopped after some sessions."""
    policy = {
        "name": "full",
        "groups": ["order-agents"],
        "targets": ["orders"],
        "actions": ["query"],
        "record": "full",
    }
    settings = {"recording": {"segment": "1MiB"}, "gateway": {"reactors": 1}, "policies": [policy]}
    peers: dict[str, str] = {}
    received: dict[str, bytes] = {}
    welcomes: dict[str, int] = {}
    with RunningGateway(pg, issuer.issuer, settings=settings) as gateway:
        for name, act in (("pipelined", _pipelined), ("prepared", _prepared), ("big", _big)):
            with Frontend(gateway.host, gateway.port, timeout_s=60) as frontend:
                frontend.login(agent(), ca=gateway.ca)
                host, port = frontend.socket.getsockname()
                peers[name] = f"{host}:{port}"
                welcome = len(frontend.received)
                act(frontend)
                received[name] = bytes(frontend.received[welcome:])
                welcomes[name] = welcome
                if name == "prepared":
                    live = gateway.hoopwire("recordings", "list").out
                frontend.send(message(b"X"))
                frontend.rest()
        with psycopg.connect(gateway.dsn(), password=agent(), prepare_threshold=0) as connection:
            peers["psycopg"] = _address(connection)
            sql = "select %b::int4 + 1, %b::text, %b::timestamptz, %s::numeric"
            connection.execute(sql, (41, "naïve", "2026-02-03 04:05:06+00", "1.50"))
        assert gateway.stop() == 0
        yield Sessions(gateway, peers, received, welcomes, live)
        assert "panic" not in gateway.log.lower(), gateway.log[-4000:]


def _big(frontend: Frontend) -> None:
    assert len(frontend.rows("select repeat(md5(n::text), 2000) from generate_series(1, 60) n")) == 60


def _address(connection: "psycopg.Connection[Any]") -> str:
    """The client's own end of a connection."""
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        host, port = own.getsockname()
    return f"{host}:{port}"


def test_pipelined_statements_have_their_own_results(sessions):
    """Replies in a pipeline are told apart: each statement has its rows, a skipped one none."""
    shown = sessions.show("pipelined")
    for rows in (3, 0, 1, 7, 2):
        sql = f"select 'p{rows}', n from generate_series(1, {rows}) n"
        expected = [(f"p{rows}".encode(), str(n).encode()) for n in range(1, rows + 1)]
        assert shown.rows(sql) == expected
        assert shown.counted(sql) == rows
    assert shown.rows("select 'before'") == [(b"before",)]
    assert shown.rows("select 'q1'") == [(b"q1",)]
    assert [row[1] for row in shown.rows("select 'q2', n from generate_series(1, 4) n")] == [
        b"1",
        b"2",
        b"3",
        b"4",
    ]
    assert len(shown.rows("select 'part', n from generate_series(1, 5) n")) == 5
    failed = [frame for frame in shown.of("result") if frame["sqlstate"]]
    assert [(frame["no"], frame["sqlstate"]) for frame in failed] == [
        (shown.statements["select 1/0"], "22012")
    ]
    assert shown.content(shown.statements["select 'never run'"]) == b""
    tags = {frame["no"]: frame["tag"] for frame in shown.of("result") if frame["tag"].startswith("SELECT")}
    assert tags[shown.statements["select 'p7', n from generate_series(1, 7) n"]] == "SELECT 7"


@pytest.mark.parametrize("name", ["pipelined", "prepared", "big"])
def test_everything_delivered_is_kept(sessions, name):
    """With `record = "full"` the recording has, byte by byte, what the client received after its login.

    What came before is accounted and not kept: the cancel key is in it.
    """
    assert sessions.show(name).content() == sessions.received[name]


def test_parameters_are_typed(sessions):
    """Declared types, and types that only the target knew: values as values, NULL as null."""
    shown = sessions.show("prepared")
    declared = shown.statements["select $1::int4, $2::text"]
    told = shown.statements["select * from orders where id = $1 and placed_at > $2"]
    binds = [(frame["no"], frame["parameters"]) for frame in shown.of("bind")]
    assert [no for no, _ in binds] == [declared, declared, told, told]
    typed = [[(each["type"], each["value"]) for each in parameters] for _, parameters in binds]
    assert typed[:2] == [[("int4", 7), ("text", "it's")], [("int4", -1), ("text", "it's")]]
    assert [value for _, value in typed[2]] == ["42", "2020-01-01 00:00:00+00"]
    assert [value for _, value in typed[3]] == [None, None]
    assert [kind for kind, _ in typed[2]] == [kind for kind, _ in typed[3]]
    assert typed[2][0][0] in ("int4", "int8")
    assert typed[2][1][0] == "timestamptz"
    assert [frame["no"] for frame in shown.of("execute")] == [declared, declared, told, told]


def test_parameters_of_a_driver(sessions):
    """psycopg's own binary parameters are readable in the text, with their types."""
    shown = sessions.show("psycopg")
    (bind,) = shown.of("bind")
    values = [each["value"] for each in bind["parameters"]]
    assert values[0] == 41
    assert values[1] == "naïve"
    assert [each["type"] for each in bind["parameters"][:1]] == ["int2"]
    text = sessions.gateway.hoopwire("recordings", "show", shown.frames[0]["session"]).out
    assert "$1 = 41" in text
    assert "'naïve'" in text


def test_list(sessions):
    """The table has each session with its counts; a session that is open says so."""
    listed = sessions.listed()
    assert set(sessions.peers.values()) <= set(listed)
    pipelined = listed[sessions.peers["pipelined"]]
    assert pipelined["statements"] == 5 + 3 + 3 + 1
    assert pipelined["rows"] == 13 + 1 + 5 + 5
    assert pipelined["bytes_out"] == len(sessions.received["pipelined"]) + sessions.welcomes["pipelined"]
    assert (pipelined["target"], pipelined["database"]) == ("orders", "orders")
    assert pipelined["ended"]
    assert pipelined["closed_by"] == "downstream"
    assert "(no end here)" in sessions.live
    assert "terminated by the client" in sessions.live
    table = sessions.gateway.hoopwire("recordings", "list")
    assert table.ok
    assert pipelined["session"] in table.out
    unknown = sessions.gateway.hoopwire("recordings", "show", "s_00000000000000000000000000")
    assert unknown.code == 1
    assert "recordings list" in unknown.err


def _verify(gateway: RunningGateway, path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = ("recordings", "verify", str(path), "--key", str(gateway.public_key), "--json", *arguments)
    done = gateway.hoopwire(*command, config=False)
    return done.code, json.loads(done.out)


def test_verify_names_the_block_of_a_flipped_byte(sessions, tmp_path):
    """Any one byte: exit code 1, the file and the block that holds it, and the other segments still hold."""
    gateway = sessions.gateway
    code, report = _verify(gateway, gateway.recordings, "--checkpoints", str(gateway.checkpoints))
    assert (code, report["ok"], report["complete"]) == (0, True, True)
    segments = sorted((gateway.recordings / "s0").glob("*.hwr"))
    assert len(segments) > 2
    for number, fraction in enumerate((0.1, 0.5, 0.9)):
        copy = tmp_path / str(number)
        shutil.copytree(gateway.recordings, copy)
        victim = copy / "s0" / segments[1].name
        content = bytearray(victim.read_bytes())
        position = int(len(content) * fraction)
        content[position] ^= 1
        victim.write_bytes(content)
        code, report = _verify(gateway, copy)
        assert code == 1
        assert not report["ok"]
        (failure,) = [each for each in report["findings"] if each["severity"] == "failure"]
        assert failure["path"].endswith(f"s0/{victim.name}")
        assert failure["offset"] <= position
        assert failure["block"] is not None
        plain = gateway.hoopwire(
            "recordings", "verify", str(copy), "--key", str(gateway.public_key), config=False
        )
        assert plain.code == 1
        assert f"{victim.name}, block {failure['block']}" in plain.out
        assert "FAILED: this is not what was recorded" in plain.out
        shown = gateway.hoopwire("recordings", "list", "--path", str(copy))
        assert shown.code == 1, "what does not hold must not be read without a word"


def test_verify_with_another_key(sessions, tmp_path):
    """The right recording under the wrong key fails: a forger has a key, too."""
    gateway = sessions.gateway
    made = gateway.hoopwire("keygen", "recording", "--out", str(tmp_path / "other.key"), config=False)
    assert made.ok, made
    public = next(path for path in tmp_path.iterdir() if path.suffix == ".pub")
    done = gateway.hoopwire(
        "recordings", "verify", str(gateway.recordings), "--key", str(public), config=False
    )
    assert done.code == 1


def test_cut_tail_is_seen_with_checkpoints(sessions, tmp_path):
    """Whole segments deleted at the end: only the checkpoints tell, and they do."""
    gateway = sessions.gateway
    copy = tmp_path / "cut"
    shutil.copytree(gateway.recordings, copy)
    sorted((copy / "s0").glob("*.hwr"))[-1].unlink()
    code, report = _verify(gateway, copy, "--checkpoints", str(gateway.checkpoints))
    assert code == 1
    assert "tail_cut" in [finding["kind"] for finding in report["findings"]]


def test_release(sessions, agent):
    """A sealed segment can be given up and its file is used again; one that is open is refused.

    Last in this file: it takes the first segment away.
    """
    gateway = sessions.gateway
    first = sorted((gateway.recordings / "s0").glob("*.hwr"))[0]
    gateway.start()
    try:
        (open_one,) = (gateway.recordings / "s0").glob("*.open")
        refused = gateway.hoopwire("recordings", "release", str(open_one), config=False)
        assert refused.code == 1, refused
        released = gateway.hoopwire("recordings", "release", str(first), config=False)
        assert released.ok, released
        assert "is released" in released.out
        assert not first.exists()
        big = "select repeat(md5(n::text), 2000) from generate_series(1, 60) n"
        before = len(list((gateway.recordings / "s0").glob("*.hwr")))
        assert gateway.psql(agent(), "orders", big).ok
        sealed = wait_for(
            lambda: len(list((gateway.recordings / "s0").glob("*.hwr"))) - before, "new segments"
        )
        assert sealed > 0
    finally:
        assert gateway.stop() == 0
    code, report = _verify(gateway, gateway.recordings, "--checkpoints", str(gateway.checkpoints))
    assert (code, report["ok"], report["complete"]) == (0, True, False)
    assert "earlier_absent" in [finding["kind"] for finding in report["findings"]]
