"""A session's recording as readable text, and as JSON lines."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from hoopwire.recordings import frames
from hoopwire.recordings.entries import Entry
from hoopwire.recordings.plain import printable
from hoopwire.recordings.show_channels import channel_line
from hoopwire.recordings.values import is_cut, type_name, value_of

_DIGEST_SHOWN = 16
_REQUESTS = {
    ord("D"): "describe",
    ord("C"): "close",
    ord("S"): "sync",
    ord("H"): "flush",
    ord("c"): "copy done",
    ord("f"): "copy fail",
}
_ARROWS = {"gateway": "--", "upstream": "->", "downstream": "<-"}


def session_text(entries: Iterable[Entry], session: str) -> Iterator[str]:
    """One line a frame: time, direction, what. Statements keep their line breaks, indented."""
    for entry in entries:
        if entry.session == session:
            when = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
            arrow = _ARROWS.get(entry.direction, "??")
            first, *more = _lines(entry)
            yield f"{when}  {arrow} {first}"
            for line in more:
                yield f"{'':32}{line}"


def session_json(entries: Iterable[Entry], session: str) -> Iterator[bytes]:
    """One JSON object a frame, one line each. Digests are hex; text is text, `\\xNN` for other bytes."""
    encode = msgspec.json.Encoder().encode
    for entry in entries:
        if entry.session == session:
            at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="microseconds")
            yield encode(
                {
                    "sequence": entry.sequence,
                    "at": at,
                    "session": entry.session,
                    "direction": entry.direction,
                    "kind": entry.kind,
                    **_fields(entry.frame),
                }
            )


def _fields(frame: frames.Frame) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in frame.__struct_fields__:
        value = getattr(frame, name)
        if isinstance(value, bytes):
            is_binary = name in ("digest", "content")
            fields[name] = value.hex() if is_binary else value.decode("utf-8", "backslashreplace")
        elif isinstance(frame, frames.Bind) and name == "parameters":
            fields[name] = [_parameter_fields(each) for each in value]
        elif isinstance(frame, frames.Request) and name == "kind":
            fields["request"] = _REQUESTS.get(value, f"0x{value:02x}")
        else:
            fields[name] = value
    return fields


def _parameter_fields(parameter: frames.Parameter) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "oid": parameter.oid,
        "type": type_name(parameter.oid),
        "value": value_of(parameter),
    }
    if is_cut(parameter):
        fields["cut_from_bytes"] = parameter.length
    return fields


def _lines(entry: Entry) -> list[str]:
    frame = entry.frame
    match frame:
        case frames.SessionStart():
            return _start(frame)
        case frames.SessionContinued():
            return [f"session goes on in the next segment, grant {printable(frame.grant)}"]
        case frames.SessionEnd():
            return _end(frame)
        case frames.Statement():
            return _statement(frame)
        case frames.Bind():
            return _bind(frame)
        case frames.Execute():
            portal = f" portal {printable(frame.portal)}" if frame.portal else ""
            limit = f", at most {frame.max_rows} rows" if frame.max_rows else ""
            return [f"execute {_no(frame.no)}{portal}{limit}"]
        case frames.Request():
            word = _REQUESTS.get(frame.kind, f"message 0x{frame.kind:02x}")
            name = f" {printable(frame.name)}" if frame.name else ""
            return [f"{word}{name}"]
        case frames.Input():
            return [f"input {frame.bytes} bytes, blake3 {frame.digest.hex()[:_DIGEST_SHOWN]}"]
        case frames.Result():
            return [_result(frame)]
        case frames.Rows():
            return [f"rows {len(frame.content)} bytes kept"]
        case frames.Report():
            code = f" {printable(frame.sqlstate)}" if frame.sqlstate else ""
            return [f"{printable(frame.severity)}{code}: {printable(frame.message)}"]
        case frames.Decision():
            return [
                f"{_verb(frame.allow)} {printable(frame.action)}: {printable(frame.reason)}{_policy(frame)}"
            ]
        case frames.GrantChanged():
            return [f"grant changed to {printable(frame.grant)}: {printable(frame.reason)}"]
        case frames.Cancel():
            return [
                f"cancel request from {printable(frame.peer)}: {'passed on' if frame.allow else 'refused'}"
            ]
        case (
            frames.ChannelOpen()
            | frames.ChannelRequest()
            | frames.ChannelData()
            | frames.ChannelFlow()
            | frames.Typed()
            | frames.ChannelAnswer()
        ):
            return [channel_line(frame)]
        case _:
            return ["frame of a kind that this version does not know"]


def _no(no: int) -> str:
    return f"#{no}" if no else "#?"


def _verb(allow: bool) -> str:
    return "allow" if allow else "DENY"


def _policy(frame: frames.Decision) -> str:
    return f" (policy {printable(frame.policy)})" if frame.policy else ""


def _start(start: frames.SessionStart) -> list[str]:
    who = f"{printable(start.principal)} ({printable(start.principal_kind)})"
    lines = [
        f"session {printable(start.session)} starts",
        f"principal  {who} {printable(start.principal_name)}",
        f"issuer     {printable(start.issuer)}",
        f"target     {printable(start.target)}, database {printable(start.database)}",
        f"grant      {printable(start.grant)}, actions {printable(', '.join(start.actions))}",
        f"policy     {printable(start.policy)}, hash {printable(start.policy_hash)}",
        f"peer       {printable(start.peer)}, application {printable(start.application_name) or '(none)'}",
        f"gateway    {printable(start.node)}",
    ]
    if start.task:
        lines.insert(6, f"task       {printable(start.task)}")
    return lines


def _end(end: frames.SessionEnd) -> list[str]:
    code = f" ({printable(end.sqlstate)})" if end.sqlstate else ""
    totals = (
        f"{end.statements} statements, {end.rows} rows, {end.bytes_in} bytes in, {end.bytes_out} bytes out"
    )
    return [f"session ends, closed by {printable(end.closed_by)}: {printable(end.reason)}{code}", totals]


def _statement(statement: frames.Statement) -> list[str]:
    how = {"simple": "", "parse": " prepare", "function_call": " function call"}.get(statement.via, "?")
    name = f" {printable(statement.name)}" if statement.name else ""
    types = [type_name(oid) or "unknown" for oid in statement.types]
    declared = f" ({', '.join(types)})" if types else ""
    verdict = (
        f"{_verb(statement.allow)} by {printable(statement.reason)}"
        if statement.reason
        else _verb(statement.allow)
    )
    head = f"statement {_no(statement.no)}{how}{name}{declared}, {verdict}"
    text = statement.text.decode("utf-8", "backslashreplace")
    return [head, *(f"  {printable(line)}" for line in text.split("\n") if text)]


def _bind(bind: frames.Bind) -> list[str]:
    portal = f" portal {printable(bind.portal)}" if bind.portal else ""
    # which statement the name stood for is not known: the name is all there is
    name = f" of {printable(bind.name)}" if bind.name and not bind.no else ""
    lines = [f"bind {_no(bind.no)}{name}{portal}, {len(bind.parameters)} parameters"]
    for place, parameter in enumerate(bind.parameters, start=1):
        lines.append(f"  ${place} = {_shown(parameter)}")
    return lines


def _shown(parameter: frames.Parameter) -> str:
    value = value_of(parameter)
    kind = type_name(parameter.oid)
    suffix = f"  {kind}" if kind else ""
    if is_cut(parameter):
        suffix += f"  (the beginning of {parameter.length} bytes)"
    if value is None:
        return f"NULL{suffix}"
    text = "'" + printable(value) + "'" if isinstance(value, str) else str(value)
    return f"{text}{suffix}"


def _result(result: frames.Result) -> str:
    what = f"result of {_no(result.no)}" if result.no else "delivered"
    tag = f" {printable(result.tag)}" if result.tag else ""
    code = f" error {printable(result.sqlstate)}" if result.sqlstate else ""
    more = "" if result.last else " (goes on)"
    digest = result.digest.hex()[:_DIGEST_SHOWN]
    return f"{what}{tag}{code}: {result.rows} rows, {result.bytes} bytes, blake3 {digest}{more}"
