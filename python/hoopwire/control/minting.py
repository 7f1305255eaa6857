"""Turns a credential into a grant: an access token buys one, a grant secret opens one that was bought.

Logins and the public API both come through here; a token buys a grant nowhere else.
"""

from collections.abc import Callable
from typing import Literal

from hoopwire.access import AccessRequest, Offer, decide, is_long, renew
from hoopwire.audit import grant_event
from hoopwire.control import texts
from hoopwire.control.certifying import allowed_of
from hoopwire.control.keeping import audit_row
from hoopwire.control.locking import check_lock
from hoopwire.control.parts import Denied, Parts
from hoopwire.identity import CertificateRefused, TokenRefused, verify_certificate
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant, Mint
from hoopwire.model.identity import Identity
from hoopwire.store import (
    Joined,
    Minted,
    SecretMalformed,
    Spent,
    StoreUnavailable,
    mint_secret,
    secret_grant,
    ulid,
)

Channel = Literal["native", "http", "ssh"]
SECRET_PREFIX = "hw1_"  # noqa: S105 - how a secret starts, not one


async def verified(parts: Parts, token: str, *, channel: Channel) -> Identity:
    """Whose token it is. Raises Denied, with what its signature vouches for."""
    try:
        return await parts.current.verifier.verify(token, channel=channel)
    except TokenRefused as refused:
        denial = texts.token_refused(refused.code, str(refused), refused.hint, refused.internal)
        raise Denied(denial, vouched=refused.vouched) from None


async def redeem_token(
    parts: Parts,
    token: str,
    request: AccessRequest,
    *,
    mint: Mint,
    channel: Channel,
    peer: str,
    session: str = "",
    renews: str | None = None,
    check: Callable[[Identity], Denial | None] = lambda identity: None,
) -> tuple[Grant, str]:
    """Spend a token: the grant it buys (or, implicitly, bought before) and, if minted explicitly, its secret.

    There is no secret if the request names a key: a certificate over that opens the grant.

    `renews` is the id of an earlier grant of the same principal that the new one may not be wider than.
    `check` is what else the identity must be. Raises Denied.
    """
    identity = await verified(parts, token, channel=channel)
    if (objection := check(identity)) is not None:
        raise Denied(objection, identity=identity)
    check_lock(parts, identity.principal, identity=identity)
    now, current = parts.clock.wall(), parts.current
    old = None if renews is None else await _renewed(parts, renews, identity)

    def decided() -> Offer | Denial:
        if old is None:
            return decide(identity, request, current.settings, now, mint=mint)
        return renew(old, identity, request, current.settings, now)

    is_quick = request.actions is None and not current.is_long and (old is None or not is_long(old))
    offer = decided() if is_quick else await parts.think(decided)
    if not isinstance(offer, Offer):
        raise Denied(offer, identity=identity)
    if (end := parts.keeping.bought_by(identity.principal.issuer, identity.evidence.jti)) is not None:
        # The store takes the grant for one that lives, and might join it or sell another.
        raise Denied(texts.token_ended(end), identity=identity)
    grant = offer.grant("g_" + ulid(now))
    # Never two credentials for one grant: what a key opens, no secret does.
    secret = mint_secret(grant.id) if mint == "explicit" and grant.ssh is None else ""
    event = parts.trail.named(
        grant_event("grant.minted", now, grant, peer=peer, session=session, channel=channel)
    )
    try:
        async with parts.redeeming:
            redeemed = await parts.store.redeem(
                grant,
                now=now,
                secret_hash=parts.hasher.hash(secret) if secret else None,
                audit=[audit_row(event)],
            )
    except StoreUnavailable as error:
        raise Denied(texts.store_unavailable(str(error)), identity=identity) from None
    match redeemed:
        case Minted(grant):
            if session and grant.token_reuse == "once":  # noqa: S105 - a mode, not a secret
                parts.unstarted.minted(grant.id, session, grant.expires_at)
            parts.clock.deadline_ns(grant)
            parts.trail.mirror(event)
            # The lock may have come while the store was asked.
            check_lock(parts, identity.principal, identity=identity, grant=grant)
            return grant, secret
        case Joined(grant):
            grant = parts.keeping.overlay(grant)
            if grant.state != "active" or parts.clock.is_over(grant):
                raise Denied(texts.token_spent(grant, "ended"), identity=identity, grant=grant)
            return grant, ""
        case Spent(grant, why):
            if why == "once" and _may_try_again(parts, grant, offer, session):
                return parts.keeping.overlay(grant), ""
            raise Denied(texts.token_spent(grant, why), identity=identity, grant=grant)


