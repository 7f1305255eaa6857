"""Finds the policies that name an identity and a target. Pure; every function is total."""

from dataclasses import dataclass

from hoopwire.model.grant import Protocol
from hoopwire.model.identity import Identity, Principal
from hoopwire.model.settings import PolicySettings, Settings, TargetSettings
from hoopwire.model.ssh.hosts import HostTarget


def issuer_name(principal: Principal, settings: Settings) -> str | None:
    """Name of the configured issuer that vouches for the principal; none if it is configured no more."""
    for name, issuer in settings.issuers.items():
        if principal.issuer in issuer.issuers:
            return name
    return None


def identity_mismatch(policy: PolicySettings, identity: Identity, settings: Settings) -> str | None:
    """Why the policy does not speak about this identity, or none if it does.

    A policy speaks about an identity if the issuer fits (or the policy names none), so does its kind, and
    either the principal is named or one of its groups is.
    """
    issuer = issuer_name(identity.principal, settings)
    if issuer is None:
        return "the identity's issuer is not configured"
    if policy.issuer is not None and policy.issuer != issuer:
        return f"it is for issuer {policy.issuer}, the identity comes from {issuer}"
    is_person = identity.principal.kind == "user"
    if policy.who != "anyone" and is_person != (policy.who == "person"):
        return f"it is for {'people' if policy.who == 'person' else 'agents'} only"
    if identity.principal.key in policy.principals:
        return None
    if policy.effect == "deny":
        # A client is shut out also where a user comes through it, or it acts for one; in any spelling.
        keys = {key.casefold() for key in policy.principals}
        if not keys.isdisjoint(identity.principal.keys):
            return None
    if any(group in policy.groups for group in identity.evidence.groups):
        return None
    wanted = [*(f"group {group}" for group in policy.groups), *policy.principals]
    return f"it wants one of: {', '.join(wanted)}"


def named_by(policy: PolicySettings, identity: Identity) -> tuple[str, ...]:
    """What of the identity the policy names: `cid:0oa1`, `group analysts`."""
    key, groups = identity.principal.key, identity.evidence.groups
    named = (key,) if key in policy.principals else ()
    return (*named, *(f"group {group}" for group in policy.groups if group in groups))


@dataclass(frozen=True)
class Opening:
    """What an allowing policy opens of a target: what a deny further up in the file has not taken."""

    policy: PolicySettings
    databases: tuple[str, ...]
    """In the target's order; never empty."""


@dataclass(frozen=True)
class Reach:
    """How an identity stands to a target, policy by policy in the order of the file."""

    openings: tuple[Opening, ...]
    denied: tuple[tuple[PolicySettings, frozenset[str] | None], ...]
    """Each deny with the databases that it refuses; none: all there are, and any other name."""

    def denial(self, asked: str | None, databases: tuple[str, ...]) -> PolicySettings | None:
        """The first deny that refuses database `asked` of the target's; none: any of them would have done."""
        gone: set[str] = set()
        for policy, names in self.denied:
            if names is None or asked in names:
                return policy
            gone |= names
            if asked is None and gone.issuperset(databases):
                return policy
        return None


def spoken(policy: PolicySettings, settings: Settings) -> Protocol:
    """What an allowing policy's targets speak: all the same, since its actions are words of one language."""
    names = (pattern.partition("/")[0] for pattern in policy.targets)
    named = (settings.targets.get(name) or settings.target(name) for name in names)
    return next((target.protocol for target in named if target is not None), "postgres")


def called(name: str, target: TargetSettings | None) -> tuple[str, ...]:
    """What a policy may call the target: its name, and that of the block that it is a host of."""
    return (name, target.block) if isinstance(target, HostTarget) else (name,)


def speaking(identity: Identity, settings: Settings) -> tuple[PolicySettings, ...]:
    """The policies that speak about the identity, in the order of the file."""
    return tuple(
        policy for policy in settings.policies if identity_mismatch(policy, identity, settings) is None
    )


def reach(identity: Identity, name: str, target: TargetSettings | None, settings: Settings) -> Reach:
    """The policies that speak about the identity and target `name` (None: there is no such target)."""
    return _reach(speaking(identity, settings), name, target)


def _reach(policies: tuple[PolicySettings, ...], name: str, target: TargetSettings | None) -> Reach:
    openings: list[Opening] = []
    denied: list[tuple[PolicySettings, frozenset[str] | None]] = []
    gone: frozenset[str] | None = frozenset()
    for policy in policies:
        if policy.effect == "deny":
            names = _denied_databases(policy, called(name, target))
            if names is None or names:
                denied.append((policy, names))
                gone = None if names is None or gone is None else gone | names
        elif target is not None and gone is not None:
            databases = granted_databases(policy, name, target)
            if left := tuple(database for database in databases if database not in gone):
                openings.append(Opening(policy, left))
    return Reach(tuple(openings), tuple(denied))


def denies(policy: PolicySettings, names: tuple[str, ...]) -> bool:
    """A policy with effect = "deny" refuses something of the target that is `called` so."""
    return _denied_databases(policy, names) != frozenset()


def denies_whole(policy: PolicySettings, names: tuple[str, ...]) -> bool:
    """A policy with effect = "deny" refuses all of the target `called` so, not some of its databases."""
    return _denied_databases(policy, names) is None


def _denied_databases(policy: PolicySettings, names: tuple[str, ...]) -> frozenset[str] | None:
    """Databases of the target that a deny refuses; none: all. The bare name means all here: who shuts out
    a target does not mean to leave its other databases open."""
    found: set[str] = set()
    for pattern in policy.targets:
        pattern_target, _, database = pattern.partition("/")
        if pattern == "*" or (pattern_target in names and database in ("", "*")):
            return None
        if pattern_target in names:
            found.add(database)
    return frozenset(found)


def granted_databases(policy: PolicySettings, name: str, target: TargetSettings) -> tuple[str, ...]:
    """Databases of target `name` that the policy opens, in the target's order; empty if it opens none.

    Whatever other policies deny: `reach` looks at that.
    """
    if policy.effect == "deny":
        return ()
    opened: set[str] = set()
    names = called(name, target)
    for pattern in policy.targets:
        pattern_target, slash, database = pattern.partition("/")
        if pattern_target not in names:
            continue
        if not slash:
            opened.update(target.parts[:1])
        elif database == "*":
            opened.update(target.parts)
        else:
            opened.add(database)
    return tuple(database for database in target.parts if database in opened)


def open_to(identity: Identity, settings: Settings) -> tuple[str, ...]:
    """All that the identity could open, as one types it: `orders`, `orders/analytics`."""
    names: list[str] = []
    policies = speaking(identity, settings)
    for name, target in all_targets(policies, settings).items():
        opened: set[str] = set()
        for opening in _reach(policies, name, target).openings:
            opened.update(opening.databases)
        names.extend(database_name(name, target, database) for database in target.parts if database in opened)
    return tuple(names)


def all_targets(policies: tuple[PolicySettings, ...], settings: Settings) -> dict[str, TargetSettings]:
    """Those of the file, a block as one, and the hosts of blocks that policies name."""
    targets = dict(settings.targets)
    for policy in policies:
        for name in (pattern.partition("/")[0] for pattern in policy.targets):
            if name not in targets and (host := settings.target(name)) is not None:
                targets[name] = host
    return targets


def database_name(name: str, target: TargetSettings, database: str) -> str:
    """A database as one types it for `dbname`: the target's first needs no slash."""
    return name if database == target.parts[0] else f"{name}/{database}"
