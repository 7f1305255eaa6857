"""What the actions of all protocols have in common: the error of a text that is none."""

import difflib
from collections.abc import Iterable

ACTION_CHARACTERS = 4000
"""No action is longer."""


class ActionError(ValueError):
    """Text that is no action. `str` is for whoever wrote it; `column` is from 1."""

    def __init__(self, what: str, column: int, nearest: str | None = None) -> None:
        super().__init__(what)
        self.column = column
        self.nearest = nearest

    @property
    def text(self) -> str:
        """What is wrong, where, and the nearest right text, on one line."""
        close = f" (did you mean `{self.nearest}`?)" if self.nearest is not None else ""
        return f"{self}, at character {self.column}{close}"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that looks most like `name`, or none."""
    by_lower = {candidate.lower(): candidate for candidate in names}
    found = difflib.get_close_matches(name.lower()[:128], by_lower, n=1)
    return by_lower[found[0]] if found else None
