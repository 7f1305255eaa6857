"""Reads a principal's groups from its issuer's one source, never from two: one would outlive the other."""

from collections.abc import Mapping
from typing import Any, Final

from hoopwire.identity.refusal import refused
from hoopwire.model.settings import GroupsSettings

_MAX_GROUP: Final = 256


def groups(
    claims: Mapping[str, Any], scopes: tuple[str, ...], key: str, settings: GroupsSettings
) -> tuple[str, ...]:
    """The groups, without repeats, in the order of the source. `key` is the principal's key.

    A missing claim means no groups; a claim that is no array of plain strings is refused.
    """
    match settings.source:
        case "claim":
            return _from_claim(claims, settings.claim)
        case "scopes":
            prefix = settings.scope_prefix
            named = (scope[len(prefix) :] for scope in scopes if scope.startswith(prefix))
            return tuple(dict.fromkeys(group for group in named if group))
        case "static":
            return settings.members.get(key, ())


def _from_claim(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    listed = claims.get(name, [])
    if not isinstance(listed, list):
        raise refused("claims_refused", f"the groups claim {name!r} is not an array")
    for group in listed:
        if not isinstance(group, str) or not 0 < len(group) <= _MAX_GROUP or not group.isprintable():
            raise refused(
                "claims_refused", f"the groups claim {name!r} holds something that is no group name"
            )
    return tuple(dict.fromkeys(listed))
