"""Grants of tokens that buy one connection, where that never came about: such a token is not used up yet.

In memory only: after a restart it is. A grant is here from its mint until a session of it has logged in at
the target; while one is on its way there, no other may.
"""

from collections.abc import Callable


class Unstarted:
    """Grant ids, each with the session that is on its way, if one is."""

    def __init__(self) -> None:
        self._sessions: dict[str, str | None] = {}
        self._until: dict[str, float] = {}
        self._grants: dict[str, str] = {}

    def minted(self, grant: str, session: str, until: float) -> None:
        """This session's token bought the grant."""
        self._until[grant] = until
        self._take(grant, session)

    def claim(self, grant: str, session: str) -> bool:
        """This session may try: no session of the grant was ever there, and none is on its way."""
        if self._sessions.get(grant, "") is not None:
            return False
        self._take(grant, session)
        return True

    def ended(self, session: str) -> None:
        """The session is over. If it had not logged in, another may try."""
        grant = self._grants.pop(session, None)
        if grant is not None and self._sessions.get(grant) == session:
            self._sessions[grant] = None

    def started(self, session: str) -> None:
        """The session has logged in: its token is used up."""
        grant = self._grants.pop(session, None)
        if grant is not None:
            self._drop(grant)

    def forget(self, is_past: Callable[[float], bool]) -> None:
        """Drop grants whose time is over."""
        for grant in [grant for grant, until in self._until.items() if is_past(until)]:
            self._drop(grant)

    def _take(self, grant: str, session: str) -> None:
        self._sessions[grant] = session
        self._grants[session] = grant

    def _drop(self, grant: str) -> None:
        self._until.pop(grant, None)
        session = self._sessions.pop(grant, None)
        if session is not None:
            self._grants.pop(session, None)