async def redeem_certificate(parts: Parts, line: str, *, user_name: str, peer: str) -> Grant:
    """The grant that a certificate opens, marked active; its time is for the caller to look at. Denied.

    Whoever comes with it has proved to hold its key. `user_name` is without a task.
    """
    settings = parts.current.settings.ssh
    try:
        proved = verify_certificate(
            line,
            user_name=user_name,
            peer=peer,
            now=parts.clock.wall(),
            authorities=() if parts.keyring is None else parts.keyring.agents_trusted,
            revoked=() if settings is None else settings.revoked_keys,
        )
    except CertificateRefused as refused:
        denial = texts.certificate_refused(refused.code, str(refused), refused.hint, refused.internal)
        raise Denied(denial) from None
    try:
        async with parts.redeeming:
            grant = await parts.store.grant(proved.grant)
    except StoreUnavailable as error:
        raise Denied(texts.store_unavailable(str(error))) from None
    if grant is None:
        raise Denied(texts.certificate_unbound(f"no grant {proved.grant}"))
    if grant.ssh is None or (grant.ssh.key, grant.ssh.authority) != (proved.key, proved.authority):
        raise Denied(texts.certificate_unbound(f"{proved.grant} is not bound to {proved.key}"))
    grant = parts.keeping.overlay(grant)
    check_lock(parts, grant.principal, grant=grant)
    if grant.state != "active":
        raise Denied(texts.grant_over(grant), grant=grant)
    await parts.prepare(grant)
    if proved.command not in (None, allowed_of(parts, grant).command):
        raise Denied(texts.certificate_unbound("its force-command is not the grant's"), grant=grant)
    return grant


def _may_try_again(parts: Parts, grant: Grant, offer: Offer, session: str) -> bool:
    """The one connection that the token buys never came about, and this would be it."""
    same = (grant.target, grant.principal.key) == (offer.target, offer.principal.key)
    now = parts.keeping.overlay(grant)
    if not session or not same or now.state != "active" or parts.clock.is_over(now):
        return False
    return parts.unstarted.claim(grant.id, session)


async def _renewed(parts: Parts, id: str, identity: Identity) -> Grant:
    """The grant to be renewed; whose it is, `renew` looks at. Raises Denied."""
    try:
        grant = await parts.store.grant(id)
    except StoreUnavailable as error:
        raise Denied(texts.store_unavailable(str(error)), identity=identity) from None
    if grant is None:
        raise Denied(texts.grant_unknown(), identity=identity)
    return parts.keeping.overlay(grant)


async def redeem_secret(parts: Parts, secret: str) -> Grant:
    """The grant that a secret opens, marked active; its time is for the caller to look at. Raises Denied.

    Only a secret that is known is told about its grant: the id inside it proves nothing.
    """
    try:
        secret_grant(secret)
        async with parts.redeeming:
            grant = await parts.store.grant_by_secret(parts.hasher.hash(secret))
    except SecretMalformed as error:
        raise Denied(texts.secret_malformed(str(error))) from None
    except StoreUnavailable as error:
        raise Denied(texts.store_unavailable(str(error))) from None
    if grant is None:
        raise Denied(texts.secret_unknown())
    grant = parts.keeping.overlay(grant)
    check_lock(parts, grant.principal, grant=grant)
    if grant.state != "active":
        raise Denied(texts.grant_over(grant), grant=grant)
    return grant
