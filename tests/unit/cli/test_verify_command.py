"""`recordings verify`: what the engine's verifier found, told to people, and its exit code."""

import msgspec
import pytest

from hoopwire.cli import main, recordings

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
    (tmp_path / "recording.pub").write_text("PEM")

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
    assert "--checkpoints" in out, "without them a cut tail is not seen, and it must not sound as if it were"


def test_a_changed_byte_names_the_block_and_is_exit_1(verify, capsys):
    assert verify([CHANGED]) == 1
    out = capsys.readouterr().out
    assert "FAILED  s0/0000000001.hwr block 7 at byte 4711" in out
    assert "verified" not in out
    assert "\x1b" not in out
    assert verify([CHANGED], "--json") == 1
    assert msgspec.json.decode(capsys.readouterr().out)["findings"][0]["block"] == 7


def test_nothing_to_verify_is_not_success(tmp_path, monkeypatch, capsys):
    """An empty directory, or a wrong path, must never look verified."""

    def refuse(*_):
        raise ValueError("it holds no segment")

    (tmp_path / "recording.pub").write_text("PEM")
    monkeypatch.setattr(recordings, "verify_recordings", refuse)
    assert main(["recordings", "verify", str(tmp_path), "--key", str(tmp_path / "recording.pub")]) == 2
    assert main(["recordings", "verify", str(tmp_path), "--key", str(tmp_path / "none.pub")]) == 2
    assert "verified:" not in capsys.readouterr().out
