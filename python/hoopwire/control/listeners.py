"""The listeners as the service sees them: it runs and stops what others open, and knows nothing of HTTP."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from hoopwire.control.operations import Operations
from hoopwire.control.parts import Parts
from hoopwire.model.settings import ListenSettings


class Listener(Protocol):
    """One open listener."""

    async def run(self, stopping: Callable[[], Awaitable[None]]) -> None:
        """Answer until `stopping` returns, and finish what is under way. After a fault it is run again."""

    def close(self) -> None:
        """Accept no more."""


class Listeners(Protocol):
    """All listeners of one gateway; `api.serving.HttpListeners` is them in production."""

    @property
    def control(self) -> str | None:
        """Bound `HOST:PORT` of the control API, once it is open; none if the settings name none."""

    def open(self, parts: Parts, operations: Operations) -> Iterator[tuple[str, Listener]]:
        """Open one after the other, each with the name of its task. StartError if one can't be opened."""

    def use_pair(self, settings: ListenSettings) -> None:
        """Show the certificate of these settings from now on. StartError if it is unusable."""


MakeListeners = Callable[[ListenSettings], Listeners]
"""StartError if the certificate of the settings is unusable."""
