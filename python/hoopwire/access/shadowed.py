"""Finds policies that can hardly be reached: an earlier one comes first, or nobody has their groups. Pure."""

from collections.abc import Iterator

from hoopwire.access.match import called, denies_whole, granted_databases, spoken
from hoopwire.access.ssh_footguns import Warned
from hoopwire.model.action import ActionError, nearest
from hoopwire.model.language import LANGUAGES
from hoopwire.model.settings import PolicySettings, Settings

_Who = tuple[str, str]
"""`groups` or `principals`, and the name."""


def shadowed(
    policy: PolicySettings, before: tuple[PolicySettings, ...], settings: Settings
) -> Iterator[Warned]:
    """An allowing policy of which earlier ones leave nothing, or nothing to who does not ask for actions."""
    places = [
        (name, part)
        for name, target in settings.targets.items()
        for part in granted_databases(policy, name, target)
    ]
    pairs = [(who, place) for who in _whos(policy) for place in places]
    if policy.effect == "deny" or not pairs:
        return
    first: list[PolicySettings] = []
    whole: list[PolicySettings] = []
    for who, place in pairs:
        standing = [
            other for other in before if _speaks(other, policy, who) and _opens(other, *place, settings)
        ]
        if not standing:
            return
        first.append(standing[0])
        covering = next((other for other in standing if _gives_all(other, policy, settings)), None)
        if covering is not None:
            whole.append(covering)
    if len(whole) == len(pairs):
        yield (
            (),
            f"is never chosen: {_names(whole)} leaves nothing for it; put it before that, or take it out",
        )
    elif all(other.effect == "allow" for other in first):
        yield (
            (),
            f"is not what one gets who just connects: {_names(first)} before it grants first; only a request"
            " that asks for more than that reaches it",
        )


def nobodys_groups(policy: PolicySettings, settings: Settings) -> Iterator[Warned]:
    """Groups that no identity can have, as the issuers' settings stand."""
    issuers = [
        issuer for name, issuer in settings.issuers.items() if policy.issuer is None or policy.issuer == name
    ]
    for index, group in enumerate(policy.groups):
        reasons = []
        for issuer in issuers:
            source = issuer.groups
            if source.source == "static":
                known = {one for groups in source.members.values() for one in groups}
                if group in known:
                    break
                near = nearest(group, known)
                reasons.append("no member has it" + ("" if near is None else f" (did you mean `{near}`?)"))
            elif source.source == "scopes" and (not group or " " in group):
                reasons.append("no scope has a blank in it")
            elif source.source == "scopes" and source.scope_prefix and group.startswith(source.scope_prefix):
                reasons.append(f"the prefix {source.scope_prefix} of scopes is not part of the group")
            else:
                break
        else:
            if reasons:
                said = "; ".join(dict.fromkeys(reasons))
                yield ("groups", index), f'group "{group}" is nobody\'s: {said}'


def _whos(policy: PolicySettings) -> list[_Who]:
    return [
        *(("groups", group) for group in policy.groups),
        *(("principals", principal) for principal in policy.principals),
    ]


def _speaks(other: PolicySettings, policy: PolicySettings, who: _Who) -> bool:
    """`other` speaks about everybody whom `policy` means by `who`."""
    kind, name = who
    is_meant = other.issuer in (None, policy.issuer) and other.who in ("anyone", policy.who)
    return is_meant and name in getattr(other, kind)


def _opens(other: PolicySettings, target: str, part: str, settings: Settings) -> bool:
    """It decides who connects there: it grants, or denies."""
    if other.effect == "deny":
        names = called(target, settings.targets[target])
        return denies_whole(other, names) or f"{target}/{part}" in other.targets
    return part in granted_databases(other, target, settings.targets[target])


def _gives_all(other: PolicySettings, policy: PolicySettings, settings: Settings) -> bool:
    """No request is covered by `policy` and not by `other`."""
    if other.effect == "deny":
        return True
    language = LANGUAGES[spoken(policy, settings)]
    try:
        is_covered = not language.asked(policy.actions).lacking(other.actions)
    except ActionError:
        return False
    return is_covered and other.ttl >= policy.ttl


def _names(policies: list[PolicySettings]) -> str:
    names = list(dict.fromkeys(policy.name for policy in policies))
    return ("policy " if len(names) == 1 else "policies ") + ", ".join(names)
