"""The report of verification in words."""

import re
from pathlib import Path

import msgspec
import pytest

from hoopwire.recordings import decode_report, render_report
from hoopwire.recordings.report import MEANINGS

STREAM = {
    "stream": 0,
    "node": "gw-1",
    "first_segment": 1,
    "last_segment": 2,
    "segments": 2,
    "blocks": 7,
    "frames": 20,
    "bytes": 4000,
    "seals": 2,
    "checkpoints": 1,
}
FINDING = {
    "kind": "changed_byte",
    "severity": "failure",
    "stream": 0,
    "segment": 1,
    "path": "recordings/s0/0000000001.hwr",
    "block": 3,
    "offset": 4711,
    "text": "block 3 was changed: its checksum or its chain value does not hold",
}


def rendered(*findings: dict[str, object], with_checkpoints: bool = True) -> str:
    ok = all(finding["severity"] == "note" for finding in findings)
    raw = msgspec.msgpack.encode(
        {
            "ok": ok,
            "complete": ok and not findings,
            "streams": [STREAM],
            "findings": findings,
            "checkpoints": 1,
            "checkpoints_elsewhere": 0,
        }
    )
    return "\n".join(render_report(decode_report(raw), with_checkpoints=with_checkpoints))


def test_a_failure_names_the_block_and_says_what_it_means() -> None:
    text = rendered(FINDING)
    assert "FAILED  recordings/s0/0000000001.hwr, block 3, byte 4711: block 3 was changed" in text
    assert MEANINGS["changed_byte"] in text
    assert text.endswith("FAILED: this is not what was recorded")


def test_a_note_does_not_fail() -> None:
    text = rendered({**FINDING, "kind": "unsealed", "severity": "note", "text": "no seal yet"})
    assert "FAILED" not in text
    assert text.endswith("what is absent or not sealed yet")


def test_a_whole_recording_is_said_to_be_one() -> None:
    assert rendered().endswith("verified: whole, unchanged, and sealed to the end")
    assert "Without checkpoints" in rendered(with_checkpoints=False)


def test_a_path_cannot_drive_the_terminal() -> None:
    """Recordings of others lie in folders of others: a name may hold escape sequences."""
    assert "\x1b" not in rendered({**FINDING, "path": "\x1b[2J"})


def test_every_kind_of_the_engine_has_a_meaning() -> None:
    source = Path(__file__).parents[3] / "rust/recording/src/finding.rs"
    enum = re.search(r"pub enum FindingKind \{(.*?)\n\}", source.read_text(), re.DOTALL)
    assert enum is not None
    names = re.findall(r"^    (\w+),", enum[1], re.MULTILINE)
    assert {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in names} == MEANINGS.keys()


def test_a_report_of_another_shape_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_report(msgspec.msgpack.encode({"ok": True}))
