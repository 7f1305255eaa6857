"""One block of the config for many hosts: `[targets."web*"]` with `host = "web*.internal"`.

The name that a client gives fills the one `*` of both. It is one label of a host name and nothing else, so
that whatever is typed, the host is one directly below the domain that the operator wrote.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from hoopwire.model.ssh.settings import SshTarget

PATTERN = re.compile(r"(?=[^*]*\*[^*]*\Z)(?:[a-z0-9][a-z0-9-]*)?\*(?:[a-z0-9-]*[a-z0-9])?")
"""Of a block's name: lower case, one `*`."""
HOST_PATTERN = re.compile(
    r"[a-z0-9-]*\*[a-z0-9-]*(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.[a-z](?:[a-z0-9-]*[a-z0-9])?"
)
"""Of its host: one `*`, in the first label, and a domain whose last label no address could have."""
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""RFC 952 and 1123, in lower case."""
_ENCODED = "xn--"
_T = TypeVar("_T")


class HostTarget(SshTarget, frozen=True, kw_only=True):
    """One host of a block for many, as a client has named it. Never decoded: it is made of its block."""

    block: str
    """The block's name, by which policies mean all its hosts."""


def is_pattern(name: str) -> bool:
    """The name is that of a block for many hosts: nobody can ask for it as a target."""
    return "*" in name


def found(targets: Mapping[str, _T], name: str) -> "_T | HostTarget | None":
    """The target that clients call `name`, if there is one. A target of that very name comes first."""
    if is_pattern(name):
        return None
    if name in targets:
        return targets[name]
    for pattern, block in targets.items():
        if isinstance(block, SshTarget) and (host := of_block(pattern, block, name)) is not None:
            return host
    return None


def of_block(pattern: str, block: SshTarget, name: str) -> HostTarget | None:
    """The host `name` of the block; None if it is none of its hosts."""
    filling = fills(pattern, name)
    if filling is None or (block.names and name not in block.names):
        return None
    fields = msgspec.structs.asdict(block) | {"names": (), "block": pattern}
    fields["host"] = block.host.replace("*", filling)
    if block.host_name is not None:
        fields["host_name"] = block.host_name.replace("*", filling)
    if not all(map(_LABEL.fullmatch, fields["host"].split("."))):
        return None
    return HostTarget(**fields)


def fills(pattern: str, name: str) -> str | None:
    """What stands for the `*` in a name that matches the pattern; None if it does not."""
    before, star, after = pattern.partition("*")
    is_label = _LABEL.fullmatch(name) is not None and not name.startswith(_ENCODED)
    if not star or not is_label or len(name) <= len(before) + len(after):
        return None
    if not (name.startswith(before) and name.endswith(after)):
        return None
    return name[len(before) : len(name) - len(after)]


def may_meet(one: str, other: str) -> bool:
    """Some name could be of both patterns."""
    (one_before, _, one_after), (other_before, _, other_after) = one.partition("*"), other.partition("*")
    heads = one_before.startswith(other_before) or other_before.startswith(one_before)
    tails = one_after.endswith(other_after) or other_after.endswith(one_after)
    return heads and tails


def typed(name: str, target: object) -> str:
    """What a client could type for a target of the file: of a block for many hosts, the name of one."""
    if not isinstance(target, SshTarget) or not is_pattern(name):
        return name
    return target.names[0] if target.names else name.replace("*", "1")
