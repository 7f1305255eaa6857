"""H16: one exception anywhere in the control plane must not end the gateway, nor the task it happened in.

Each case breaks one call of one task once. The fault is an audit event `bug` with the name of the task, the
session that was live lives, the next one is admitted, and the task has done its work in the end.
"""

import errno
import functools
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio

from hoopwire.api.http_server import Listener
from hoopwire.audit import StreamSink
from hoopwire.audit.event import AuditEvent
from hoopwire.control import admission, reload, service
from hoopwire.control.checkpoints import CheckpointFile
from hoopwire.control.files import StartError
from hoopwire.control.spending import Spending
from hoopwire.model.events import Checkpoint
from hoopwire.model.units import Seconds
from hoopwire.store import GrantEnded, StoreError

FAULTS: dict[str, Callable[[], Exception]] = {
    "a bug": lambda: KeyError("x"),
    "a group": lambda: ExceptionGroup("several", [OSError("x"), ExceptionGroup("more", [ValueError("x")])]),
    "a full disk": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "no descriptor": lambda: OSError(errno.EMFILE, "Too many open files"),
    "what msgspec cannot read": lambda: msgspec.ValidationError("Expected `int`, got `str`"),
    "too deep": lambda: RecursionError("maximum recursion depth exceeded"),
    "no memory": MemoryError,
    "the store": lambda: StoreError("cannot open the store"),
}

Break = Callable[[Any, str], list[bool]]
"""Owner and name of a function: its next call raises, and leaves a mark."""


@pytest.fixture(params=sorted(FAULTS))
def broken(request, monkeypatch) -> Break:
    def once(owner: Any, name: str) -> list[bool]:
        real, marks = getattr(owner, name), []

        @functools.wraps(real)
        def call(*arguments: Any, **named: Any) -> Any:
            if not marks:
                marks.append(True)
                raise FAULTS[request.param]()
            return real(*arguments, **named)

        monkeypatch.setattr(owner, name, call)
        return marks

    return once


async def lives(house: Any, task: str | None) -> None:
    """The fault was counted; nothing ended by it; new sessions come in and both APIs answer."""
    if task is not None:
        await house.settle(lambda: [bug["code"] for bug in house.audited("bug")] == [task])
    assert "s_live" in house.engine.live
    await house.connect(house.token("T_next"), "s_next")
    assert "s_next" in house.engine.admitted
    assert not house.engine.stopped
    context = ssl.create_default_context(cafile=house.settings.listen.tls.certificate)
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        assert (await client.get(f"https://{house.running.control}/healthz")).status_code == 200
    transport = httpx.AsyncHTTPTransport(uds=house.running.admin_socket)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        assert (await client.get("/v1/statistics")).status_code == 200


@pytest.fixture
async def live(house: Any) -> Any:
    """A gateway with a session."""
    await house.connect(house.token("T_live"), "s_live")
    await house.settle(lambda: "s_live" in house.engine.live)
    return house


async def test_reading_events(live, broken):
    marks = broken(live.parts.engine, "drain_events")
    live.engine.push(Checkpoint(stream=0, line="line"))
    await live.settle(lambda: marks)
    await lives(live, "engine events")


async def test_one_event(live, broken):
    broken(live.parts.table, "started")
    await live.connect(live.token("T1"), "s_1")
    await lives(live, "event SessionStarted")


async def test_the_end_of_a_session_that_nobody_could_account_for(live, broken):
    broken(Spending, "take")
    await live.connect(live.token("T1"), "s_1")
    live.engine.hang_up("s_1")
    await lives(live, "event SessionEnded")
    assert live.parts.table.seat("s_1") is None


@pytest.mark.parametrize("where", ["identity", "access", "custody", "store", "engine"])
async def test_an_admission(live, broken, where):
    """It ends that admission, with a refusal: a client that waits for ever is no answer."""
    owner, name = {
        "identity": (live.tokens, "verify"),
        "access": (admission, "open_database"),
        "custody": (live.parts, "lend"),
        "store": (live.parts.store, "redeem"),
        "engine": (live.parts.engine, "admit"),
    }[where]
    broken(owner, name)
    await live.connect(live.token("T1"), "s_1")
    assert live.engine.refused["s_1"].reason == "internal_error"
    assert live.parts.table.seat("s_1") is None
    await lives(live, "admission")


@pytest.mark.parametrize("where", ["engine", "table"])
async def test_a_refusal(live, broken, where):
    """The refusal itself fails: it is said in other words, and the seat is given back."""
    if where == "engine":
        broken(live.parts.engine, "refuse")
    else:
        broken(admission, "identity_event")
        live.token("T1", groups=("nobody",))
    await live.connect("T1", "s_1")
    assert "s_1" in live.engine.refused
    assert live.parts.table.seat("s_1") is None
    await lives(live, "refusal")


async def test_the_sweep(live, broken):
    marks = broken(live.parts.store, "expire_grants")
    await live.settle(lambda: marks)
    live.wall.pass_time(61)
    await live.settle(lambda: live.audited("grant.expired"), seconds=20)


async def test_the_cuts(live, broken):
    marks = broken(service, "cut_overdue")
    await live.settle(lambda: marks)
    await lives(live, "cuts")


