"""The report of verification, and what it means in words."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from hoopwire.recordings.plain import printable


class StreamReport(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of one stream, of what was read and holds."""

    stream: int
    node: str
    first_segment: int
    last_segment: int
    segments: int
    blocks: int
    frames: int
    bytes: int
    seals: int
    checkpoints: int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing found. A failure means: this is not what was recorded."""

    kind: str
    severity: Literal["failure", "note"]
    stream: int
    segment: int | None
    path: str
    block: int | None
    offset: int | None
    text: str


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify_recordings` of the engine answers."""

    ok: bool
    """No finding is a failure."""
    complete: bool
    """Also nothing is absent, and every segment is sealed."""
    streams: tuple[StreamReport, ...]
    findings: tuple[Finding, ...]
    checkpoints: int
    checkpoints_elsewhere: int


MEANINGS = {
    "changed_byte": "bytes of this block are not those that were recorded; the blocks around it are",
    "missing_block": "someone cut blocks out of the middle, or they were lost",
    "block_out_of_place": "blocks were moved or repeated",
    "foreign_block": "a block of another recording was put in here",
    "truncated_tail": "the end of this segment, its seal with it, is gone; what comes before it holds",
    "trailing_bytes": "something was appended after the segment had been sealed; what comes before it holds",
    "bad_header": "nothing of this segment can be read",
    "missing_segment": "a whole file was deleted or was not copied here",
    "segment_out_of_place": "segment files were renamed or copied over each other",
    "foreign_segment": "this file is not of this recording, or of another history of it",
    "bad_signature": "this segment was not sealed by the gateway whose key you gave; is it the right key?",
    "tail_cut": "the recording was longer when the checkpoint was signed: its end was deleted",
    "checkpoint_mismatch": "this part was written anew after the checkpoint was signed",
    "bad_checkpoint": "this line proves nothing; the others still do",
    "unreadable": "the file could not be read; it may be fine",
    "unsealed": "no seal yet: a gateway that runs seals it in time, the next start seals what a crash left",
    "earlier_absent": "older segments are archived elsewhere, or were deleted",
}
"""What a finding of the engine means for the reader of the recording."""

_OURS = {
    "torn_checkpoint": "its volume was full, or a crash came; the line proves nothing, the others still do",
    "replaced_key": "someone who has the old key sealed it, or segments of another time were put in here",
}


def decode_report(raw: bytes) -> VerifyReport:
    """The engine's MessagePack as Structs."""
    return msgspec.msgpack.decode(raw, type=VerifyReport)


def render_report(report: VerifyReport, *, with_checkpoints: bool) -> Iterator[str]:
    """The report as plain lines: each finding with its block and its meaning, each stream, the verdict."""
    for finding in report.findings:
        word = "FAILED" if finding.severity == "failure" else "note"
        yield f"{word:6}  {_place(finding)}: {printable(finding.text)}"
        if meaning := (MEANINGS | _OURS).get(finding.kind):
            yield f"        {meaning}"
    for stream in report.streams:
        yield (
            f"stream {stream.stream} of {printable(stream.node) or '(unknown)'}: "
            f"segments {stream.first_segment} to {stream.last_segment}, {stream.blocks} blocks, "
            f"{stream.frames} frames, {stream.seals} seals, {stream.checkpoints} checkpoints hold"
        )
    if report.checkpoints_elsewhere:
        yield f"{report.checkpoints_elsewhere} checkpoints are of gateways or streams that are not here"
    if not report.ok:
        yield "FAILED: this is not what was recorded"
    elif report.complete:
        yield "verified: whole, unchanged, and sealed to the end"
    else:
        yield "verified: what is here is unchanged; the notes say what is absent or not sealed yet"
    if not with_checkpoints:
        yield "Without checkpoints, segments cut off at the very end cannot be noticed."


def _place(finding: Finding) -> str:
    parts = [printable(finding.path)] if finding.path else [f"stream {finding.stream}"]
    if finding.segment is not None and not finding.path:
        parts.append(f"segment {finding.segment}")
    if finding.block is not None:
        parts.append(f"block {finding.block}")
    if finding.offset is not None:
        parts.append(f"byte {finding.offset}")
    return ", ".join(parts)
