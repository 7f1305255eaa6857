"""Decides a live grant again under new settings: it stays, shrinks or ends, and never grows."""

import msgspec

from hoopwire.access.decide import policy_hash, upstream_user
from hoopwire.access.match import Opening, issuer_name, named_by, reach
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Grant, RecordResults, TokenReuse
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.language import LANGUAGES
from hoopwire.model.limits import policy_limits, stricter_limits
from hoopwire.model.postgres.obligations import policy_budgets, policy_masks, stricter_budgets, stricter_masks
from hoopwire.model.settings import IssuerSettings, PostgresTarget, Settings, TargetSettings

_REUSE: tuple[TokenReuse, ...] = ("once", "window", "until_exp")
_RECORD: tuple[RecordResults, ...] = ("full", "digest")


def regrant(grant: Grant, settings: Settings, now: float) -> Grant | Denial:
    """The grant as the settings allow it now: the same, narrower, or a Denial that ends its sessions.

    An action that the policy no longer covers is dropped whole. Denies and masks add up; of budgets and
    limits the smaller counts.
    The policy that made the grant is looked at first, then the others in file order. The first that still
    covers the grant whole is taken; if none does, the first that leaves something of it.
    """
    identity = current_identity(grant, settings)
    if isinstance(identity, Denial):
        return identity
    target = settings.target(grant.target)
    if target is None:
        return _ended(grant, "target_removed", "its target was removed from the configuration")
    if target.protocol != grant.protocol:
        return _ended(grant, "target_changed", "its target now speaks another protocol")
    if upstream_user(target) != grant.upstream_user:
        return _ended(grant, "target_changed", "its target now uses another upstream user")
    if isinstance(target, PostgresTarget) and target.search_path != grant.search_path:
        # Its sessions were pinned to the old one: names would mean one thing here and another there.
        return _ended(grant, "target_changed", "its target now has another search_path")
    if revoked := _revoked_key(grant, settings):
        return _ended(grant, "key_revoked", f"the key {revoked} was revoked")
    found = reach(identity, grant.target, target, settings)
    narrowed = [
        candidate
        for opening in sorted(found.openings, key=lambda opening: opening.policy.name != grant.policy)
        if (candidate := narrow(grant, identity, opening, target)) is not None and candidate.expires_at > now
    ]
    if not narrowed and any(found.denial(database, target.parts) for database in grant.databases):
        return _denied(grant)
    if not narrowed:
        return _ended(grant, "grant_not_covered", "no policy covers it any more")
    return next((candidate for candidate in narrowed if _is_whole(candidate, grant)), narrowed[0])


def _revoked_key(grant: Grant, settings: Settings) -> str | None:
    """The key of its certificate, or of the CA that signed it, if either is revoked now."""
    if grant.ssh is None or settings.ssh is None:
        return None
    names = (grant.ssh.key, grant.ssh.authority)
    return next((name for name in names if name in settings.ssh.revoked_keys), None)


def narrow(grant: Grant, identity: Identity, opening: Opening, target: TargetSettings) -> Grant | None:
    """What of the grant the policy covers, or none. Every limit is the stricter of the two."""
    policy = opening.policy
    databases = tuple(database for database in grant.databases if database in opening.databases)
    language = LANGUAGES[target.protocol]
    actions = language.covered(policy.actions, grant.actions)
    if not databases or not actions:
        return None
    return msgspec.structs.replace(
        grant,
        evidence=identity.evidence,
        databases=databases,
        actions=actions,
        deny=tuple(dict.fromkeys((*grant.deny, *language.canonical_deny(policy.deny)))),
        masks=stricter_masks(grant.masks, policy_masks(policy)),
        masks_must_match=grant.masks_must_match or policy.masks_must_match,
        budgets=stricter_budgets(grant.budgets, policy_budgets(policy.budgets)),
        limits=stricter_limits(grant.limits, policy_limits(policy.limits)),
        policy=policy.name,
        policy_hash=policy_hash(policy, grant.target, target),
        matched=named_by(policy, identity),
        token_reuse=stricter_reuse(grant.token_reuse, policy.token_reuse),
        max_sessions=min(grant.max_sessions, policy.max_sessions),
        record_results=stricter_record(grant.record_results, policy.record),
        expires_at=min(grant.expires_at, grant.minted_at + policy.ttl),
    )


def stricter_reuse(one: TokenReuse, other: TokenReuse) -> TokenReuse:
    """Of two reuse modes the one that allows less."""
    return min(one, other, key=_REUSE.index)


def stricter_record(one: RecordResults, other: RecordResults) -> RecordResults:
    """Of two recording obligations the one that asks for more."""
    return min(one, other, key=_RECORD.index)


def current_identity(grant: Grant, settings: Settings) -> Identity | Denial:
    """The grant's identity as the settings see it now: static and scope groups are read again."""
    name = issuer_name(grant.principal, settings)
    if name is None:
        return _ended(grant, "issuer_removed", "its issuer was removed from the configuration")
    issuer = settings.issuers[name]
    if issuer.required_scope and issuer.required_scope not in grant.evidence.scopes:
        return _ended(grant, "scope_required", "its token lacks a scope that is required now")
    if issuer.groups.source == "claim" and grant.evidence.groups_source != "claim":
        # The claim was not read when the token was there to read it from.
        return _ended(grant, "groups_source_changed", "groups now come from another source")
    evidence = msgspec.structs.replace(
        grant.evidence,
        groups=groups_now(grant.principal, grant.evidence, issuer),
        groups_source=issuer.groups.source,
    )
    return Identity(principal=grant.principal, evidence=evidence)


def groups_now(principal: Principal, evidence: Evidence, issuer: IssuerSettings) -> tuple[str, ...]:
    """Groups by the issuer's present source, as far as they follow from settings and evidence alone."""
    settings = issuer.groups
    if settings.source == "static":
        return settings.members.get(principal.key, ())
    if settings.source == "scopes":
        prefix = settings.scope_prefix
        named = (scope[len(prefix) :] for scope in evidence.scopes if scope.startswith(prefix))
        return tuple(dict.fromkeys(group for group in named if group))
    return evidence.groups


def _is_whole(candidate: Grant, grant: Grant) -> bool:
    same = (
        "databases",
        "actions",
        "deny",
        "masks",
        "masks_must_match",
        "budgets",
        "limits",
        "expires_at",
        "max_sessions",
    )
    return all(getattr(candidate, name) == getattr(grant, name) for name in same)


def _denied(grant: Grant) -> Denial:
    return Denial(
        fault="not_authorized",
        code="policy_denies",
        message=f"grant {grant.id} was withdrawn: a policy denies its target to you",
        hint="No other request helps: ask the gateway's operators.",
        internal="a policy with effect = deny stands before those that cover it",
    )


def _ended(grant: Grant, code: str, why: str) -> Denial:
    return Denial(
        fault="not_authorized",
        code=code,
        message=f"grant {grant.id} was withdrawn: {why}",
        hint="Connect again with a fresh token to be decided by the present policies.",
        internal=why,
    )
