"""Tells who holds a credential what it gives. Nothing is bought by it, and no token is used up."""

from hoopwire.access.opened import opened
from hoopwire.control import texts
from hoopwire.control.locking import check_lock
from hoopwire.control.minting import SECRET_PREFIX, redeem_secret, verified
from hoopwire.control.parts import Denied, Parts
from hoopwire.model.api import GrantView, grant_view
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Evidence, Principal
from hoopwire.model.me import IdentityView, MeView
from hoopwire.store import StoreUnavailable

_MOST_GRANTS = 100


async def whoami(parts: Parts, credential: str) -> MeView:
    """Of an access token: the identity, its live grants, its policies. Of a grant's secret: that grant.

    Raises Denied, with the words that a login with the same credential would hear.
    """
    contact = parts.current.settings.gateway.contact
    if credential.startswith(SECRET_PREFIX):
        grant = await redeem_secret(parts, credential)
        if parts.clock.is_over(grant):
            raise Denied(texts.grant_over(grant), grant=grant)
        who = _identity(grant.principal, grant.evidence)
        return MeView(identity=who, grants=_views(parts, [grant]), policies=(), contact=contact)
    identity = await verified(parts, credential, channel="http")
    check_lock(parts, identity.principal, identity=identity)
    principal, settings = identity.principal, parts.current.settings
    try:
        async with parts.redeeming:
            grants = await parts.store.grants(
                state="active", limit=_MOST_GRANTS, of=(principal.issuer, principal.key)
            )
    except StoreUnavailable as error:
        raise Denied(texts.store_unavailable(str(error)), identity=identity) from None
    policies = await parts.think(lambda: opened(identity, settings))
    return MeView(
        identity=_identity(principal, identity.evidence),
        grants=_views(parts, grants),
        policies=policies,
        contact=contact,
    )


def _views(parts: Parts, grants: list[Grant]) -> tuple[GrantView, ...]:
    now = map(parts.keeping.overlay, grants)
    live = (grant for grant in now if grant.state == "active" and not parts.clock.is_over(grant))
    return tuple(grant_view(grant, grant.used, pending=parts.keeping.is_pending(grant.id)) for grant in live)


def _identity(principal: Principal, evidence: Evidence) -> IdentityView:
    return IdentityView(
        issuer=principal.issuer,
        principal=principal.key,
        name=principal.name,
        kind=principal.kind,
        groups=evidence.groups,
        expires_at=evidence.exp,
    )
