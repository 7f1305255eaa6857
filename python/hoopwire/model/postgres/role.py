"""`RoleGrant`: what custody needs to know to make a grant's database role, and nothing of policies."""

import msgspec

from hoopwire.model.postgres.rights import CompiledRules

ROLE_PREFIX = "hw_"
"""How the name of every role made for a grant starts."""


def role_name(grant: str) -> str:
    """`hw_` and the grant's ULID in lower case: 29 bytes of PostgreSQL's 63, and no quotes needed."""
    return ROLE_PREFIX + grant.removeprefix("g_").lower()


class RoleGrant(msgspec.Struct, frozen=True, kw_only=True):
    """The role of one grant, on one target."""

    node: str
    """The gateway that makes it, and drops it again."""
    grant: str
    """`g_` + ULID."""
    databases: tuple[str, ...]
    """Where it may have privileges."""
    valid_until: float
    """Unix seconds; after this the target lets nobody log in as it."""
    max_sessions: int
    rights: CompiledRules

    @property
    def name(self) -> str:
        """The role's name."""
        return role_name(self.grant)
