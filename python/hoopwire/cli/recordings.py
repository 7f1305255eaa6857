"""`hoopwire recordings ...`: reading what was recorded."""

from typing import Any


def add_commands(group: Any, add: Any, config: Any, json: Any) -> None:
    pass
