"""Which policies speak about an identity and a target. Pure; every function is total."""

from hoopwire.model.identity import Identity, Principal
from hoopwire.model.settings import PolicySettings, Settings, TargetSettings


def issuer_name(principal: Principal, settings: Settings) -> str | None:
    """Name of the configured issuer that vouches for the principal; none if it is configured no more."""
    for name, issuer in settings.issuers.items():
        if principal.issuer in issuer.issuers:
            return name
    return None


def identity_mismatch(policy: PolicySettings, identity: Identity, settings: Settings) -> str | None:
    """Why the policy does not speak about this identity, or none if it does.

    A policy speaks about an identity if the issuer fits (or the policy names none) and either the principal
    is named or one of its groups is.
    """
    issuer = issuer_name(identity.principal, settings)
    if issuer is None:
        return "the identity's issuer is not configured"
    if policy.issuer is not None and policy.issuer != issuer:
        return f"it is for issuer {policy.issuer}, the identity comes from {issuer}"
    if identity.principal.key in policy.principals:
        return None
    if any(group in policy.groups for group in identity.evidence.groups):
        return None
    wanted = [*(f"group {group}" for group in policy.groups), *policy.principals]
    return f"it wants one of: {', '.join(wanted)}"


def granted_databases(policy: PolicySettings, name: str, target: TargetSettings) -> tuple[str, ...]:
    """Databases of target `name` that the policy opens, in the target's order; empty if it opens none."""
    opened: set[str] = set()
    for pattern in policy.targets:
        pattern_target, slash, database = pattern.partition("/")
        if pattern_target != name:
            continue
        if not slash:
            opened.update(target.databases[:1])
        elif database == "*":
            opened.update(target.databases)
        else:
            opened.add(database)
    return tuple(database for database in target.databases if database in opened)


def open_to(identity: Identity, settings: Settings) -> tuple[str, ...]:
    """All that the identity could open, as one types it: `orders`, `orders/analytics`."""
    names: list[str] = []
    for name, target in settings.targets.items():
        opened: set[str] = set()
        for policy in settings.policies:
            if identity_mismatch(policy, identity, settings) is None:
                opened.update(granted_databases(policy, name, target))
        names.extend(
            database_name(name, target, database) for database in target.databases if database in opened
        )
    return tuple(names)


def database_name(name: str, target: TargetSettings, database: str) -> str:
    """A database as one types it for `dbname`: the target's first needs no slash."""
    return name if database == target.databases[0] else f"{name}/{database}"
