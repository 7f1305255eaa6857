"""Lends each session its upstream credential: read from where it is kept, or made for the session's grant.

Knows secret stores and leases; must never know the sessions' bytes or why a session is allowed.
"""

from hoopwire.custody.lease import LeaseFailed, Resolve, lease, resolve_host
from hoopwire.custody.lender import Lender
from hoopwire.custody.places import PlaceLimiters
from hoopwire.custody.postgres.administer import RoleFailed
from hoopwire.custody.postgres.making import Made
from hoopwire.custody.postgres.roles import Lent, Roles
from hoopwire.custody.source import SourceFailed, read_secret

__all__ = [
    "LeaseFailed",
    "Lender",
    "Lent",
    "Made",
    "PlaceLimiters",
    "Resolve",
    "RoleFailed",
    "Roles",
    "SourceFailed",
    "lease",
    "read_secret",
    "resolve_host",
]
