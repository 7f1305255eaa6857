"""The Structs of `GET /v1/me`: what a credential gives, told to who holds it; nothing about others."""

import msgspec

from hoopwire.model.api import GrantView
from hoopwire.model.grant import Budgets


class IdentityView(msgspec.Struct, frozen=True, kw_only=True):
    """An identity as it was verified."""

    issuer: str
    principal: str
    """`cid:CLIENT_ID` or `uid:USER_ID`."""
    name: str
    kind: str
    groups: tuple[str, ...]
    """Those that policies are held against."""
    expires_at: float
    """End of the token: no grant outlives it. Unix seconds."""


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy would give the identity."""

    policy: str
    protocol: str
    opens: tuple[str, ...]
    """As one types it: `orders`, `orders/analytics`; `web1`, `web1/deploy`."""
    actions: tuple[str, ...]
    deny: tuple[str, ...]
    masks: tuple[str, ...]
    budgets: Budgets
    """Of each grant."""
    ttl_s: float
    max_sessions: int
    token_reuse: str


class MeView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `GET /v1/me`."""

    identity: IdentityView
    grants: tuple[GrantView, ...]
    """Those that live, newest first; of a grant secret its own. `budget` is at most some seconds old."""
    policies: tuple[PolicyView, ...]
    """In the order in which they are tried: the first that covers a request makes the grant. Of a secret
    none: it buys nothing."""
    contact: str = ""
    """Whom to ask for more."""
