"""`hoopwire recordings verify | release`: needs files and a key, no gateway."""

import argparse
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from hoopwire.cli.exits import NOT_STARTED, OK, REFUSED, USAGE, CommandFailed
from hoopwire.cli.output import clean, print_json, print_table, size
from hoopwire.control.engine import release_segment, verify_recordings


class _Lenient(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of a newer engine are let through."""


class StreamReport(_Lenient, frozen=True, kw_only=True):
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


class Finding(_Lenient, frozen=True, kw_only=True):
    """One thing found; `failure` or `note`."""

    kind: str
    severity: str
    stream: int
    segment: int | None
    path: str
    block: int | None
    offset: int | None
    text: str


class VerifyReport(_Lenient, frozen=True, kw_only=True):
    """Answer of the engine's verifier."""

    ok: bool
    complete: bool
    streams: tuple[StreamReport, ...]
    findings: tuple[Finding, ...]
    checkpoints: int
    checkpoints_elsewhere: int


def verify(arguments: argparse.Namespace) -> int:
    """0 only if nothing failed; goes on after a fault and names every block."""
    key = _text(arguments.key, "the public key")
    checkpoints = None if arguments.checkpoints is None else _text(arguments.checkpoints, "the checkpoints")
    try:
        raw = verify_recordings(arguments.path, key, checkpoints)
    except ImportError:
        _no_engine()
    except ValueError as error:
        raise CommandFailed(f"nothing could be verified: {error}", USAGE) from None
    report = msgspec.msgpack.decode(raw, type=VerifyReport)
    if arguments.json:
        print_json(report)
    else:
        _print(report, with_checkpoints=checkpoints is not None)
    return OK if report.ok else REFUSED


def release(arguments: argparse.Namespace) -> int:
    """Let the gateway use the files of archived segments again."""
    released = []
    for path in arguments.segment:
        try:
            kept = release_segment(path)
        except ImportError:
            _no_engine()
        except ValueError as error:
            raise CommandFailed(f"{path} is not released: {error}") from None
        released.append({"path": path, "reused": kept})
        if not arguments.json:
            print(f"{clean(path)} is released" + ("; its file will be used again" if kept else ""))
    if arguments.json:
        print_json(released)
    return OK


def _print(report: VerifyReport, *, with_checkpoints: bool) -> None:
    for finding in report.findings:
        place = clean(finding.path)
        if finding.block is not None:
            place += f" block {finding.block}"
        if finding.offset is not None:
            place += f" at byte {finding.offset}"
        word = "FAILED" if finding.severity == "failure" else "note"
        print(f"{word}  {place}: {clean(finding.text)} ({clean(finding.kind)})")
    rows = [
        (
            stream.stream,
            stream.node,
            f"{stream.first_segment}-{stream.last_segment}",
            stream.segments,
            stream.blocks,
            stream.frames,
            size(stream.bytes),
            stream.seals,
            stream.checkpoints,
        )
        for stream in report.streams
    ]
    headers = ("STREAM", "NODE", "SEGMENTS", "READ", "BLOCKS", "FRAMES", "BYTES", "SEALS", "CHECKPOINTS")
    print_table(headers, rows, empty="No stream.")
    if not report.ok:
        print("FAILED: this is not what was recorded")
    elif report.complete:
        print("verified: whole, unchanged, and sealed to the end")
    else:
        print("verified: what is here is unchanged; the notes say what is absent or not sealed yet")
    if not with_checkpoints:
        print("Without --checkpoints, a cut at the very end cannot be seen.")


def _text(path: str, what: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandFailed(f"cannot read {what} {path}: {reason}", USAGE) from None


def _no_engine() -> NoReturn:
    raise CommandFailed("the engine is not built: run `make build`, or install a hoopwire wheel", NOT_STARTED)


def add_commands(group: Any, add: Any, json: Any) -> None:
    """The parsers of these commands."""
    parser = add(
        group,
        "verify",
        "prove that recordings are whole and unchanged",
        verify,
        "  hoopwire recordings verify /var/lib/hoopwire/recordings --key recording.pub\n"
        "  hoopwire recordings verify COPY --key recording.pub --checkpoints checkpoints\n",
    )
    parser.add_argument("path", metavar="PATH", help="directory of recordings, or one segment file")
    parser.add_argument("--key", metavar="FILE", required=True, help="public key (hoopwire keygen recording)")
    parser.add_argument("--checkpoints", metavar="FILE", help="the signed checkpoints, kept elsewhere")
    json(parser)
    parser = add(
        group,
        "release",
        "give up sealed segments that are archived elsewhere",
        release,
        "  hoopwire recordings release recordings/s0/0000000001.hwr\n",
    )
    parser.add_argument("segment", nargs="+", metavar="SEGMENT", help="a sealed segment file (*.hwr)")
    json(parser)
