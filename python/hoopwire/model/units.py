"""The types of durations and sizes that the config file writes with a unit."""


class Seconds(float):
    """A duration in seconds; the file writes `"90s"`, `"15m"`, `"1h"`, `"1d"`."""


class Bytes(int):
    """A size in bytes; the file writes `"64KiB"`, `"64MiB"`, `"1GiB"`."""
