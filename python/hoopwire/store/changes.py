"""Changes that must not be lost when the store fails: the journal keeps them until it can apply them."""

import msgspec

from hoopwire.model.grant import Grant, GrantState, Used
from hoopwire.model.lock import Lock


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One audit event as the store keeps it."""

    at: float
    """Unix seconds."""
    kind: str
    grant: str = ""
    session: str = ""
    body: str
    """The whole event, one JSON object."""


class _Change(msgspec.Struct, frozen=True, kw_only=True, tag_field="change", tag=True):
    """Base of all changes. Applying one twice, also behind later ones of its `key`, changes nothing more."""

    audit: tuple[AuditRow, ...] = ()
    """Written with it, if it changes something."""


class GrantEnded(_Change, frozen=True, kw_only=True):
    """A grant left `active` for a final state."""

    id: str
    state: GrantState
    by: str
    reason: str
    at: float
    expires_at: float
    issuer: str = ""
    """With `jti`: the token that bought it. Empty where that is not known."""
    jti: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """A later change of the same key takes its place."""
        return ("end", self.id)


class GrantNarrowed(_Change, frozen=True, kw_only=True):
    """A reload shrank what a grant opens."""

    grant: Grant

    @property
    def key(self) -> tuple[str, str]:
        """See `GrantEnded.key`."""
        return ("narrow", self.grant.id)


class GrantsUsed(_Change, frozen=True, kw_only=True):
    """What grants (by id) have used of their budgets."""

    used: dict[str, Used]

    @property
    def key(self) -> tuple[str, str]:
        """See `GrantEnded.key`."""
        return ("used", "")


class PrincipalLocked(_Change, frozen=True, kw_only=True):
    """Operators locked a principal."""

    lock: Lock

    @property
    def key(self) -> tuple[str, str]:
        """See `GrantEnded.key`."""
        return ("lock", self.lock.id)


class LocksLifted(_Change, frozen=True, kw_only=True):
    """Operators lifted locks."""

    ids: tuple[str, ...]
    at: float
    by: str
    reason: str

    @property
    def key(self) -> tuple[str, str]:
        """See `GrantEnded.key`."""
        return ("lift", " ".join(self.ids))


Change = GrantEnded | GrantNarrowed | GrantsUsed | PrincipalLocked | LocksLifted
