"""Tells an operator what each policy says to an identity's request, with nothing hidden."""

import msgspec

from hoopwire.access.decide import Offer, decide
from hoopwire.access.match import called, denies, granted_databases, identity_mismatch, issuer_name, reach
from hoopwire.access.request import AccessRequest, parse_database
from hoopwire.model.denial import Denial
from hoopwire.model.identity import Evidence, GroupsSource, Identity, Principal
from hoopwire.model.settings import PolicySettings, Settings


class PolicyAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy had to say."""

    policy: str
    chosen: bool
    reason: str
    """Why it was chosen, or why not."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What `hoopwire check --as KEY --target TARGET` prints."""

    principal: str
    issuer: str
    groups: tuple[str, ...]
    groups_source: str
    target: str
    outcome: Offer | Denial
    policies: tuple[PolicyAccount, ...]
    """All, in the order of the file, which is the order of the decision."""


def explain(
    key: str,
    target: str,
    settings: Settings,
    now: float,
    *,
    groups: tuple[str, ...] | None = None,
    issuer: str | None = None,
) -> Explanation:
    """Decide for a made-up identity with a day-long token.

    `key` is `cid:0oa...` or `uid:00u...`, `target` as typed (`orders/analytics`). `groups` none means the
    issuer's static members. `issuer` is the name of an `[issuers.NAME]`; none works with one configured.
    ValueError, with words for the operator, if the key or the issuer cannot be made out.
    """
    name = _pick_issuer(issuer, settings)
    source = settings.issuers[name].groups
    if groups is None:
        groups = source.members.get(key, ()) if source.source == "static" else ()
    identity = _identity(key, settings.issuers[name].issuers[0], groups, source.source, now)
    return explain_identity(identity, target, settings, now)


def explain_identity(identity: Identity, target: str, settings: Settings, now: float) -> Explanation:
    """The same for the identity of a token, of a configured issuer."""
    target_name, database = parse_database(target, settings.targets)
    request = AccessRequest(target=target_name, database=database)
    outcome = decide(identity, request, settings, now, mint="implicit")
    chosen = outcome.policy if isinstance(outcome, Offer) else None
    if chosen is None and isinstance(outcome, Denial) and outcome.code == "policy_denies":
        found = reach(identity, target_name, settings.target(target_name), settings)
        known = settings.target(target_name)
        denying = found.denial(
            database if database is not None or known is None else known.parts[0],
            () if known is None else known.parts,
        )
        chosen = None if denying is None else denying.name
    return Explanation(
        principal=identity.principal.key,
        issuer=issuer_name(identity.principal, settings) or "",
        groups=identity.evidence.groups,
        groups_source=identity.evidence.groups_source,
        target=target,
        outcome=outcome,
        policies=tuple(_account(policy, identity, request, settings, chosen) for policy in settings.policies),
    )


def _account(
    policy: PolicySettings, identity: Identity, request: AccessRequest, settings: Settings, chosen: str | None
) -> PolicyAccount:
    reason = identity_mismatch(policy, identity, settings)
    if policy.name == chosen and policy.effect == "deny":
        reason = "it denies the target to the identity; nothing behind it is asked"
    elif policy.name == chosen:
        reason = "it speaks about the identity and covers the request; the first such policy wins"
    elif reason is None:
        reason = _target_mismatch(policy, request, settings) or (
            f"policy {chosen} came first" if chosen is not None else "it does not cover the request"
        )
    return PolicyAccount(policy=policy.name, chosen=policy.name == chosen, reason=reason)


def _target_mismatch(policy: PolicySettings, request: AccessRequest, settings: Settings) -> str | None:
    target = settings.target(request.target)
    if target is None:
        return "no such target is configured"
    if policy.effect == "deny":
        return (
            None
            if denies(policy, called(request.target, target))
            else f"it denies only: {', '.join(policy.targets)}"
        )
    databases = granted_databases(policy, request.target, target)
    asked = target.parts[0] if request.database is None else request.database
    if not databases:
        return f"it opens only: {', '.join(policy.targets)}"
    if asked not in databases:
        return f"of this target it opens only: {', '.join(databases)}"
    return None


def _pick_issuer(issuer: str | None, settings: Settings) -> str:
    names = list(settings.issuers)
    if issuer is None:
        if len(names) == 1:
            return names[0]
        raise ValueError(f"several issuers are configured, name one of: {', '.join(names)}")
    if issuer not in settings.issuers:
        raise ValueError(f"no issuer {issuer!r} is configured; there are: {', '.join(names)}")
    return issuer


def _identity(key: str, issuer: str, groups: tuple[str, ...], source: GroupsSource, now: float) -> Identity:
    kind, colon, id = key.partition(":")
    if kind not in ("cid", "uid") or not colon or not id:
        raise ValueError(f"{key!r} is no principal key; write cid:CLIENT_ID or uid:USER_ID")
    if kind == "cid":
        principal = Principal(issuer=issuer, kind="service", cid=id)
    else:
        principal = Principal(issuer=issuer, kind="user", cid="", uid=id)
    evidence = Evidence(
        jti="", kid="", iat=int(now), exp=int(now) + 24 * 3600, groups=groups, groups_source=source
    )
    return Identity(principal=principal, evidence=evidence)
