"""Upstream credentials: read where they are kept, lent to one session.

Knows secret stores and leases; must never know the sessions' bytes or why a session is allowed.
"""

from hoopwire.custody.lease import LeaseFailed, Resolve, lease, resolve_host

__all__ = ["LeaseFailed", "Resolve", "lease", "resolve_host"]
