"""Durations and sizes as text."""

import re

from hoopwire.model.units import Bytes, Seconds

DURATION_PATTERN = r"^[0-9]{1,9}(ms|s|m|h|d)$"
SIZE_PATTERN = r"^[0-9]{1,12}(B|KiB|MiB|GiB)$"

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def parse_seconds(text: str) -> Seconds:
    """`"90s"`, `"15m"`, `"1h"`, `"1d"`, `"500ms"`. ValueError with what is right to write."""
    found = re.fullmatch(DURATION_PATTERN.strip("^$"), text, re.ASCII)
    if found is None:
        raise ValueError('a duration is a whole number and a unit: "500ms", "90s", "15m", "1h", "1d"')
    unit = found.group(1)
    return Seconds(int(text.removesuffix(unit)) * _SECONDS[unit])


def parse_bytes(text: str) -> Bytes:
    """`"512B"`, `"64KiB"`, `"64MiB"`, `"1GiB"`. ValueError with what is right to write."""
    found = re.fullmatch(SIZE_PATTERN.strip("^$"), text, re.ASCII)
    if found is None:
        raise ValueError('a size is a whole number and a unit: "512B", "64KiB", "64MiB", "1GiB"')
    unit = found.group(1)
    return Bytes(int(text.removesuffix(unit)) * _BYTES[unit])
