"""The session table: who is admitted, or about to be, under which grant.

Two rules. A session takes a seat under its grant before anything is lent to it, and `permit` is asked in
the same breath as `engine.admit`, with no await between: a grant that ended meanwhile admits nobody. What
ends stays ended: a grant's end is remembered here from before the store is told until its time is over.
A grant that is used up admits nobody either, but its live sessions go on: the engine refuses what they ask.

The table does no I/O and starts nothing; its answers are effects, and the service performs them. Of a seat
that must end it stops the admission, and it says when the session is gone.

    enter -> seated --permit--> live --ended--> gone
               |                  |
               +--- end_* --------+--> ending --ended--> gone
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import trio

from hoopwire.control import texts
from hoopwire.model.commands import Refusal
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant


@dataclass
class Seat:
    """One session under one grant."""

    session: str
    grant: Grant
    database: str
    peer: str
    phase: Literal["seated", "live", "ending"] = "seated"
    last_words: Refusal | None = None
    """Set once the session must end."""
    lending: trio.CancelScope = field(default_factory=trio.CancelScope)
    """What its admission does while it is seated; cancelled once the session must end."""
    gone: trio.Event = field(default_factory=trio.Event)
    """The session is over."""


@dataclass(frozen=True)
class Revoke:
    """End a live session with these words."""

    session: str
    refusal: Refusal


@dataclass(frozen=True)
class Regrant:
    """Give a live session its narrower grant."""

    session: str
    grant: Grant
    database: str


Effect = Revoke | Regrant
_Key = TypeVar("_Key")
_Whose = tuple[str, str, str]
"""Issuer and key of a principal, and a target."""


class SessionTable:
    """See the rules above."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}
        self._by_grant: dict[str, dict[str, Seat]] = {}
        self._by_principal: dict[_Whose, dict[str, Seat]] = {}
        self._ended: dict[str, tuple[Refusal, float]] = {}
        self._used_up: dict[str, tuple[Refusal, float]] = {}
        self.draining = False

    def __len__(self) -> int:
        return len(self._seats)

    def seats(self) -> list[Seat]:
        """All seats, oldest first."""
        return list(self._seats.values())

    def seat(self, session: str) -> Seat | None:
        """The seat of a session."""
        return self._seats.get(session)

    def seats_of(self, grant: str) -> list[Seat]:
        """Seats under the grant of this id, oldest first."""
        return list(self._by_grant.get(grant, {}).values())

    def grants(self) -> list[Grant]:
        """Each grant that has a seat, once."""
        return [next(iter(seats.values())).grant for seats in self._by_grant.values()]

    def has_seats(self, grant: str) -> bool:
        """Some session is there, or about to be, under the grant of this id."""
        return grant in self._by_grant

    def is_ended(self, grant: str) -> bool:
        """The grant of this id was ended here and no session should live; its time is not long over."""
        return grant in self._ended or (grant in self._used_up and not self.has_seats(grant))

    def is_over(self, grant: str) -> bool:
        """The grant of this id admits nobody any more: it was ended here or is used up."""
        return grant in self._ended or grant in self._used_up

    def enter(self, session: str, grant: Grant, database: str, peer: str) -> Seat | Denial:
        """Take a seat, or say why not."""
        if self.draining:
            return texts.draining()
        if (over := self._ended.get(grant.id) or self._used_up.get(grant.id)) is not None:
            return _denied(grant, over[0])
        if len(self.seats_of(grant.id)) >= grant.max_sessions:
            return texts.sessions_exceeded(grant, len(self.seats_of(grant.id)))
        mine = self._by_principal.get(_whose(grant), {})
        if grant.limits.sessions is not None and len(mine) >= grant.limits.sessions:
            return texts.principal_sessions_exceeded(grant, tuple(mine))
        taken = self._by_grant.setdefault(grant.id, {})
        seat = self._seats[session] = taken[session] = Seat(session, grant, database, peer)
        self._by_principal.setdefault(_whose(grant), {})[session] = seat
        return seat

    def permit(self, session: str, grant: Grant) -> Denial | None:
        """The last look before `engine.admit`. None makes the seat live under `grant`."""
        seat = self._seats.get(session)
        if seat is None:
            return texts.admission_failed("the session has no seat")
        if self.draining:
            return texts.draining()
        if seat.last_words is not None:
            return _denied(seat.grant, seat.last_words)
        seat.grant = grant
        seat.phase = "live"
        return None

    def leave(self, session: str) -> Seat | None:
        """The session is over, or was never admitted. None if it had no seat."""
        seat = self._seats.pop(session, None)
        if seat is not None:
            seat.gone.set()
            _take_out(self._by_grant, seat.grant.id, session)
            _take_out(self._by_principal, _whose(seat.grant), session)
        return seat

    def started(self, session: str) -> list[Effect]:
        """Its upstream login is done. One that was ended during the login is ended again."""
        seat = self._seats.get(session)
        if seat is None or seat.last_words is None:
            return []
        return [Revoke(session, seat.last_words)]

    def end_grant(self, grant: str, expires_at: float, words: Refusal) -> list[Effect]:
        """End every session of the grant of this id, and admit no more under it."""
        self._ended.setdefault(grant, (words, expires_at))
        return [effect for seat in self.seats_of(grant) for effect in self._end(seat, words)]

    def exhaust(self, grant: Grant, words: Refusal) -> None:
        """Admit no more sessions under a grant that is used up; those that are live go on."""
        self._used_up.setdefault(grant.id, (words, grant.expires_at))
        for seat in self.seats_of(grant.id):
            if seat.phase == "seated":
                self._end(seat, words)

    def end_session(self, session: str, words: Refusal) -> list[Effect]:
        """End one session, admitted or about to be."""
        seat = self._seats.get(session)
        return [] if seat is None else self._end(seat, words)

    def narrow(self, grant: Grant) -> list[Effect]:
        """Replace a grant that shrank. Sessions in a database it no longer opens end."""
        effects: list[Effect] = []
        for seat in self.seats_of(grant.id):
            seat.grant = grant
            if seat.database not in grant.databases:
                denial = texts.database_withdrawn(grant, seat.database)
                effects += self._end(seat, texts.policy_narrowed(denial))
            elif seat.phase == "live":
                effects.append(Regrant(seat.session, grant, seat.database))
        return effects

    def forget(self, is_past: Callable[[float], bool], is_pending: Callable[[str], bool]) -> None:
        """Drop the memory of ended grants whose `expires_at` is past: the time alone refuses them now.

        Not of those that the store does not know as ended yet.
        """
        for over in (self._ended, self._used_up):
            past = [id for id, (_, expires_at) in over.items() if is_past(expires_at) and not is_pending(id)]
            for grant in past:
                del over[grant]

    def _end(self, seat: Seat, words: Refusal) -> list[Effect]:
        if seat.last_words is not None:
            return []
        seat.last_words = words
        seat.lending.cancel()
        was, seat.phase = seat.phase, "ending"
        return [Revoke(seat.session, words)] if was == "live" else []


def _whose(grant: Grant) -> _Whose:
    return grant.principal.issuer, grant.principal.key, grant.target


def _take_out(seats: dict[_Key, dict[str, Seat]], key: _Key, session: str) -> None:
    siblings = seats[key]
    del siblings[session]
    if not siblings:
        del seats[key]


def _denied(grant: Grant, words: Refusal) -> Denial:
    return Denial(
        fault="not_authorized",
        code="grant_over",
        message=words.message,
        detail=words.detail,
        hint=words.hint,
        internal=f"{grant.id}: {words.reason}",
    )
