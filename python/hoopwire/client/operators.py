"""Asks a running gateway for the operators' verbs, over the operators' socket."""

import os
import socket
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from hoopwire.client.answers import Unreachable, decoded
from hoopwire.client.exchange import TIMEOUT_S, exchange
from hoopwire.model.api import (
    EndedList,
    EndedView,
    Ending,
    GrantList,
    GrantShown,
    LockAnswer,
    Locking,
    LockList,
    Reloaded,
    RevokedList,
    RevokedView,
    SessionList,
    Statistics,
    Status,
    Unlocked,
)
from hoopwire.model.grant import GrantState

Answer = TypeVar("Answer")


class Operators:
    """One method a verb. Each raises Refused, Unreachable or Unreadable.

    `socket` is the path of the operators' socket; `operator` is written down as who asked.
    """

    def __init__(self, socket: str, *, operator: str = "") -> None:
        self._socket = socket
        self._operator = operator

    def grants(self, state: GrantState | None = None) -> GrantList:
        """Grants, or those of one state, newest first."""
        return self._ask(GrantList, "GET", "/v1/grants", query={} if state is None else {"state": state})

    def grant(self, id: str) -> GrantShown:
        """One grant and its live sessions."""
        return self._ask(GrantShown, "GET", f"/v1/grants/{_part(id)}")

    def revoke_grants(
        self, ids: Sequence[str], *, reason: str = "", lock: bool = False, for_s: float | None = None
    ) -> RevokedList:
        """End grants and their sessions; with `lock`, lock their principals, too, for `for_s` or for good."""
        asked = self._ending(reason, grants=tuple(ids), lock=lock, for_s=for_s)
        return self._ask(RevokedList, "POST", "/v1/grants/revoke", asked)

    def revoke_grant(
        self, id: str, *, reason: str = "", lock: bool = False, for_s: float | None = None
    ) -> RevokedView:
        """The same for one grant; refused if there is none of that id."""
        asked = self._ending(reason, lock=lock, for_s=for_s)
        return self._ask(RevokedView, "POST", f"/v1/grants/{_part(id)}/revoke", asked)

    def sessions(self) -> SessionList:
        """Live sessions."""
        return self._ask(SessionList, "GET", "/v1/sessions")

    def end_sessions(self, ids: Sequence[str], *, reason: str = "") -> EndedList:
        """End sessions; their grants live on."""
        return self._ask(EndedList, "POST", "/v1/sessions/end", self._ending(reason, sessions=tuple(ids)))

    def end_session(self, id: str, *, reason: str = "") -> EndedView:
        """The same for one session; refused if there is none of that id."""
        return self._ask(EndedView, "POST", f"/v1/sessions/{_part(id)}/end", self._ending(reason))

    def lock(
        self, principal: str, *, issuer: str = "", reason: str = "", for_s: float | None = None
    ) -> LockAnswer:
        """Shut a principal out at one issuer or at every one, for `for_s` or until it is unlocked."""
        asked = Locking(
            principal=principal, issuer=issuer, reason=reason, operator=self._operator, for_s=for_s
        )
        return self._ask(LockAnswer, "POST", "/v1/principals/lock", asked)

    def unlock(self, principal: str, *, issuer: str = "", reason: str = "") -> Unlocked:
        """Let a principal in again."""
        asked = Locking(principal=principal, issuer=issuer, reason=reason, operator=self._operator)
        return self._ask(Unlocked, "POST", "/v1/principals/unlock", asked)

    def locks(self, *, lifted: bool = False) -> LockList:
        """Locks in force; with `lifted`, those that were lifted, too."""
        return self._ask(LockList, "GET", "/v1/principals/locks", query={"all": "1"} if lifted else {})

    def reload(self) -> Reloaded:
        """Make the gateway read its config file again."""
        return self._ask(Reloaded, "POST", "/v1/reload")

    def status(self) -> Status:
        """Whether anybody can be admitted, and if not, why."""
        return self._ask(Status, "GET", "/v1/status")

    def statistics(self) -> Statistics:
        """Counters since start."""
        return self._ask(Statistics, "GET", "/v1/statistics")

    def _ending(
        self,
        reason: str,
        *,
        grants: tuple[str, ...] = (),
        sessions: tuple[str, ...] = (),
        lock: bool = False,
        for_s: float | None = None,
    ) -> Ending:
        return Ending(
            reason=reason,
            operator=self._operator,
            grants=grants,
            sessions=sessions,
            lock=lock,
            for_s=for_s,
        )

    def _ask(
        self,
        kind: type[Answer],
        method: str,
        path: str,
        body: msgspec.Struct | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        content = None if body is None else msgspec.json.encode(body)
        if query:
            from urllib.parse import urlencode

            path = f"{path}?{urlencode(query)}"
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            wire.settimeout(TIMEOUT_S)
            wire.connect(self._socket)
            response = exchange(wire, "gateway", method, path, content=content)
        except OSError as error:
            raise Unreachable(_no_gateway(self._socket, error)) from None
        finally:
            wire.close()
        return decoded(response, kind)


def _part(id: str) -> str:
    """An id as one part of a path, whatever is in it."""
    from urllib.parse import quote

    return quote(id, safe="")


def _no_gateway(socket: str, error: Exception) -> str:
    if not os.path.exists(socket):
        return f"no gateway answers on {socket}: it is not running, or its config names another socket"
    if not os.access(socket, os.W_OK):
        return f"you may not open {socket}: run this as the account of the gateway"
    return f"no gateway answers on {socket}: {error}"
