"""The types of durations and sizes that the config file writes with a unit."""

MOST_LOCKED_S = 10 * 366 * 86_400.0
"""Locks for longer are until they are lifted."""


class Seconds(float):
    """A duration in seconds; the file writes `"90s"`, `"15m"`, `"1h"`, `"1d"`."""


class Bytes(int):
    """A size in bytes; the file writes `"64KiB"`, `"64MiB"`, `"1GiB"`."""
