"""Ends grants and sessions from our side: for operators, when time is over, after policies changed.

Rule: all cuts come first, at once and in memory; then what was cut is kept (`control/keeping.py`), and only
then is it said. A store that fails or waits delays no cut, and forgets none.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from hoopwire.access import regrant
from hoopwire.audit import AuditEvent, grant_event
from hoopwire.control import texts
from hoopwire.control.locking import lift_what_is_over
from hoopwire.control.parts import Parts
from hoopwire.control.sessions import Seat
from hoopwire.control.turns import Turn
from hoopwire.model.api import Where
from hoopwire.model.commands import Refusal
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant, GrantState
from hoopwire.store import GrantEnded, GrantNarrowed, StoreUnavailable

_log = logging.getLogger("hoopwire.revocation")
_CUT_GRACE_S = 2.0
"""The engine cuts at the deadline itself, with better words; after this long the sweep does it."""
_GONE_S = 10.0
"""How long an operator's command waits for the sessions that it ended."""
_LONGEST_TTL_S = 3600.0
_GRANT_ID = re.compile(r"g_[0-9A-HJKMNP-TV-Z]{26}")


@dataclass
class Revoked:
    """What became of one grant that was to be revoked."""

    id: str
    grant: Grant | None = None
    """As it is now; none if there is none of that id, or the store could not say."""
    is_known: bool = True
    seats: list[Seat] = field(default_factory=list)
    """Sessions that were there, admitted or about to be."""
    where: Where = "store"
    """Where its end is kept."""


async def revoke_grants(parts: Parts, ids: Sequence[str], *, by: str, reason: str) -> list[Revoked]:
    """End grants and their sessions. Never fails for the store: what it does not know yet is pending."""
    answers = [Revoked(id) for id in dict.fromkeys(ids)]
    for answer in answers:
        answer.seats = parts.table.seats_of(answer.id)
        if answer.seats:
            answer.grant = answer.seats[0].grant
            _revoke(parts, answer.grant, by, reason)
    for answer in answers:
        if not _GRANT_ID.fullmatch(answer.id):
            answer.is_known = bool(answer.seats)
            continue
        try:
            stored = await parts.store.grant(answer.id)
        except StoreUnavailable as error:
            _log.error("grant %s cannot be looked up, it is revoked all the same: %s", answer.id, error)
            if answer.grant is None:
                _revoke_unseen(parts, answer.id, by, reason)
            continue
        if stored is None:
            answer.is_known = answer.grant is not None
        else:
            answer.grant = stored
            # Also what has ended already: its sessions may live on, those of a grant that is used up do.
            seats = (*answer.seats, *parts.table.seats_of(stored.id))
            answer.seats = list({seat.session: seat for seat in seats}.values())
            _revoke(parts, stored, by, reason)
    await parts.keeping.keep()
    for answer in answers:
        answer.where = parts.keeping.where(("end", answer.id))
        answer.grant = await _as_it_is(parts, answer)
    return answers


async def revoke_grant(parts: Parts, id: str, *, by: str, reason: str) -> Grant | None:
    """End one grant and its sessions. The grant as it is then, or None if there is none of that id."""
    [answer] = await revoke_grants(parts, [id], by=by, reason=reason)
    return answer.grant


async def _as_it_is(parts: Parts, answer: Revoked) -> Grant | None:
    try:
        stored = await parts.store.grant(answer.id) if answer.is_known else None
    except StoreUnavailable:
        stored = answer.grant
    return None if stored is None else parts.keeping.overlay(stored)


def _revoke(parts: Parts, grant: Grant, by: str, reason: str) -> None:
    at = parts.clock.wall()
    event = grant_event("grant.revoked", at, grant, by=by, reason=reason)
    _end(parts, grant, "revoked", texts.revoked(grant.id, by, reason), event)


def _revoke_unseen(parts: Parts, id: str, by: str, reason: str) -> None:
    """Neither the table nor the store can say whose it is, or whether it is: nobody gets in by it."""
    at = parts.clock.wall()
    until = at + _LONGEST_TTL_S
    parts.perform(parts.table.end_grant(id, until, texts.revoked(id, by, reason)))
    change = GrantEnded(id=id, state="revoked", by=by, reason=reason, at=at, expires_at=until)
    parts.keeping.add(change, AuditEvent(kind="grant.revoked", at=at, grant=id, by=by, reason=reason))


