"""A lock on a principal: set by operators, holds until they lift it or its time is over."""

import msgspec

from hoopwire.model.identity import Principal


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """Who may not get in, by whom and why. Times are Unix seconds."""

    id: str
    """`l_` + ULID."""
    principal: str
    """Principal key: `cid:...` or `uid:...`, as the operator wrote it."""
    issuer: str = ""
    """Name of an `[issuers.NAME]`; empty means every issuer."""
    issuers: tuple[str, ...] = ()
    """The issuer strings that the name stood for: renaming the table in the file opens nothing."""
    at: float
    until: float | None = None
    """None: until it is lifted."""
    by: str
    reason: str
    lifted_at: float | None = None
    lifted_by: str = ""
    lifted_reason: str = ""

    def names(self, principal: Principal, issuer: str | None) -> bool:
        """Does it speak about the principal? `issuer` is its issuer's name in the file of now, if any."""
        if self.issuer and self.issuer != issuer and principal.issuer not in self.issuers:
            return False
        return self.principal.casefold() in principal.keys
