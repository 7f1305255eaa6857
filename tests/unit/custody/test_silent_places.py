"""H19: eight threads for the roles of all targets, forty for all names and files: a silent target took them.

Threads are held by an event, not by time: on the way of before, the healthy target waits for ever.
"""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from hoopwire.custody import Lender, Made, RoleFailed, Roles, source
from hoopwire.custody.postgres import making
from hoopwire.model.commands import Lease
from hoopwire.model.postgres.role import RoleGrant
from hoopwire.model.settings import CredentialSettings, PostgresTarget

MANY = 60


def target(host: str, **credential: Any) -> PostgresTarget:
    return PostgresTarget(
        host=host,
        databases=("orders",),
        user="maker",
        credential=CredentialSettings(**(credential or {"trust": True})),
        tls="disable",
    )


class Silence:
    """Whatever calls `hold` stays there until the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.held = 0
        self._lock = threading.Lock()

    def hold(self) -> None:
        with self._lock:
            self.held += 1
        self.over.wait(60)

    async def holds(self, count: int) -> None:
        """Wait until so many are held."""
        with trio.fail_after(60):
            while self.held < count:  # noqa: ASYNC110 - they are in other threads
                await trio.sleep(0.01)


@pytest.fixture
def silence() -> Iterator[Silence]:
    silence = Silence()
    yield silence
    silence.over.set()


async def lend(target: PostgresTarget, database: str) -> Lease:
    return Lease(
        addresses=(("127.0.0.1", 1),), tls=False, server_name="", ca_pem="", user="maker", database=database
    )


def role_for(grant: str) -> RoleGrant:
    return RoleGrant(
        node="n",
        grant=grant,
        databases=("orders",),
        valid_until=0.0,
        max_sessions=1,
        rights=None,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("what", ["drop", "make", "recover"])
async def test_roles_of_a_healthy_target(silence, monkeypatch, what):
    """40 grants revoked at a target that accepts and is silent: logins at another waited for seconds."""

    def make(to: PostgresTarget, lease: Lease, database: str, role: RoleGrant, password: str | None) -> Made:
        if to.host == "silent":
            silence.hold()
        return Made(role.name, database, True, 1, 0)

    def drop(to: PostgresTarget, *rest: object) -> bool:
        silence.hold()
        return True

    monkeypatch.setattr(making, "make_role", make)
    monkeypatch.setattr(making, "drop_role", drop)
    monkeypatch.setattr(making, "roles_of_node", lambda to, *rest: silence.hold() or set())
    roles = Roles(lend)
    silent, healthy = target("silent"), target("healthy")
    async with trio.open_nursery() as nursery:
        try:
            for number in range(MANY):
                grant = f"g_{number}"
                if what == "make":
                    nursery.start_soon(roles.lend_role, silent, "orders", grant, lambda: role_for("g_0"))
                elif what == "recover":
                    nursery.start_soon(roles.recover, silent, "n")
                else:
                    roles._role(silent, grant).may_exist = True
                    nursery.start_soon(roles.drop, grant)
            await silence.holds(1 if what == "make" else 8)
            with trio.fail_after(60):
                lent = await roles.lend_role(healthy, "orders", "g_healthy", lambda: role_for("g_healthy"))
            assert lent.made is not None
            # What nobody waits for takes nothing from logins at the very same server.
            if what != "make":
                monkeypatch.setattr(making, "make_role", lambda *rest: Made("r", "orders", True, 1, 0))
                with trio.fail_after(60):
                    await roles.lend_role(silent, "orders", "g_login", lambda: role_for("g_login"))
        finally:
            silence.over.set()


@pytest.mark.parametrize("what", ["under way", "later"])
async def test_a_stop_does_not_wait_for_a_silent_target(silence, monkeypatch, what):
    """SIGTERM took 12.4 s beside a silent target: a thread at a target was waited for, whatever the limit."""
    monkeypatch.setattr(making, "drop_role", lambda *rest: silence.hold())
    roles = Roles(lend)
    roles._role(target("silent"), "g_1").may_exist = True

    async def drop() -> None:
        with pytest.raises(RoleFailed, match="the gateway stops"):
            await roles.drop("g_1")

    async with trio.open_nursery() as nursery:
        if what == "under way":
            nursery.start_soon(drop)
            await silence.holds(1)
            roles.end_by(trio.current_time())
        else:
            roles.end_by(trio.current_time())
            nursery.start_soon(drop)
    assert not silence.over.is_set()
    assert roles.grants() == {"g_1"}, "it is left for the next start"


async def test_a_thread_at_a_target_is_not_left_behind(silence, monkeypatch):
    """Cancelled alone, it would still grant while another drops."""
    monkeypatch.setattr(making, "drop_role", lambda *rest: silence.hold() or True)
    roles = Roles(lend)
    roles._role(target("slow"), "g_1").may_exist = True
    dropped = []
    async with trio.open_nursery() as nursery:

        async def drop() -> None:
            dropped.extend(await roles.drop("g_1"))

        nursery.start_soon(drop)
        await silence.holds(1)
        nursery.cancel_scope.cancel()
        silence.over.set()
    assert dropped == ["hw_1"]


async def test_a_name_that_is_not_answered(silence, monkeypatch):
    """A resolver that is silent about one name held every thread that names and files are looked up in."""

    def resolve(host: str, port: int, *some: object, **rest: object) -> list[Any]:
        if host == "silent.test":
            silence.hold()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    lender = Lender()
    async with trio.open_nursery() as nursery:
        for _ in range(MANY):
            nursery.start_soon(lender, target("silent.test"), "orders")
        await silence.holds(8)
        with trio.fail_after(60):
            assert (await lender(target("healthy.test"), "orders")).addresses == (("127.0.0.1", 5432),)
            # Nor may others that use trio's own threads: the store, a reload, checkpoints.
            await trio.to_thread.run_sync(lambda: None)
        nursery.cancel_scope.cancel()


async def test_a_secret_on_a_volume_that_hangs(silence, monkeypatch, tmp_path):
    """The same by a credential's file; and a login that is over waits for it no longer."""
    secret = tmp_path / "secret"
    secret.write_text("word")
    secret.chmod(0o600)
    read = source._read

    def read_or_hang(path: str, refused_mode: int) -> bytes:
        if path == "/silent":
            silence.hold()
        return read(path, refused_mode)

    monkeypatch.setattr(source, "_read", read_or_hang)
    lender = Lender()
    async with trio.open_nursery() as nursery:
        for _ in range(MANY):
            nursery.start_soon(lender, target("127.0.0.2", file="/silent"), "orders")
        await silence.holds(8)
        with trio.fail_after(60):
            assert (await lender(target("127.0.0.1", file=str(secret)), "orders")).password == "word"
        nursery.cancel_scope.cancel()
    assert not silence.over.is_set()


async def test_a_program_that_hangs(tmp_path):
    """The same by a credential's command."""
    started = tmp_path / "started"
    started.mkdir()
    hangs = ("sh", "-c", f"touch {started}/$$; exec sleep 60")
    lender = Lender()
    async with trio.open_nursery() as nursery:
        for _ in range(45):
            nursery.start_soon(lender, target("127.0.0.2", command=hangs), "orders")
        with trio.fail_after(60):
            while len(list(started.iterdir())) < 45:  # noqa: ASYNC110
                await trio.sleep(0.05)
            lent = await lender(target("127.0.0.1", command=("echo", "word")), "orders")
        assert lent.password == "word"
        nursery.cancel_scope.cancel()
