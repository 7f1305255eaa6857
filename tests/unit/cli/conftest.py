"""A gateway from a config file, in a thread: all of it is real but the engine, which is scripted."""

import dataclasses
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from hoopwire.audit import StreamSink
from hoopwire.cli import main
from hoopwire.cli.production import production_rooms
from hoopwire.control.service import Running, serve
from hoopwire.demo.gateway import toml_text
from hoopwire.demo.issuer import DevIssuer
from support.engine import ScriptedEngine

UPSTREAM_PASSWORD = "planted-upstream-password-4711"


class LiveGateway:
    """What a test reads and does from its own thread."""

    def __init__(self, folder: Path, issuer: DevIssuer) -> None:
        self.folder = folder
        self.issuer = issuer
        self.audit = io.BytesIO()
        self.config = folder / "hoopwire.toml"
        self.engine: ScriptedEngine
        self.running: Running
        assert (
            main(["keygen", "tls", "--host", "localhost", "--host", "127.0.0.1", "--out", str(folder)]) == 0
        )
        assert main(["keygen", "recording", "--out", str(folder / "recording.key")]) == 0
        password = folder / "upstream.password"
        password.write_text(UPSTREAM_PASSWORD)
        password.chmod(0o600)
        self.settings: dict[str, Any] = {
            "gateway": {"audience": issuer.audience, "state": "state", "drain": "1s"},
            "listen": {
                "postgres": ["127.0.0.1:0"],
                "control": "127.0.0.1:0",
                "admin_socket": "admin.sock",
                "tls": {"certificate": "gateway.crt", "key": "gateway.key"},
            },
            "recording": {"directory": "recordings", "signing_key": "recording.key"},
            "issuers": {"dev": {"issuer": issuer.issuer, "dev": True}},
            "targets": {
                "orders": {
                    "host": "127.0.0.1",
                    "databases": ["orders", "analytics"],
                    "user": "app",
                    "tls": "disable",
                    "credential": {"file": "upstream.password"},
                }
            },
            "policies": [{"name": "readers", "groups": ["data"], "targets": ["orders"], "ttl": "10m"}],
        }
        self.write()

    def write(self) -> None:
        """Write the config file as `settings` stand."""
        self.config.write_text(toml_text(self.settings))

    def hoopwire(self, *arguments: str) -> int:
        """Run an operator's command against this gateway."""
        return main([*arguments, "--config", str(self.config)])

    @property
    def url(self) -> str:
        return f"https://{self.running.control}"

    def connect(self, credential: str, session: str, **fields: Any) -> None:
        """Connect, and wait for the engine's answer."""
        self.engine.connect(credential, session=session, **fields)
        self.settle(lambda: session in self.engine.admitted or session in self.engine.refused)

    def settle(self, done: Callable[[], object]) -> None:
        """Wait until `done`, or fail."""
        deadline = time.monotonic() + 60
        while not done():
            assert time.monotonic() < deadline, "nothing happened"
            time.sleep(0.005)


@pytest.fixture
def adjust() -> Callable[[LiveGateway], None]:
    """What else the config file of `gateway` says, for a module that gives another one."""
    return lambda live: None


@pytest.fixture
def gateway(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], adjust: Callable[[LiveGateway], None]
) -> Iterator[LiveGateway]:
    with DevIssuer.run_in_thread() as issuer:
        live = LiveGateway(tmp_path, issuer)
        adjust(live)
        live.write()
        capsys.readouterr()
        started = threading.Event()
        failures: list[BaseException] = []
        stop: list[Callable[[], None]] = []

        def engine(config: bytes) -> ScriptedEngine:
            live.engine = ScriptedEngine(config)
            return live.engine

        async def run() -> None:
            token = trio.lowlevel.current_trio_token()
            rooms = dataclasses.replace(production_rooms(), engine=engine)
            async with trio.open_nursery() as nursery:
                live.running = await nursery.start(
                    lambda task_status: serve(
                        live.config,
                        rooms,
                        sink=StreamSink(live.audit),
                        signals=False,
                        task_status=task_status,
                    )
                )
                stop.append(lambda: token.run_sync_soon(live.running.stop))
                started.set()

        def thread() -> None:
            try:
                trio.run(run)
            except BaseException as error:
                failures.append(error)
                started.set()

        running = threading.Thread(target=thread, name="gateway")
        running.start()
        started.wait(60)
        if failures:
            raise failures[0]
        try:
            yield live
        finally:
            stop[0]()
            running.join(60)
            assert not failures, failures
