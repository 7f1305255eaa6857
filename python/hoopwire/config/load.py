"""A path -> Settings, or a ConfigError that lists all that is wrong."""

import json
import os
import re
import tomllib
from dataclasses import dataclass
from typing import Any

from hoopwire.config.decode import Parts, decode
from hoopwire.config.gateway import check_gateway, check_limits, check_listen, check_recording
from hoopwire.config.issuers import check_device_listener, check_issuers
from hoopwire.config.policies import check_policies
from hoopwire.config.positions import Key, Positions, scan
from hoopwire.config.problem import ConfigError, Problem, Report
from hoopwire.config.roles import check_roles
from hoopwire.config.ssh import check_listeners, check_ssh
from hoopwire.config.targets import check_targets
from hoopwire.model.settings import Settings

_FILE_BYTES = 1 << 20
_BARE = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*[=:]\s*([^\s\"'\[{#][^\"'#\[\]{}]*?)\s*(?:#.*)?")
"""`key = value` with neither quotes nor brackets."""
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")


@dataclass(frozen=True)
class Loaded:
    """A file's settings, and where in it each stands."""

    settings: Settings
    file: str
    positions: Positions

    def place(self, key: Key) -> str:
        """`FILE:LINE:COLUMN` of a key, or of what stands around it."""
        line, column = self.positions.find(key)
        return f"{self.file}:{line}:{column}"


def load(path: str | os.PathLike[str], *, files: bool = True) -> Settings:
    """Load and check a config file. Relative paths in it are taken from its folder.

    With `files=False` the keys, certificates and secrets that it names are not looked at: for checking a file
    on another machine than the gateway's. ConfigError, and nothing else, if it cannot be used.
    """
    return load_with_places(path, files=files).settings


def load_with_places(path: str | os.PathLike[str], *, files: bool = True) -> Loaded:
    """As `load`, for who has more to say of the file."""
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            content = file.read(_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(name, getattr(error, "strerror", None) or "not a path") from None
    return _loads(content, name, files=files)


def loads(content: bytes, name: str, *, files: bool = True) -> Settings:
    """As `load`, with the content at hand; `name` is the path it is said to have."""
    return _loads(content, name, files=files).settings


def _loads(content: bytes, name: str, *, files: bool) -> Loaded:
    document, positions = _parse(content, name)
    report = Report(name, positions)
    folder = os.path.dirname(os.path.abspath(name))
    parts = decode(document, folder, report)
    _check(parts, report)
    if files:
        # It reads keys and certificates: who only looks for the socket need not wait for that library.
        from hoopwire.config.files import check_files

        check_files(parts, report)
    if report.problems:
        raise ConfigError(report.problems)
    return Loaded(parts.settings(), name, positions)


def _parse(content: bytes, name: str) -> tuple[dict[str, Any], Positions]:
    if len(content) > _FILE_BYTES:
        raise _unreadable(name, "larger than 1 MiB")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(name, "not UTF-8", line, 1) from None
    try:
        return tomllib.loads(text), scan(text)
    except RecursionError:
        raise _unreadable(name, "nested too deep", 1, 1) from None
    except ValueError as error:
        # TOMLDecodeError, and what int() and datetime say to numbers and dates that cannot be.
        words = str(error)
        place = _PLACE.search(words)
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
        what = f"not TOML: {_PLACE.sub('', words)}{_hint(text, line)}"
        raise _unreadable(name, what, line, column) from None


def _hint(text: str, line: int) -> str:
    """What a line most likely lacks: a text without quotes is what people write first."""
    lines = text.splitlines()
    found = _BARE.fullmatch(lines[line - 1]) if line <= len(lines) else None
    if found is None:
        return ""
    key, value = found[1], found[2].strip()
    lowered = value.lower()
    if lowered in ("true", "false", "yes", "no", "on", "off"):
        return f" (write {key} = {'true' if lowered in ('true', 'yes', 'on') else 'false'})"
    return f" (a text stands in quotes: {key} = {json.dumps(value, ensure_ascii=False)})"


def _check(parts: Parts, report: Report) -> None:
    """All checks that what was decoded allows."""
    fields = parts.fields
    for name, check in (
        ("gateway", check_gateway),
        ("listen", check_listen),
        ("limits", check_limits),
        ("recording", check_recording),
        ("issuers", check_issuers),
        ("ssh", check_ssh),
        ("targets", check_targets),
    ):
        if fields[name] is not None:
            check(fields[name], report)
    if fields["targets"] is not None and fields["listen"] is not None:
        check_listeners(fields["targets"], fields["listen"], fields["ssh"], report)
    if fields["issuers"] is not None and fields["listen"] is not None:
        check_device_listener(fields["issuers"], fields["listen"], report)
    if fields["policies"] is not None:
        check_policies(fields["policies"], fields["issuers"], fields["targets"], report)
        if fields["targets"] is not None:
            check_roles(fields["policies"], fields["targets"], report)


def _unreadable(name: str, what: str, line: int | None = None, column: int | None = None) -> ConfigError:
    return ConfigError([Problem(file=name, line=line, column=column, key="", what=what)])
