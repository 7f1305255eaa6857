"""Parses actions of ssh from text: one grammar for the config file, the grant API and what the store keeps.

exec systemctl status <name>
sftp read /var/log
forward db.internal:5432
read-files on /srv/www, /var/log
shell
"""

import re
from collections.abc import Iterable

from hoopwire.model.action import ACTION_CHARACTERS, ActionError, nearest
from hoopwire.model.ssh.actions import (
    PRESETS,
    VERBS,
    WORDS,
    Action,
    Exec,
    Forward,
    Named,
    Preset,
    Sftp,
    Word,
)
from hoopwire.model.ssh.destinations import read_destination, read_listening
from hoopwire.model.ssh.paths import lies_under, normal_path
from hoopwire.model.ssh.patterns import read_pattern
from hoopwire.model.ssh.shell import PLAIN

_ALL = (*PRESETS, *(word for word in WORDS if word not in PRESETS), *VERBS)
_SUBSYSTEM = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def parse_action(text: str) -> Action:
    """One entry of `actions`. ActionError."""
    if len(text) > ACTION_CHARACTERS:
        raise ActionError(f"is longer than {ACTION_CHARACTERS} characters", ACTION_CHARACTERS)
    start = len(text) - len(text.lstrip(" \t")) + 1
    written = text.strip(" \t")
    if not written:
        raise ActionError("is empty", 1)
    first, rest, column = _split(written, start)
    if first in VERBS:
        return _with_object(first, rest, column)
    if first not in (*WORDS, *PRESETS):
        shown = first if len(first) <= 80 else first[:79] + "…"
        raise ActionError(
            f"unknown action `{shown}`; there are: {', '.join(_ALL)}", start, nearest(first, _ALL)
        )
    if rest and first in ("read-files", "operate"):
        return Preset(name=first, paths=_paths(first, rest, column))
    if rest:
        raise ActionError(f"`{first}` has nothing behind it", column, first)
    return Preset(name=first) if first in PRESETS else Word(name=first)


def parse_actions(texts: Iterable[str]) -> tuple[Action, ...]:
    """All of them, each once. ActionError."""
    return tuple(dict.fromkeys(map(parse_action, texts)))


def _split(text: str, column: int) -> tuple[str, str, int]:
    """The first word, what stands behind it, and where."""
    found = re.split(r"[ \t]+", text, maxsplit=1)
    rest = found[1] if len(found) > 1 else ""
    return found[0], rest, column + len(text) - len(rest)


def _with_object(verb: str, rest: str, column: int) -> Action:
    if verb == "exec":
        return Exec(pattern=read_pattern(rest, column))
    if verb == "sftp":
        return _sftp(rest, column)
    if verb == "forward":
        return Forward(verb="forward", where=read_destination(rest, column))
    if verb == "remote-forward":
        return Forward(verb="remote-forward", where=read_listening(rest, column))
    if verb == "env":
        if rest != "LC_*" and not _VARIABLE.fullmatch(rest):
            raise ActionError("write the whole name of a variable, or LC_*", column, "env LC_*")
        return Named(verb="env", name=rest)
    if rest == "sftp":
        raise ActionError("sftp is given by `sftp read` and `sftp write`", column, "sftp read /var/log")
    if not _SUBSYSTEM.fullmatch(rest):
        raise ActionError("a subsystem's name is 1 to 64 letters, digits, _ . @ or -", column)
    return Named(verb="subsystem", name=rest)


def _sftp(rest: str, column: int) -> Action:
    access, path, at = _split(rest, column)
    if access == "read":
        return Sftp(access="read", prefix=normal_path(path, at))
    if access == "write":
        return Sftp(access="write", prefix=normal_path(path, at))
    close = nearest(access, ("read", "write")) or "read"
    raise ActionError(
        "expected `read` or `write` behind `sftp`, then a path", column, f"sftp {close} /var/log"
    )


def _paths(preset: str, rest: str, column: int) -> tuple[str, ...]:
    word, text, at = _split(rest, column)
    if word != "on" or not text:
        raise ActionError(f"expected `on` behind `{preset}`, then paths", column, f"{preset} on /var/log")
    found: dict[str, None] = {}
    for part in text.split(","):
        path = part.strip(" \t")
        begins = at + len(part) - len(part.lstrip(" \t"))
        if not path:
            raise ActionError("expected a path", begins, "/var/log")
        normal = normal_path(path, begins)
        if preset == "operate":
            _check_operated(normal, begins)
        found[normal] = None
        at += len(part) + 1
    return tuple(found)


def _check_operated(path: str, column: int) -> None:
    """The paths stand in patterns of commands, and nobody's home is looked through."""
    if not PLAIN.fullmatch(path):
        raise ActionError("a path of `operate` is of letters, digits and _ . / : , @ % + = -", column)
    if path == "/" or any(lies_under(path, home) or lies_under(home, path) for home in ("/home", "/root")):
        raise ActionError("`operate` is for logs and the like, not for homes", column, "operate on /var/log")
