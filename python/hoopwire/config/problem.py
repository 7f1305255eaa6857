"""What is wrong with a config file: all of it, each with its place and the nearest right name."""

import re
from collections.abc import Iterable

import msgspec

from hoopwire.config.positions import Key, Positions
from hoopwire.model.action import nearest

__all__ = ["ConfigError", "Problem", "Report", "nearest", "quoted", "written"]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. Prints as `FILE:LINE:COLUMN: KEY: WHAT (did you mean ...?)`."""

    file: str
    line: int | None
    """From 1; none if the file could not be read."""
    column: int | None
    key: str
    """Path of the key, for example `targets.orders.databases[0]`; empty for the file as a whole."""
    what: str
    nearest: str | None = None
    """The right name that looks most like what was written."""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        key = f"{self.key}: " if self.key else ""
        nearest = f" (did you mean `{self.nearest}`?)" if self.nearest is not None else ""
        return f"{place}: {key}{self.what}{nearest}"


class ConfigError(Exception):
    """The file cannot be used. `problems` is never empty and in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Report:
    """Collects problems under key paths and knows where those stand in the file."""

    def __init__(self, file: str, positions: Positions) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._positions = positions

    def __contains__(self, key: Key) -> bool:
        """The key is written in the file."""
        return key in self._positions

    def add(self, key: Key, what: str, nearest: str | None = None) -> None:
        """Note a problem at the key, or where the nearest enclosing table begins if the key is missing."""
        line, column = self._positions.find(key)
        problem = Problem(
            file=self._file, line=line, column=column, key=written(key), what=what, nearest=nearest
        )
        if problem not in self.problems:
            self.problems.append(problem)


def written(key: Key) -> str:
    """A key path as one would write it: `policies[0].ttl`, `targets."a b".host`."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else quoted(part)
            text += f".{name}" if text else name
    return text


def quoted(text: str) -> str:
    """A value from the file, quoted, printable, at most 80 characters."""
    shown = text if len(text) <= 80 else text[:79] + "…"
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown) + '"'
