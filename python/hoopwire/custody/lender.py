"""Lends what sessions log in with, each target by threads of its own."""

from hoopwire.custody.lease import lease
from hoopwire.custody.places import PlaceLimiters
from hoopwire.custody.ssh.authorities import TargetsAuthority
from hoopwire.custody.ssh.lend import lend_login
from hoopwire.model.commands import Lease
from hoopwire.model.settings import PostgresTarget
from hoopwire.model.ssh.login import LoginGrant
from hoopwire.model.ssh.settings import SshTarget

_THREADS = 8


class Lender:
    """Worker threads of each target's own: for its names, and its files."""

    def __init__(self) -> None:
        self._threads = PlaceLimiters(_THREADS)

    async def __call__(self, target: PostgresTarget, database: str) -> Lease:
        """See `lease`."""
        return await lease(target, database, threads=self._threads.of((target.host, target.port)))

    async def login(
        self, target: SshTarget, wanted: LoginGrant, authority: TargetsAuthority | None, now: float
    ) -> Lease:
        """See `lend_login`."""
        threads = self._threads.of((target.host, target.port))
        return await lend_login(target, wanted, authority, now, threads=threads)
