"""Decides a grant that follows an old one: by a new token, the same or narrower, never wider."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

from hoopwire.access.decide import Offer, decide
from hoopwire.access.denials import listed
from hoopwire.access.regrant import stricter_record, stricter_reuse
from hoopwire.access.request import AccessRequest, check_request, shown
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Identity
from hoopwire.model.language import LANGUAGES
from hoopwire.model.limits import stricter_limits
from hoopwire.model.postgres.obligations import stricter_budgets, stricter_masks
from hoopwire.model.settings import Settings

Network = IPv4Network | IPv6Network


def renew(
    grant: Grant, identity: Identity, request: AccessRequest, settings: Settings, now: float
) -> Offer | Denial:
    """Decide an explicit renewal. What the request leaves open is taken from the old grant."""
    refused = _refuse(grant, identity, request)
    if refused is not None:
        return refused
    request = msgspec.structs.replace(
        request,
        actions=grant.actions if request.actions is None else request.actions,
        task=request.task or grant.task,
        purpose=request.purpose or grant.purpose,
    )
    offer = decide(identity, request, settings, now, mint="explicit")
    if isinstance(offer, Denial):
        return offer
    databases = tuple(database for database in offer.databases if database in grant.databases)
    if not databases:
        return _widens(grant, "the policies of today open none of its databases")
    return msgspec.structs.replace(
        offer,
        databases=databases,
        database=offer.database if offer.database in databases else databases[0],
        token_reuse=stricter_reuse(offer.token_reuse, grant.token_reuse),
        max_sessions=min(offer.max_sessions, grant.max_sessions),
        record_results=stricter_record(offer.record_results, grant.record_results),
        deny=tuple(dict.fromkeys((*grant.deny, *offer.deny))),
        masks=stricter_masks(grant.masks, offer.masks),
        masks_must_match=grant.masks_must_match or offer.masks_must_match,
        budgets=stricter_budgets(grant.budgets, offer.budgets),
        limits=stricter_limits(grant.limits, offer.limits),
    )


def _refuse(grant: Grant, identity: Identity, request: AccessRequest) -> Denial | None:
    old, new = grant.principal, identity.principal
    if (old.issuer, old.key) != (new.issuer, new.key):
        # The same words as for a grant that does not exist: ids are not to be probed.
        return Denial(
            fault="not_authorized",
            code="grant_unknown",
            message="no such grant of yours",
            hint="Renew a grant with a token of the same identity.",
            internal=f"{new.key} tried to renew {grant.id} of {old.key}",
        )
    if identity.evidence.jti == grant.evidence.jti:
        return Denial(
            fault="not_authorized",
            code="token_reused",
            message=f"grant {grant.id} was made from this very token",
            hint="Get a fresh token from your issuer and renew with that.",
            internal="renewal with the same jti",
        )
    if grant.state == "revoked":
        return Denial(
            fault="not_authorized",
            code="grant_revoked",
            message=f"grant {grant.id} was revoked and cannot be renewed",
            hint="Ask for a new grant.",
            internal="renewal of a revoked grant",
        )
    if (without := _unbinds(grant, request)) is not None:
        return _widens(grant, without)
    if request.target != grant.target:
        return _widens(grant, f"it is for target {shown(grant.target)}")
    if request.database is not None and request.database not in grant.databases:
        return _widens(grant, f"it opens {listed(grant.databases)}")
    if request.actions is None:
        return None
    malformed = check_request(request, grant.protocol)
    if malformed is not None:
        return malformed
    beyond = LANGUAGES[grant.protocol].asked(request.actions).lacking(grant.actions)
    if beyond:
        return _widens(grant, f"{listed(beyond)} is not within its actions: {listed(grant.actions)}")
    return None


def _unbinds(grant: Grant, request: AccessRequest) -> str | None:
    """What of the old grant's binding the new one would leave out."""
    if grant.ssh is None:
        return None
    if request.ssh is None:
        return "it is opened by a key: send `ssh_public_key`"
    old = [ip_network(address) for address in grant.ssh.source_addresses]
    new = [ip_network(address) for address in request.ssh.source_addresses]
    if old and not (new and all(any(_is_within(one, known) for known in old) for one in new)):
        return f"it is good from {listed(grant.ssh.source_addresses)}"
    return None


def _is_within(one: Network, other: Network) -> bool:
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.subnet_of(other)
    return isinstance(one, IPv6Network) and isinstance(other, IPv6Network) and one.subnet_of(other)


def _widens(grant: Grant, why: str) -> Denial:
    return Denial(
        fault="not_authorized",
        code="renewal_widens",
        message=f"a renewal cannot widen grant {grant.id}",
        detail=f"{why[0].upper()}{why[1:]}.",
        hint="Ask for a new grant instead.",
        internal=why,
    )
