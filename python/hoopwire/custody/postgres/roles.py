"""Keeps the roles that were made for grants, with their passwords, and changes each role one step at a time.

A thread that works on a role is waited for: one that still grants must not meet the one that drops. It ends
by itself (`administer.py`), within some twelve seconds; a gateway that stops does not wait so long.

A password lives here only. After a restart nobody knows it any more, and the role gets a new one.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import trio

from hoopwire.custody.lease import lease
from hoopwire.custody.places import PlaceLimiters
from hoopwire.custody.postgres import making
from hoopwire.custody.postgres.administer import RoleFailed
from hoopwire.custody.postgres.making import Made
from hoopwire.model.commands import Lease
from hoopwire.model.postgres.role import RoleGrant, role_name
from hoopwire.model.settings import PostgresTarget

_AT_ONCE = 8
"""Connections to one server, for logins that wait for a role, and again for what nobody waits for."""

Answer = TypeVar("Answer")
Lend = Callable[[PostgresTarget, str], Awaitable[Lease]]


@dataclass
class _Role:
    """One role at one target. `password` None: not known to be made with a password of ours."""

    target: PostgresTarget
    grant: str
    node: str = ""
    may_exist: bool = False
    """It was made, or tried, or found: there may be something to drop."""
    password: str | None = None
    made: dict[str, RoleGrant] = field(default_factory=dict)
    """By database: what its privileges there were made from."""
    lock: trio.Lock = field(default_factory=trio.Lock)


@dataclass(frozen=True)
class Lent:
    """A lease on the role, and what had to be made for it (nothing, if all was there)."""

    lease: Lease
    made: Made | None


class Roles:
    """See above. `lend` gives the credential of the target's configured user, who makes the roles."""

    def __init__(self, lend: Lend = lease) -> None:
        self._lend = lend
        self._roles: dict[tuple[str, str, int], _Role] = {}
        self._granting: dict[tuple[str, int, str], trio.Lock] = {}
        self._making = PlaceLimiters(_AT_ONCE)
        self._dropping = PlaceLimiters(_AT_ONCE)
        self._end = math.inf
        self._under_way: set[trio.CancelScope] = set()

    def end_by(self, moment: float) -> None:
        """Wait for no target beyond this moment of trio's clock: what is not answered then has failed."""
        self._end = moment
        for scope in self._under_way:
            scope.deadline = moment

    def grants(self) -> set[str]:
        """Grants for which a role may be there."""
        return {role.grant for role in self._roles.values() if role.may_exist}

    async def lend_role(
        self, target: PostgresTarget, database: str, grant: str, wanted: Callable[[], RoleGrant]
    ) -> Lent:
        """Make the role as `wanted` says, unless it is so already, and lend it. RoleFailed, LeaseFailed.

        `wanted` is asked when it is this call's turn, so that nothing is made wider than it was narrowed to
        meanwhile. What it raises is passed on.
        """
        while True:
            role = self._role(target, grant)
            async with role.lock:
                if self._roles.get(_key(target, grant)) is not role:
                    continue  # dropped while we waited
                return await self._lend_now(role, target, database, wanted)

    async def narrow(self, wanted: RoleGrant) -> list[Made]:
        """Make the privileges of a grant anew wherever they were made before. RoleFailed, LeaseFailed."""
        made = []
        for role in self._of(wanted.grant):
            async with role.lock:
                for database, had in list(role.made.items()):
                    if had == wanted:
                        continue
                    lent = await self._lend(role.target, database)
                    if database in wanted.databases:
                        made.append(await self._make(role, lent, database, wanted, None))
                    else:
                        await self._granted(
                            role.target, database, making.take_privileges, lent, database, wanted
                        )
                        del role.made[database]
        return made

    async def drop(self, grant: str) -> list[str]:
        """Drop the roles of a grant that has ended; the names of those that were there.

        RoleFailed, LeaseFailed: some may still be there, and `grants` goes on naming the grant.
        """
        dropped = []
        for role in self._of(grant):
            async with role.lock:
                async with self._dropping.of(_server(role.target)):
                    lent = await self._lend(role.target, role.target.databases[0])
                    # From here on, a session that comes all the same must make it anew.
                    role.password = None
                    role.made.clear()
                    if await self._in_thread(making.drop_role, role.target, lent, role.grant, role.node):
                        dropped.append(role_name(role.grant))
                if self._roles.get(key := _key(role.target, role.grant)) is role:
                    del self._roles[key]
        return dropped

    async def recover(self, target: PostgresTarget, node: str) -> set[str]:
        """Look at the target for roles that an earlier run of this gateway left: the grants they were for.

        They are known from now on, and `drop` drops them. RoleFailed, LeaseFailed.
        """
        async with self._dropping.of(_server(target)):
            lent = await self._lend(target, target.databases[0])
            found = await self._in_thread(making.roles_of_node, target, lent, node)
        for grant in found:
            # One that is known already may be another target's, at the same server and with its own user.
            role = self._roles.setdefault(_key(target, grant), _Role(target, grant, node))
            role.may_exist = True
        return found

    async def _lend_now(
        self, role: _Role, target: PostgresTarget, database: str, wanted: Callable[[], RoleGrant]
    ) -> Lent:
        try:
            lent = await self._lend(target, database)
            asked = wanted()
        except BaseException:
            if not role.may_exist:
                del self._roles[_key(target, role.grant)]
            raise
        role.node, role.may_exist = asked.node, True
        made = None
        if role.password is None or role.made.get(database) != asked:
            password = making.new_password() if role.password is None else None
            made = await self._make(role, lent, database, asked, password)
        assert role.password is not None
        return Lent(msgspec.structs.replace(lent, user=role_name(role.grant), password=role.password), made)

    async def _make(
        self, role: _Role, lent: Lease, database: str, wanted: RoleGrant, password: str | None
    ) -> Made:
        try:
            made = await self._granted(
                role.target, database, making.make_role, lent, database, wanted, password
            )
        except making.RoleGone:
            role.password = None
            role.made.clear()
            raise
        if password is not None:
            role.password = password
        role.made[database] = wanted
        return made

    async def _granted(
        self, target: PostgresTarget, database: str, work: Callable[..., Answer], *arguments: object
    ) -> Answer:
        # GRANTs on the same object at the same time would only fail each other.
        async with (
            self._granting.setdefault((*_server(target), database), trio.Lock()),
            self._making.of(_server(target)),
        ):
            return await self._in_thread(work, target, *arguments)

    async def _in_thread(self, work: Callable[..., Answer], *arguments: object) -> Answer:
        """Cancelling does not end it, only `end_by`. The caller has bounded how many there are."""
        with trio.CancelScope(shield=True, deadline=self._end) as scope:
            self._under_way.add(scope)
            try:
                return await trio.to_thread.run_sync(
                    work, *arguments, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1)
                )
            finally:
                self._under_way.discard(scope)
        raise RoleFailed("the gateway stops and does not wait for the target")

    def _role(self, target: PostgresTarget, grant: str) -> _Role:
        role = self._roles.setdefault(_key(target, grant), _Role(target, grant))
        role.target = target
        return role

    def _of(self, grant: str) -> list[_Role]:
        return [role for role in self._roles.values() if role.grant == grant]


def _server(target: PostgresTarget) -> tuple[str, int]:
    return target.host, target.port


def _key(target: PostgresTarget, grant: str) -> tuple[str, str, int]:
    """A target that has moved to another server has no role there yet."""
    return grant, target.host, target.port
