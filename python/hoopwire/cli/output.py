"""Prints tables for people and JSON for programs; names from outside cannot move the cursor."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hoopwire.model.denial import Denial
from hoopwire.model.grant import Mask
from hoopwire.model.plain import is_odd, plain_json
from hoopwire.model.statistics import SessionBudget


def clean(value: object) -> str:
    """Text that cannot move the cursor: names and reasons come from outside."""
    text = "" if value is None else str(value)
    return "".join("\N{REPLACEMENT CHARACTER}" if is_odd(character) else character for character in text)


def print_denial(outcome: Denial, *, indent: str) -> None:
    """What the principal is told besides the code, a line each."""
    for text in (outcome.message, outcome.detail, outcome.hint):
        if text:
            print(f"{indent}{clean(text)}")


def masked_columns(masks: Iterable[Mask]) -> str:
    """The columns that are masked, and how."""
    return clean(", ".join(f"{mask.schema}.{mask.relation}.{mask.column} ({mask.kind})" for mask in masks))


def print_json(value: Any) -> None:
    """One indented JSON document on stdout."""
    sys.stdout.write(plain_json(msgspec.json.format(msgspec.json.encode(value), indent=2)).decode() + "\n")


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Left-aligned columns; `empty` is said instead of a table without rows.

    Where the terminal is too narrow for them, each row is a block of lines: nothing is cut, ids least of all.
    """
    cells = [[clean(value) for value in row] for row in rows]
    if not cells:
        print(empty)
        return
    widths = [max(len(row[column]) for row in [list(headers), *cells]) for column in range(len(headers))]
    if sys.stdout.isatty() and sum(widths) + 2 * (len(widths) - 1) > _columns():
        _print_blocks(headers, cells)
        return
    for row in [list(headers), *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _columns() -> int:
    # It brings compression libraries, and most answers go through a pipe.
    import shutil

    return shutil.get_terminal_size().columns


def _print_blocks(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    width = max(map(len, headers))
    for number, row in enumerate(rows):
        if number:
            print()
        for header, cell in zip(headers, row, strict=True):
            if cell:
                print(f"{header:<{width}}  {cell}")


def moment(at: float | None) -> str:
    """Unix seconds as UTC for people; empty for none."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def size(count: int) -> str:
    """Bytes with a unit: 1.5 MiB."""
    number = float(count)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def budget_text(budget: SessionBudget) -> str:
    """`rows 10/1000, bytes 1.0 MiB/2.0 MiB`: used and limit, over all sessions of the grant."""
    shown = []
    for name, pair in msgspec.structs.asdict(budget).items():
        if pair is None:
            continue
        used, limit = pair
        if name == "bytes":
            used, limit = size(used), size(limit)
        elif name == "wall_time_s":
            name, used, limit = "time", f"{used:.1f} s", f"{limit:g} s"
        shown.append(f"{name} {used}/{limit}")
    return ", ".join(shown)
