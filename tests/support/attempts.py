"""Attempts against a narrower grant, as readable SQL files; and running one, byte by byte.

    --- insert-in-mixed-case: forbidden words were compared in lower case only
    --! grant=reader refused=42501 belt role
    iNsErT INTO notes (body) VALUES ('x')
    -- then
    SELECT 2

`---` begins an attempt: its name, and the bug or attack in words. `--!` holds options; before the first
attempt they are the file's defaults. `-- then` begins the next step. Options:

    grant=NAME        a table of `grants.toml` (default `reader`)
    refused=A,B       SQLSTATEs: a step must be refused with one of them (default 42501)
    masked            must pass, with the marker nowhere in the answer; `either`: refused or so masked
    ways=A,B          of simple, extended, binary (extended with binary results), default simple,extended
    shows=TEXT        what the answer shows when nothing stops it; without it the database's digest changes
    session=SHOW      a question whose answer in the same session changes (`+` for a space)
    exceeds           shown by the answer being longer than the grant's budget
    belt              a session that is read-only by default stops it, without the gateway
    role              a role with the grant's privileges stops it, without the gateway
    unproven=WHY      cannot be shown on this server (a crash, nothing left to see)
    until=N           PostgreSQL itself refuses this from major version N on: only older servers show the harm
    since=N           PostgreSQL knows this from major version N on: older servers only see that it is refused
    permitted         a step is within the grant and changes something; only what is shown counts
    escapes           `\\xNN` in the SQL is that byte

`@victim@`, `@loot@`, `@socket@`, `@port@` and `@database@` stand for what the test server has.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.frontend import Frontend, Message, message

WAYS = ("simple", "extended", "binary")
_FLAGS = ("masked", "either", "exceeds", "belt", "role", "escapes", "permitted")
_COPIED = b"9001\tintruder\tcopied in\n"


@dataclass(frozen=True)
class Attempt:
    """One attempt as its file has it."""

    name: str
    bug: str
    file: str
    grant: str = "reader"
    refused: tuple[str, ...] = ("42501",)
    ways: tuple[str, ...] = ("simple", "extended")
    shows: tuple[str, ...] = ()
    session: str = ""
    unproven: str = ""
    since: int = 0
    until: int = 0
    """0: all."""
    flags: frozenset[str] = frozenset()
    steps: tuple[str, ...] = ()

    @property
    def belt(self) -> bool:
        """A read-only session alone must stop it."""
        return "belt" in self.flags

    @property
    def role(self) -> bool:
        """A role with the grant's privileges alone must stop it."""
        return "role" in self.flags

    @property
    def id(self) -> str:
        """For pytest's output."""
        return f"{self.file}:{self.name}"

    def texts(self, places: Mapping[str, str]) -> list[bytes]:
        """The steps with their places filled in."""
        found: list[bytes] = []
        for step in self.steps:
            for name, value in places.items():
                step = step.replace(f"@{name}@", value)
            text = step.encode()
            if "escapes" in self.flags:
                text = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda match: bytes([int(match[1], 16)]), text)
            found.append(text)
        return found


def read_attempts(path: Path) -> list[Attempt]:
    """The attempts of one file. ValueError names the line that is not understood."""
    default = Attempt("", "", path.stem)
    found: list[Attempt] = []
    lines: list[str] = []

    def close() -> None:
        text = "\n".join(lines).strip("\n")
        lines.clear()
        if found:
            steps = tuple(part.strip("\n") for part in re.split(r"^-- then$", text, flags=re.M))
            if not all(steps):
                raise ValueError(f"{path.name}: {found[-1].name} has an empty step")
            found[-1] = replace(found[-1], steps=steps)

    for line in path.read_text().splitlines():
        if line.startswith("--- "):
            close()
            name, _, bug = line[4:].partition(": ")
            found.append(replace(default, name=name.strip(), bug=bug.strip()))
        elif line.startswith("--! "):
            if found:
                found[-1] = _with_options(found[-1], line[4:], path)
            else:
                default = _with_options(default, line[4:], path)
        elif found:
            lines.append(line)
    close()
    return found


def _with_options(attempt: Attempt, text: str, path: Path) -> Attempt:
    for word in text.split():
        name, equals, value = word.partition("=")
        words = tuple(value.split(","))
        match name:
            case "grant":
                attempt = replace(attempt, grant=value)
            case "refused":
                attempt = replace(attempt, refused=words)
            case "ways":
                attempt = replace(attempt, ways=words)
            case "shows":
                attempt = replace(attempt, shows=words if value else ())
            case "session":
                attempt = replace(attempt, session=value.replace("+", " "))
            case "unproven":
                attempt = replace(attempt, unproven=value)
            case "since":
                attempt = replace(attempt, since=int(value))
            case "until":
                attempt = replace(attempt, until=int(value))
            case _ if name in _FLAGS and not equals:
                attempt = replace(attempt, flags=attempt.flags | {name})
            case _:
                raise ValueError(f"{path.name}: {attempt.name}: unknown option {word!r}")
    return attempt


@dataclass
class Answer:
    """What one step got: its messages and the transaction status before and after."""

    sent: bytes
    before: bytes
    after: bytes = b""
    messages: list[Message] = field(default_factory=list)

    @property
    def errors(self) -> list[Message]:
        """ErrorResponses, in order."""
        return [each for each in self.messages if each.kind == b"E"]

    @property
    def content(self) -> bytes:
        """All bodies in one."""
        return b"\n".join(each.body for each in self.messages)

    @property
    def rows(self) -> int:
        """How many DataRows and CopyData came."""
        return sum(each.kind in (b"D", b"d") for each in self.messages)


def run_steps(frontend: Frontend, steps: list[bytes], way: str) -> Iterator[Answer]:
    """Each step in turn, over the simple or the extended protocol; COPY FROM STDIN gets a row."""
    status = b"I"
    for step in steps:
        answer = Answer(step, status)
        if way == "simple":
            frontend.send(message(b"Q", step + b"\0"))
        else:
            frontend.send(extended(step, binary=way == "binary"))
        while True:
            reply = frontend.read()
            answer.messages.append(reply)
            if reply.kind == b"G":
                frontend.send(message(b"d", _COPIED) + message(b"c"))
                if way != "simple":
                    # The server skipped the first Sync as part of the copy.
                    frontend.send(message(b"S"))
            if reply.kind == b"Z":
                break
            if reply.kind == b"E" and reply.fields.get("S") in ("FATAL", "PANIC"):
                yield answer
                return
        status = answer.after = reply.body
        yield answer


def extended(sql: bytes, *, binary: bool = False, name: bytes = b"") -> bytes:
    """Parse, Bind, Describe, Execute, Sync of a statement without parameters."""
    bind = b"\0" + name + b"\0" + struct.pack("!hhhh", 0, 0, 1, int(binary))
    return (
        message(b"P", name + b"\0" + sql + b"\0" + struct.pack("!h", 0))
        + message(b"B", bind)
        + message(b"D", b"P\0")
        + message(b"E", b"\0" + struct.pack("!i", 0))
        + message(b"S")
    )
