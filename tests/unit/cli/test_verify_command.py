"""`recordings verify`: what the engine's verifier found, told to people, and its exit code."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hoopwire.cli import main, recordings
from support.segments import public_pem

STREAM = {
    "stream": 0,
    "node": "gw",
    "first_segment": 1,
    "last_segment": 2,
    "segments": 2,
    "blocks": 9,
    "frames": 99,
    "bytes": 4096,
    "seals": 2,
    "checkpoints": 0,
}
CHANGED = {
    "kind": "changed_byte",
    "severity": "failure",
    "stream": 0,
    "segment": 1,
    "path": "s0/0000000001.hwr",
    "block": 7,
    "offset": 4711,
    "text": "the block's checksum does not fit\x1b[2J",
}


@pytest.fixture
def verify(tmp_path, monkeypatch):
    (tmp_path / "recording.pub").write_text(public_pem(Ed25519PrivateKey.generate()))

    def run(findings, *more):
        report = {
            "ok": not findings,
            "complete": not findings,
            "streams": [STREAM],
            "findings": findings,
            "checkpoints": 0,
            "checkpoints_elsewhere": 0,
            "from a later engine": True,
        }
        monkeypatch.setattr(recordings, "verify_recordings", lambda *_: msgspec.msgpack.encode(report))
        return main(["recordings", "verify", str(tmp_path), "--key", str(tmp_path / "recording.pub"), *more])

    return run


def test_whole_recordings_are_exit_0(verify, capsys):
    assert verify([]) == 0
    out = capsys.readouterr().out
    assert "verified: whole" in out
    assert "Without checkpoints" in out, (
        "without them a cut tail is not seen, and it must not sound as if it were"
    )


def test_a_changed_byte_names_the_block_and_is_exit_1(verify, capsys):
    assert verify([CHANGED]) == 1
    out = capsys.readouterr().out
    assert "FAILED  s0/0000000001.hwr, block 7, byte 4711" in out
    assert "verified" not in out
    assert "\x1b" not in out
    assert verify([CHANGED], "--json") == 1
    assert msgspec.json.decode(capsys.readouterr().out)["findings"][0]["block"] == 7


def test_nothing_to_verify_is_not_success(tmp_path, monkeypatch, capsys):
    """An empty directory, or a wrong path, must never look verified."""

    def refuse(*_):
        raise ValueError("it holds no segment")

    (tmp_path / "recording.pub").write_text(public_pem(Ed25519PrivateKey.generate()))
    monkeypatch.setattr(recordings, "verify_recordings", refuse)
    assert main(["recordings", "verify", str(tmp_path), "--key", str(tmp_path / "recording.pub")]) == 2
    assert main(["recordings", "verify", str(tmp_path), "--key", str(tmp_path / "none.pub")]) == 2
    assert "verified:" not in capsys.readouterr().out


SEGMENT = "s0/0000000001.open"


def frames(*, fault=False):
    """Two sessions in one segment, as the engine's reader yields them."""
    start = ["s_1", "g_1", "https://id/", "cid:0oa1", "bot\x1b[2J", "service", "orders", "orders", ["query"]]
    start += ["readers", "hash", "", "127.0.0.1:1", "psql", "gw"]
    other = ["s_2", "g_2", *start[2:]]
    statement = [1, "simple", b"", b"select 'planned'", [], True, b"readers"]
    for number, (session, kind, payload) in enumerate([(1, 1, start), (2, 1, other), (1, 4, statement)]):
        yield msgspec.msgpack.encode([number + 1, 1_800_000_000_000_000, session, kind, 0, 0, payload])
    if fault:
        raise ValueError("block 3 at byte 4711 does not hold")


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    (tmp_path / "s0").mkdir()
    (tmp_path / SEGMENT).touch()
    monkeypatch.setattr(recordings, "read_frames", lambda path: frames())
    return tmp_path


def test_list_shows_each_session_once(recorded, capsys):
    assert main(["recordings", "list", "--path", str(recorded)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["SESSION", "s_1", "s_2"]
    assert "\x1b" not in "".join(lines), "a client's name must not move the operator's cursor"
    assert main(["recordings", "list", "--path", str(recorded), "--json"]) == 0
    assert [row["statements"] for row in msgspec.json.decode(capsys.readouterr().out)] == [1, 0]


def test_show_tells_one_session_only(recorded, capsys):
    assert main(["recordings", "show", "s_1", "--path", str(recorded)]) == 0
    out = capsys.readouterr().out
    assert "select 'planned'" in out
    assert "s_2" not in out
    assert main(["recordings", "show", "s_1", "--path", str(recorded), "--json"]) == 0
    assert [msgspec.json.decode(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert main(["recordings", "show", "s_3", "--path", str(recorded)]) == 1
    assert "no session s_3" in capsys.readouterr().err


def test_a_block_that_does_not_hold_is_said_and_exit_1(recorded, monkeypatch, capsys):
    """A reader that skips what is broken in silence shows a recording with a hole as if it were whole."""
    monkeypatch.setattr(recordings, "read_frames", lambda path: frames(fault=True))
    assert main(["recordings", "show", "s_1", "--path", str(recorded)]) == 1
    shown = capsys.readouterr()
    assert "select 'planned'" in shown.out
    assert "block 3 at byte 4711" in shown.err


def test_a_directory_without_recordings_is_exit_2(tmp_path, capsys):
    assert main(["recordings", "list", "--path", str(tmp_path)]) == 2
    assert "holds no recording" in capsys.readouterr().err
