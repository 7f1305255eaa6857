"""Verifies recordings that several keys have sealed, one after the other.

The engine's verifier knows one key at a time: it is asked once for each.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from hoopwire.recordings.checkpoints import whole_lines
from hoopwire.recordings.entries import odd_files, segment_files
from hoopwire.recordings.keys import KeyRing
from hoopwire.recordings.report import Finding, StreamReport, VerifyReport, decode_report

Verify = Callable[[str, str, str | None], bytes]
"""Path, public key, text of checkpoints: the engine's report."""

_OF_A_KEY = ("bad_signature", "bad_checkpoint")
"""What another key may explain."""


def verified(path: str, keys: KeyRing, checkpoints: str | None, verify: Verify) -> VerifyReport:
    """What holds by any of the keys, and nothing that does not. ValueError if there is nothing to verify."""
    if Path(path).exists() and (odd := odd_files(Path(path))):
        raise ValueError(f"{odd[0][0]}: {odd[0][1]}")
    torn: list[int] = []
    if checkpoints is not None:
        checkpoints, torn = whole_lines(checkpoints)
    reports = [decode_report(verify(path, pem, checkpoints)) for pem in keys.pems]
    report = reports[0] if len(reports) == 1 else _together(path, reports, keys)
    notes = tuple(_torn(number) for number in torn)
    return msgspec.structs.replace(report, findings=(*report.findings, *notes))


def _together(path: str, reports: Sequence[VerifyReport], keys: KeyRing) -> VerifyReport:
    findings: dict[object, Finding] = {}
    met: dict[object, int] = defaultdict(int)
    for report in reports:
        for place in {_place(finding) for finding in report.findings}:
            met[place] += 1
        for finding in report.findings:
            # Of a seal that names the key and does not hold, the words say more than of one of another key.
            if "does not hold" in finding.text:
                findings[_place(finding)] = finding
            else:
                findings.setdefault(_place(finding), finding)
    left = [
        finding
        for place, finding in findings.items()
        if finding.kind not in _OF_A_KEY or met[place] == len(reports)
    ]
    left += _out_of_turn(path, reports, keys)
    ok = all(finding.severity == "note" for finding in left)
    return VerifyReport(
        ok=ok,
        complete=ok and not left,
        streams=tuple(_sums(stream, reports) for stream in reports[0].streams),
        findings=tuple(sorted(left, key=lambda finding: (finding.stream, finding.segment or 0))),
        checkpoints=sum(report.checkpoints for report in reports),
        checkpoints_elsewhere=sum(report.checkpoints_elsewhere for report in reports),
    )


def _place(finding: Finding) -> object:
    """What is the same finding in the runs of several keys, also while the gateway goes on writing."""
    if finding.kind == "bad_signature" or finding.severity == "note":
        return finding.kind, finding.stream, finding.segment, finding.path
    return finding


def _sums(stream: StreamReport, reports: Sequence[VerifyReport]) -> StreamReport:
    """The seals and checkpoints of each key."""
    same = [each for report in reports for each in report.streams if each.stream == stream.stream]
    seals, checkpoints = sum(each.seals for each in same), sum(each.checkpoints for each in same)
    return msgspec.structs.replace(stream, seals=seals, checkpoints=checkpoints)


def _out_of_turn(path: str, reports: Sequence[VerifyReport], keys: KeyRing) -> list[Finding]:
    """Segments that an old key has sealed after the new one had begun: whoever holds it can seal, too."""
    of_others = [
        {Path(finding.path) for finding in report.findings if finding.kind == "bad_signature"}
        for report in reports
    ]
    found: list[Finding] = []
    over: dict[Path, set[int]] = defaultdict(set)
    current: dict[Path, int] = {}
    for file in segment_files(Path(path)):
        key = next((key for key, others in enumerate(of_others) if file not in others), None)
        if file.suffix != ".hwr" or key is None:
            continue
        stream = file.parent
        if key in over[stream]:
            found.append(_replaced(file))
        elif key != current.get(stream):
            # What it replaced is over, also where nothing of that is here.
            over[stream] |= keys.older(key)
            if stream in current:
                over[stream].add(current[stream])
            current[stream] = key
    return found


def _replaced(file: Path) -> Finding:
    stream = file.resolve().parent.name.removeprefix("s")
    return Finding(
        kind="replaced_key",
        severity="failure",
        stream=int(stream) if stream.isdecimal() else 0,
        segment=int(file.stem) if file.stem.isdecimal() else None,
        path=str(file),
        block=None,
        offset=None,
        text="the segment was sealed with a key that had been replaced before",
    )


def _torn(number: int) -> Finding:
    return Finding(
        kind="torn_checkpoint",
        severity="note",
        stream=0,
        segment=None,
        path="",
        block=None,
        offset=None,
        text=f"line {number} of the checkpoints was never written whole",
    )