def _end(parts: Parts, grant: Grant, state: GrantState, words: Refusal, event: AuditEvent) -> None:
    """End a grant in memory, and have that kept unless it is known to have ended already."""
    was_over = grant.state != "active" or parts.table.is_over(grant.id)
    parts.perform(parts.table.end_grant(grant.id, grant.expires_at, words))
    if not was_over:
        parts.keeping.add(grant_ended(grant, state, event), event)


def grant_ended(grant: Grant, state: GrantState, event: AuditEvent) -> GrantEnded:
    """The end that an event tells of, to be kept."""
    return GrantEnded(
        id=grant.id,
        state=state,
        by=event.by,
        reason=event.reason,
        at=event.at,
        expires_at=grant.expires_at,
        issuer=grant.principal.issuer,
        jti=grant.evidence.jti,
    )


def end_sessions(parts: Parts, sessions: Sequence[str], *, by: str, reason: str) -> list[Seat]:
    """End sessions; their grants live on. Those that were there."""
    found = [seat for id in dict.fromkeys(sessions) if (seat := parts.table.seat(id)) is not None]
    for seat in found:
        parts.perform(parts.table.end_session(seat.session, texts.session_ended(by, reason)))
    return found


async def still_there(seats: Sequence[Seat], *, limit_s: float = _GONE_S) -> list[str]:
    """Wait for sessions that were told to end. Those that have not after `limit_s`."""
    with trio.move_on_after(limit_s):
        for seat in seats:
            await seat.gone.wait()
    return [seat.session for seat in seats if not seat.gone.is_set()]


def cut_overdue(parts: Parts) -> None:
    """See that sessions of grants whose time is over are gone, and lift locks whose time is over."""
    now = parts.clock.wall()
    for grant in parts.table.grants():
        if now >= grant.expires_at + _CUT_GRACE_S:
            parts.perform(parts.table.end_grant(grant.id, grant.expires_at, texts.expired(grant)))
    parts.unstarted.forget(lambda expires_at: now > expires_at)
    parts.table.forget(lambda expires_at: now > expires_at + 60, parts.keeping.is_pending)
    lift_what_is_over(parts)


async def sweep(parts: Parts) -> None:
    """Cut what is overdue, and write down grants whose time is over by either clock. StoreUnavailable."""
    cut_overdue(parts)
    now = parts.clock.wall()
    # What was revoked is not to become expired in the store: after that, but not after this, a token may buy
    # again.
    pending = {end.id for end in parts.keeping.ends()}
    over = await parts.store.expire_grants(now, but=pending)
    for id in parts.clock.overdue():
        # The wall clock may have been set back: the monotonic one decides.
        change = GrantEnded(
            id=id, state="expired", by="time", reason="its time was over", at=now, expires_at=now
        )
        if id not in pending and await parts.store.apply(change):
            grant = await parts.store.grant(id)
            over += [grant] if grant is not None else []
        parts.clock.forget(id)
    for grant in over:
        parts.trail.record(grant_event("grant.expired", now, grant, by="time"))


async def redecide(parts: Parts) -> tuple[int, int]:
    """After a reload: every grant in use is decided again. How many grants were cut, how many narrowed."""
    cut = narrowed = 0
    turn = Turn()
    for grant in parts.table.grants():
        await turn.rest()
        now = parts.clock.wall()
        decided = _decided(parts, grant, now)
        if isinstance(decided, Denial):
            event = grant_event(
                "grant.revoked", now, grant, by="policy", code=decided.code, reason=decided.internal
            )
            _end(parts, grant, "revoked", texts.policy_cut(grant, decided), event)
            cut += 1
        elif decided != grant:
            parts.perform(parts.table.narrow(decided))
            if not parts.table.is_over(grant.id):
                event = grant_event("grant.narrowed", now, decided, by="policy")
                parts.keeping.add(GrantNarrowed(grant=decided), event)
            narrowed += 1
    await parts.keeping.keep()
    return cut, narrowed


def _decided(parts: Parts, grant: Grant, now: float) -> Grant | Denial:
    try:
        return regrant(grant, parts.current.settings, now)
    except Exception as error:  # a bug over one grant must not leave the others as they were, nor that one
        _log.exception("grant %s could not be decided again", grant.id)
        return texts.admission_failed(type(error).__name__)
