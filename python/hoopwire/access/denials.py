"""The words of each refusal by the policies: what is missing, what is there, and the next step.

A target that does not exist and one that is not granted get the same words: what the identity may not
reach, it does not learn about.
"""

from collections.abc import Iterable, Sequence

from hoopwire.access.match import Opening, called, database_name, denies_whole, open_to
from hoopwire.access.request import AccessRequest, printable, shown
from hoopwire.model.denial import Denial
from hoopwire.model.grant import Protocol
from hoopwire.model.identity import Identity
from hoopwire.model.settings import PolicySettings, Settings, TargetSettings

_LISTED = 20


def listed(names: Iterable[str], none: str = "none") -> str:
    """`a, b, c`, cut after 20 names."""
    all_names = list(names)
    if not all_names:
        return none
    rest = len(all_names) - _LISTED
    return ", ".join(all_names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def who(identity: Identity) -> str:
    """The identity in its own terms: key, and groups with where they came from."""
    evidence = identity.evidence
    groups = listed((shown(group) for group in evidence.groups), none="no groups")
    source = f"from {evidence.groups_source}"
    why = source if evidence.groups else printable(evidence.groups_lack) or source
    return f"{printable(identity.principal.key)} with {groups} ({why})"


def target_not_granted(request: AccessRequest, identity: Identity, settings: Settings) -> Denial:
    """No policy opens the target to this identity, or there is no such target: the same answer."""
    known = settings.target(request.target) is not None
    return Denial(
        fault="not_authorized",
        code="target_not_granted",
        message=f"target {shown(request.target)} is not granted to you",
        detail=f"No policy grants it to {who(identity)}.",
        hint=f"Open to you: {listed(open_to(identity, settings), none='nothing')}. "
        "For more, ask the gateway's operator to grant it to one of your groups.",
        internal=f"no policy matches; the target is {'configured' if known else 'unknown'}",
    )


def policy_denies(request: AccessRequest, policy: PolicySettings, target: TargetSettings | None) -> Denial:
    """A policy with effect = "deny" speaks about identity and target. What else is granted is not told."""
    asked = f"target {shown(request.target)}"
    if request.database is not None and not denies_whole(policy, called(request.target, target)):
        asked = f"database {shown(request.database)} of {asked}"
    return Denial(
        fault="not_authorized",
        code="policy_denies",
        message=f"{asked} is denied to you",
        detail=f"Reason: {policy.reason}." if policy.reason else "",
        hint="No other request for it helps: ask the gateway's operators.",
        internal=f"policy {policy.name} has effect = deny",
    )


def database_not_granted(
    request: AccessRequest, identity: Identity, name: str, target: TargetSettings, databases: Sequence[str]
) -> Denial:
    """The target is granted, this database (login) of it is not, or does not exist: the same answer."""
    part = "database" if target.protocol == "postgres" else "login"
    if request.database is None:
        asked = f"the first {part} of target {shown(name)}"
    else:
        asked = f"{part} {shown(request.database)} of target {shown(name)}"
    there = listed(database_name(name, target, database) for database in databases)
    return Denial(
        fault="not_authorized",
        code="database_not_granted" if part == "database" else "login_not_granted",
        message=f"{asked} is not granted to you",
        detail=f"Granted on this target to {who(identity)}: {there}.",
        hint=f"Connect with one of: {there}; or ask the gateway's operator for the other.",
        internal=f"policies open the target but not this {part}",
    )


def actions_not_granted(
    identity: Identity, name: str, missing: Sequence[str], policies: Sequence[PolicySettings]
) -> Denial:
    """The database is granted; no one policy gives all the actions asked for."""
    there = "; ".join(
        f"{listed(map(_action, policy.actions))} by policy {policy.name}" for policy in policies[:_LISTED]
    )
    return Denial(
        fault="not_granted",
        code="actions_not_granted",
        message=f"not granted to you on target {shown(name)}: {listed(shown(action) for action in missing)}",
        detail=f"Granted to {who(identity)}: {there}. One policy must cover a request whole.",
        hint="Ask for fewer actions, or ask the gateway's operator for a policy that has them.",
        internal=f"missing actions: {', '.join(missing)}",
    )


def _action(text: str) -> str:
    """An action within a list: exact ones have commas of their own."""
    return f'"{text}"' if " " in text else text


def ttl_not_granted(identity: Identity, name: str, ttl: float, policies: Sequence[PolicySettings]) -> Denial:
    """All is granted but the time asked for."""
    longest = max(policy.ttl for policy in policies)
    return Denial(
        fault="not_authorized",
        code="ttl_not_granted",
        message=f"{ttl:g} s on target {shown(name)} is longer than granted to you",
        detail=f"The longest granted to {who(identity)} for this request is {longest:g} s.",
        hint=f"Ask for {longest:g} s or less, and for a new grant when it is over.",
        internal=f"asked {ttl:g} s, at most {longest:g} s",
    )


def token_expires_too_soon(left_s: float, least_s: float) -> Denial:
    """A grant never outlives its token, and this token has too little left."""
    return Denial(
        fault="not_authorized",
        code="token_expires_too_soon",
        message="the access token is about to expire",
        detail=f"It has {max(left_s, 0):.0f} s left; a grant needs at least {least_s:g} s.",
        hint="Get a fresh token from your issuer and connect again.",
        internal=f"token has {left_s:.3f} s left",
    )


def other_protocol(name: str, protocol: Protocol) -> Denial:
    """The target is reached by another protocol than the client speaks. Told to whom it is granted only."""
    way = f"psql dbname={printable(name)}" if protocol == "postgres" else f"ssh {printable(name)}@GATEWAY"
    return Denial(
        fault="not_authorized",
        code="other_protocol",
        message=f"target {shown(name)} is not reached this way",
        detail=f"It speaks {protocol}.",
        hint=f"Connect with: {way}.",
        internal=f"the target speaks {protocol}",
    )


def union_of_databases(openings: Sequence[Opening], target: TargetSettings) -> list[str]:
    """Databases that any of the policies opens, in the target's order. For texts only."""
    opened = {database for opening in openings for database in opening.databases}
    return [database for database in target.parts if database in opened]
