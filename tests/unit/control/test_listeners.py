"""The listeners themselves: TLS for everybody, a 0600 socket for operators, one gateway a state directory."""

import dataclasses
import os
import ssl
import stat
from pathlib import Path

import httpx
import pytest
import trio

from hoopwire.audit import StreamSink
from hoopwire.control.files import StartError
from hoopwire.control.service import serve


def tls(house):
    return ssl.create_default_context(cafile=house.settings.listen.tls.certificate)


async def test_mint_over_real_tls(house):
    base = f"https://{house.running.control}"
    async with httpx.AsyncClient(verify=tls(house), base_url=base, trust_env=False) as client:
        answer = await client.post(
            "/v1/grants",
            json={"target": "orders"},
            headers={"authorization": f"Bearer {house.token('T1')}"},
        )
        assert answer.status_code == 201
        assert (await client.get("/v1/sessions")).status_code == 404
    await house.connect(answer.json()["secret"], "s_1")
    assert "s_1" in house.engine.admitted


async def test_a_client_that_never_finishes_its_handshake_blocks_nobody(house):
    """Slow and partial TLS handshakes on the control listener."""
    host, port = house.running.control.rsplit(":", 1)
    idle = [await trio.open_tcp_stream(host, int(port)) for _ in range(5)]
    await idle[0].send_all(b"\x16\x03\x01\x02\x00\x01")
    with trio.fail_after(60):
        async with httpx.AsyncClient(verify=tls(house), trust_env=False) as client:
            assert (await client.get(f"https://{house.running.control}/healthz")).status_code == 200
    for stream in idle:
        await stream.aclose()


async def test_the_operators_socket_is_0600_and_has_the_verbs(house):
    path = house.running.admin_socket
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    await house.connect(house.token("T1"), "s_1")
    grant = house.engine.admitted["s_1"][0].id
    transport = httpx.AsyncHTTPTransport(uds=path)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as admin:
        assert [row["id"] for row in (await admin.get("/v1/grants")).json()["grants"]] == [grant]
        assert (await admin.get("/v1/grants", params={"state": "dead"})).status_code == 400
        [session] = (await admin.get("/v1/sessions")).json()["sessions"]
        assert (session["session"], session["name"]) == ("s_1", "name of 0oaAgent")
        assert (await admin.get("/v1/statistics")).json()["engine"]["sessions"] == 1
        assert (await admin.post("/v1/reload")).json()["cut"] == 0
        assert (await admin.post("/v1/grants/g_nope/revoke")).status_code == 404
        assert (await admin.post("/v1/sessions/s_nope/end")).status_code == 404
        revoked = await admin.post(f"/v1/grants/{grant}/revoke", json={"reason": "test"})
        assert revoked.json()["grant"]["state"] == "revoked"
        assert (await admin.post("/v1/grants")).status_code == 405
    assert house.engine.live == frozenset()


async def test_two_gateways_never_share_a_state_directory(house):
    """What was just revoked is remembered in the process: a second one would admit it."""
    with pytest.raises(StartError, match="another gateway is running"):
        await serve(house.path, house.rooms(), sink=StreamSink(house.audit), signals=False)


async def test_stopping_drains_seals_and_keeps_checkpoints(house):
    from hoopwire.model.events import Checkpoint

    await house.connect(house.token("T1"), "s_1")
    house.engine.push(Checkpoint(stream=0, line="checkpoint-line"))
    path = Path(house.settings.recording.checkpoints)
    await house.settle(lambda: path.exists() and path.read_text() == "checkpoint-line\n")
    house.running.stop()
    await house.settle(lambda: house.engine.stopped)
    assert house.engine.draining_s == pytest.approx(2.0 * 2 / 3)
    await house.settle(lambda: house.audited("gateway.stopped"))
    await house.settle(lambda: not Path(house.running.admin_socket).exists())


class Bell:
    """A listener without a wire: it fails once, is run again, and is closed in the end."""

    def __init__(self):
        self.heard = []

    async def run(self, stopping):
        self.heard.append("run")
        if self.heard == ["run"]:
            raise KeyError("a bug")
        await stopping()
        self.heard.append("stopped")

    def close(self):
        self.heard.append("closed")


class Bells:
    """Stands in for `api.serving.HttpListeners`."""

    control = None

    def __init__(self, settings):
        self.bell = Bell()
        self.pairs = []

    def open(self, parts, operations):
        self.operations = operations
        yield "bell", self.bell

    def use_pair(self, settings):
        self.pairs.append(settings.tls)


async def test_the_service_runs_whatever_listeners_it_is_given(make_house, start):
    """A gateway without HTTP: it has its verbs; a listener is run again after a fault, stopped, closed."""
    house, made = make_house(), []

    def bells(settings):
        made.append(Bells(settings))
        return made[0]

    rooms = dataclasses.replace(house.rooms(), listeners=bells)
    house.rooms = lambda: rooms
    async with start(house):
        [given] = made
        await house.settle(lambda: given.bell.heard == ["run", "run"])
        assert [bug["code"] for bug in house.audited("bug")] == ["bell"]
        assert house.running.control is None
        await house.settle(lambda: not Path(house.running.admin_socket).exists())
        await house.connect(house.token("T1"), "s_1")
        assert [session.session for session in (await given.operations.sessions()).sessions] == ["s_1"]
        await given.operations.reload()
        assert given.pairs == [house.settings.listen.tls]
    assert given.bell.heard == ["run", "run", "stopped", "closed"]
