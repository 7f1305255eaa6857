"""One thing that `hoopwire check` has tried, and what came of it."""

from typing import Literal

import msgspec

from hoopwire.config.positions import Key

Outcome = Literal["ok", "FAILED", "warning", "not tried"]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """`FAILED` is what keeps somebody out, or the gateway from starting; a `warning` will, or may."""

    key: Key
    """Of the config file: `("targets", "orders", "port")`."""
    tried: str
    outcome: Outcome = "ok"
    found: str = ""
    to_do: str = ""
    """What mends it; empty if nothing has to be."""


def failed(key: Key, tried: str, found: str, to_do: str) -> Trial:
    """What is to be mended."""
    return Trial(key=key, tried=tried, outcome="FAILED", found=found, to_do=to_do)


def warned(key: Key, tried: str, found: str, to_do: str) -> Trial:
    """What is to be looked at."""
    return Trial(key=key, tried=tried, outcome="warning", found=found, to_do=to_do)
