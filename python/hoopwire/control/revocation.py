"""What ends grants and sessions from our side: operators, time, and policies that changed.

Rule: sessions are cut and the grant's end is remembered before the store is written, so that a store that
fails delays no cut.
"""

import logging

from hoopwire.access import regrant
from hoopwire.audit import AuditEvent, grant_event
from hoopwire.control import texts
from hoopwire.control.parts import Parts, audit_row
from hoopwire.model.grant import Denial, Grant
from hoopwire.store import StoreUnavailable

_log = logging.getLogger("hoopwire.revocation")
_CUT_GRACE_S = 2.0
"""The engine cuts at the deadline itself, with better words; after this long the sweep does it."""


async def revoke_grant(parts: Parts, id: str, *, by: str, reason: str) -> Grant | None:
    """End a grant and its sessions. The grant as it is then, or None if there is none of that id.

    StoreUnavailable: live sessions are cut all the same, and new ones refused as long as this process runs.
    """
    seated = next((grant for grant in parts.table.grants() if grant.id == id), None)
    if seated is not None:
        parts.perform(parts.table.end_grant(seated, texts.revoked(seated, by, reason)))
    grant = await parts.store.grant(id)
    if grant is None:
        return None
    parts.perform(parts.table.end_grant(grant, texts.revoked(grant, by, reason)))
    at = parts.clock.wall()
    event = grant_event("grant.revoked", at, grant, by=by, reason=reason)
    if await parts.store.end_grant(
        id, state="revoked", by=by, reason=reason, at=at, audit=[audit_row(event)]
    ):
        parts.trail.mirror(event)
    return await parts.store.grant(id)


def end_session(parts: Parts, session: str, *, by: str, reason: str) -> bool:
    """End one session; its grant lives on. False if there is none."""
    if parts.table.seat(session) is None:
        return False
    parts.perform(parts.table.end_session(session, texts.session_ended(by, reason)))
    return True


async def sweep(parts: Parts) -> None:
    """Write down grants whose time is over by either clock, and see that their sessions are gone."""
    now = parts.clock.wall()
    over = await parts.store.expire_grants(now)
    for id in parts.clock.overdue():
        # The wall clock may have been set back: the monotonic one decides.
        if await parts.store.end_grant(id, state="expired", by="time", reason="its time was over", at=now):
            grant = await parts.store.grant(id)
            over += [grant] if grant is not None else []
        parts.clock.forget(id)
    for grant in over:
        parts.trail.record(grant_event("grant.expired", now, grant, by="time"))
    for grant in parts.table.grants():
        if now >= grant.expires_at + _CUT_GRACE_S:
            parts.perform(parts.table.end_grant(grant, texts.expired(grant)))
    parts.table.forget(lambda expires_at: now > expires_at + 60)


async def redecide(parts: Parts) -> tuple[int, int]:
    """After a reload: every grant in use is decided again. How many grants were cut, how many narrowed."""
    cut = narrowed = 0
    for grant in parts.table.grants():
        now = parts.clock.wall()
        decided = regrant(grant, parts.current.settings, now)
        if isinstance(decided, Denial):
            parts.perform(parts.table.end_grant(grant, texts.policy_cut(grant, decided)))
            event = grant_event(
                "grant.revoked", now, grant, by="policy", code=decided.code, reason=decided.internal
            )
            await _end_by_policy(parts, grant, event)
            cut += 1
        elif decided != grant:
            parts.perform(parts.table.narrow(decided))
            event = grant_event("grant.narrowed", now, decided, by="policy")
            await _narrow(parts, decided, event)
            narrowed += 1
    return cut, narrowed


async def _end_by_policy(parts: Parts, grant: Grant, event: AuditEvent) -> None:
    try:
        # A grant that is used up has ended already, whatever of its sessions was still there.
        if await parts.store.end_grant(
            grant.id, state="revoked", by="policy", reason=event.reason, at=event.at, audit=[audit_row(event)]
        ):
            parts.trail.mirror(event)
    except StoreUnavailable as error:
        _log.error("grant %s was cut but not written as revoked: %s", grant.id, error)
        parts.trail.record(event)


async def _narrow(parts: Parts, grant: Grant, event: AuditEvent) -> None:
    try:
        if await parts.store.narrow_grant(grant, audit=[audit_row(event)]):
            parts.trail.mirror(event)
    except StoreUnavailable as error:
        _log.error("grant %s was narrowed but not written so: %s", grant.id, error)
        parts.trail.record(event)
