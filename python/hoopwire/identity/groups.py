"""Reads a principal's groups from its issuer's one source, never from two: one would outlive the other."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hoopwire.identity.refusal import claim_refused
from hoopwire.model.settings import GroupsSettings

_MAX_GROUP: Final = 256
_MISSING: Final = object()


class Found(NamedTuple):
    """The groups, without repeats, in the order of the source; and if there are none, why."""

    names: tuple[str, ...]
    lack: str = ""


def groups(claims: Mapping[str, Any], scopes: tuple[str, ...], key: str, settings: GroupsSettings) -> Found:
    """What the source has. `key` is the principal's key.

    A missing claim means no groups; a claim that is no array of plain texts is refused.
    """
    match settings.source:
        case "claim":
            return _from_claim(claims, settings.claim)
        case "scopes":
            prefix = settings.scope_prefix
            named = (scope[len(prefix) :] for scope in scopes if scope.startswith(prefix))
            found = tuple(dict.fromkeys(group for group in named if group))
            return Found(found, "" if found else f'its token has no scope that begins with "{prefix}"')
        case "static":
            members = settings.members.get(key, ())
            return Found(members, "" if members else "the gateway's list has none for it")


def _from_claim(claims: Mapping[str, Any], name: str) -> Found:
    listed = _claim(claims, name)
    if listed is _MISSING:
        return Found((), f'its token has no claim "{name}"')
    what = f'the token\'s claim "{name}", which lists its groups,'
    if isinstance(listed, str):
        raise claim_refused(f"{what} is one text where an array of texts is meant")
    if not isinstance(listed, list):
        raise claim_refused(f"{what} is no array of texts")
    for group in listed:
        if not isinstance(group, str) or not 0 < len(group) <= _MAX_GROUP or not group.isprintable():
            raise claim_refused(f"{what} holds something that is no group name")
    return Found(tuple(dict.fromkeys(listed)), "" if listed else f'the claim "{name}" of its token is empty')


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of this very name, else what the name is a path to: `realm_access.roles` of Keycloak."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, dict) or part not in found:
            return _MISSING
        found = found[part]
    return found