async def test_keeping(live, broken):
    """A revocation that waited for the store while this task failed waited on, for the next one to come."""
    grant = live.engine.admitted["s_live"][0].id
    marks = broken(live.parts.keeping, "keep")
    at = live.wall.now
    end = GrantEnded(id=grant, state="revoked", by="test", reason="", at=at, expires_at=at + 60)
    live.parts.keeping.add(end)
    await live.settle(lambda: marks)
    await lives(live, "keeping")
    await live.settle(lambda: not live.parts.keeping.is_pending(grant))


async def test_the_roles_keeper(live, broken):
    marks = broken(live.desk, "grants")
    await live.settle(lambda: marks)
    await lives(live, "roles")
    calls = []
    live.desk.grants = lambda: calls.append(1) or set()
    await live.settle(lambda: calls, seconds=20)


async def test_spending(live, broken):
    marks = broken(Spending, "look")
    await live.settle(lambda: marks)
    await lives(live, "spending")


async def test_the_audit_trail(live, broken):
    marks = broken(live.parts.trail, "_flush_once")
    await live.connect("unknown", "s_1")
    await live.settle(lambda: marks)
    await lives(live, "audit trail")
    with trio.fail_after(60):
        while "session.denied" not in [row.kind for row in await live.parts.store.audit()]:  # noqa: ASYNC110
            await trio.sleep(0.01)


async def test_checkpoints(live, broken):
    marks = broken(CheckpointFile, "flush")
    live.engine.push(Checkpoint(stream=0, line="line"))
    await live.settle(lambda: marks)
    await lives(live, "checkpoints")
    path = Path(live.settings.recording.checkpoints)
    await live.settle(lambda: path.exists() and path.read_text() == "line\n")


async def test_a_reload(live, broken):
    """SIGHUP, or an operator: what cannot be taken is refused."""
    broken(reload, "redecide")
    with pytest.raises(StartError, match="the gateway failed at it"):
        await live.running.reload()
    assert live.audited("gateway.reload_failed")
    await lives(live, "reload")
    await live.running.reload()


async def test_the_verifier_of_before(live, broken):
    """It closes some time after a reload has replaced it, when nobody waits for it any more."""
    before = live.settings
    issuers = {"okta": msgspec.structs.replace(before.issuers["okta"], agents=("0oaAgent",))}
    limits = msgspec.structs.replace(before.limits, admission=Seconds(0.1))
    broken(type(live.tokens), "__aexit__")
    live.settings = msgspec.structs.replace(before, issuers=issuers, limits=limits)
    await live.running.reload()
    live.settings = before
    await live.running.reload()
    await lives(live, "token verifier")


async def test_issuers_that_cannot_be_used(live, broken):
    """A CA file that holds no certificate ended the gateway at a SIGHUP: it was no StartError."""
    live.settings = msgspec.structs.replace(
        live.settings,
        issuers={"okta": msgspec.structs.replace(live.settings.issuers["okta"], agents=("0oaAgent",))},
    )
    broken(type(live.tokens), "__aenter__")
    with pytest.raises(StartError):
        await live.running.reload()
    await lives(live, None)


async def test_a_request(live, broken):
    """On either API: 500, and only that request."""
    broken(live.parts.engine, "statistics")
    transport = httpx.AsyncHTTPTransport(uds=live.running.admin_socket)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        answer = await client.get("/v1/statistics")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    await lives(live, "admin API")


async def test_a_mint(live, broken):
    context = ssl.create_default_context(cafile=live.settings.listen.tls.certificate)
    broken(live.tokens, "verify")
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        answer = await client.post(
            f"https://{live.running.control}/v1/grants",
            json={"target": "orders"},
            headers={"authorization": f"Bearer {live.token('T1')}"},
        )
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    await lives(live, "control API")


@pytest.mark.parametrize("name", ["_has_room", "_handshake", "_serve"])
async def test_a_listener(live, broken, name):
    """Accepting, shaking hands, serving."""
    broken(Listener, name)
    host, port = live.running.control.rsplit(":", 1)
    stream = await trio.open_tcp_stream(host, int(port))
    await live.settle(lambda: live.audited("bug"))
    await stream.aclose()
    await lives(live, "control API")


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(errno.ENOSPC, ""), ValueError("closed file")])
async def test_a_sink_that_nobody_reads(live, monkeypatch, error):
    """The store has the event all the same."""

    def write(self, line):
        raise error

    monkeypatch.setattr(StreamSink, "write", write)
    await live.connect("unknown", "s_1")
    await lives(live, None)
    with trio.fail_after(60):
        while "session.denied" not in [row.kind for row in await live.parts.store.audit()]:  # noqa: ASYNC110
            await trio.sleep(0.01)


async def test_an_event_that_cannot_be_written_down(live):
    """It stood before all others in the queue to the store, and was tried again for ever."""
    live.parts.trail.record(AuditEvent(kind="session.denied", at=live.wall.now, reason="\ud800"))
    live.parts.trail.record(AuditEvent(kind="session.denied", at=float("inf")))
    await live.connect("unknown", "s_1")
    await live.settle(lambda: len(live.audited("bug")) == 2)
    with trio.fail_after(60):
        while "session.denied" not in [row.kind for row in await live.parts.store.audit()]:  # noqa: ASYNC110
            await trio.sleep(0.01)
    await lives(live, None)


@pytest.mark.parametrize("step", ["stop", "drain_events"])
async def test_stopping(live, broken, step):
    """A step of the stop that fails keeps none of the others from being tried."""
    broken(live.parts.engine, step)
    live.running.stop()
    await live.settle(lambda: not Path(live.running.admin_socket).exists())
