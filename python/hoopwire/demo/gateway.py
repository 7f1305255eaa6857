"""A gateway as a child process in front of a throw-away PostgreSQL, with keys and a config file of its own.

with ThrowAwayPostgres() as pg, DevIssuer.run_in_thread() as issuer:
    with RunningGateway(pg, issuer.issuer) as gateway:
        agent = issuer.client(groups=["order-agents"])
        print(gateway.psql(issuer.token(agent.cid), "orders", "select 1").out)
"""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hoopwire.demo.certificates import Authority, write_private
from hoopwire.demo.places import conninfo, server_folder
from hoopwire.demo.postgres import (
    Outcome,
    ThrowAwayPostgres,
    die_with_parent,
    free_port,
    plain_environment,
    run_psql,
)

AUDIENCE = "hoopwire-dev"
GROUP = "order-agents"
"""The group that the default policy names."""

_SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)
_START_S = 120.0

Table = Mapping[str, Any]


def hoopwire_command(*arguments: str) -> list[str]:
    """The command line that runs this very installation's `hoopwire`."""
    script = Path(sys.executable).with_name("hoopwire")
    program = [str(script)] if script.exists() else [sys.executable, "-m", "hoopwire"]
    return [*program, *arguments]


def toml_text(table: Table) -> str:
    """A table as TOML: strings, numbers, booleans, lists of these, tables, and lists of tables."""
    return "\n".join(_toml_lines(table, ())) + "\n"


def _toml_lines(table: Table, path: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    nested: list[str] = []
    for name, value in table.items():
        below = (*path, name)
        header = ".".join(
            json.dumps(part) if not part.replace("-", "a").isalnum() else part for part in below
        )
        if isinstance(value, Mapping):
            nested += ["", f"[{header}]", *_toml_lines(value, below)]
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            for entry in value:
                nested += ["", f"[[{header}]]", *_toml_lines(entry, below)]
        else:
            key = name if name.replace("-", "a").replace("_", "a").isalnum() else json.dumps(name)
            lines.append(f"{key} = {json.dumps(value)}")
    return lines + nested


def merged(base: Table, changes: Table) -> dict[str, Any]:
    """The base with the changes laid over it, table by table; a change of None takes the key out."""
    result = dict(base)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


class RunningGateway:
    """Start with `with`, or with `start()` and `stop()`; `start()` works again after `stop()` and `kill9()`.

    `settings` are laid over the default config file (`merged`). The port stays the same over restarts.
    Whatever the gateway wrote is deleted when the block ends, unless a `directory` was given.
    `arguments` go to `hoopwire serve`; `program` is another installation's `hoopwire`.
    """

    def __init__(
        self,
        pg: ThrowAwayPostgres,
        issuer: str,
        *,
        settings: Table | None = None,
        directory: Path | None = None,
        arguments: tuple[str, ...] = (),
        program: Path | None = None,
    ) -> None:
        self._arguments = arguments
        self._program = hoopwire_command() if program is None else [str(program)]
        self._temporary = directory is None
        self.directory = directory or server_folder("hw-gw-")
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.host = "127.0.0.1"
        self.port = free_port()
        self.control_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._write_keys(pg)
        self.settings = merged(self._default_settings(pg, issuer), settings or {})
        self.configure({})

    # Where things are.

    @property
    def ca(self) -> Path:
        """PEM file of the authority that signed the gateway's certificate."""
        return self.directory / "ca.crt"

    @property
    def config(self) -> Path:
        """The config file."""
        return self.directory / "hoopwire.toml"

    @property
    def recordings(self) -> Path:
        """The directory that the gateway records into."""
        return Path(self.settings["recording"]["directory"])

    @property
    def checkpoints(self) -> Path:
        """The file of signed checkpoints."""
        return self.directory / "checkpoints"

    @property
    def public_key(self) -> Path:
        """Public half of the key that signs the recording, PEM."""
        return self.directory / "recording.pub"

    @property
    def log(self) -> str:
        """What the gateway has printed so far, over all its starts."""
        path = self.directory / "gateway.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int:
        """Process id of the running gateway."""
        if self._process is None:
            raise RuntimeError("the gateway is not running")
        return self._process.pid

    @property
    def resident_bytes(self) -> int:
        """Resident memory of the gateway's process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    # What to do with it.

    def configure(self, changes: Table) -> None:
        """Write the config file with these changes; `reload()` makes a running gateway read it."""
        self.settings = merged(self.settings, changes)
        self.config.write_text(toml_text(self.settings))

    def start(self) -> None:
        """Start the process, wait until it answers an SSLRequest. RuntimeError with its log if not."""
        with (self.directory / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._program, "serve", "--config", str(self.config), *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=plain_environment() | {"PYTHONUNBUFFERED": "1"},
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log_text = self.log
                self.kill9()
                raise RuntimeError(f"the gateway did not start:\n{log_text[-4000:]}")
            time.sleep(0.02)

    def stop(self, *, timeout_s: float = 60.0) -> int:
        """SIGTERM, then wait; SIGKILL after the timeout. Returns the exit code (0 if it was not running)."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._process = None
        return code

    def wait(self, *, timeout_s: float = 60.0) -> int:
        """The exit code, once it has ended by itself. TimeoutExpired if it goes on running."""
        if self._process is None:
            raise RuntimeError("the gateway is not running")
        code = self._process.wait(timeout_s)
        self._process = None
        return code

    def kill9(self) -> None:
        """SIGKILL: the process ends where it stands."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def reload(self) -> None:
        """SIGHUP: the gateway reads its config file again and decides every live session again."""
        os.kill(self.pid, signal.SIGHUP)

    def dsn(self, database: str = "orders", *, user: str = "agent", sslmode: str = "verify-full") -> str:
        """A libpq connection string; the password is the token."""
        trust = {} if sslmode == "disable" else {"sslrootcert": self.ca}
        return conninfo(host=self.host, port=self.port, user=user, dbname=database, sslmode=sslmode, **trust)

    def psql(
        self, token: str, database: str, sql: str, *, sslmode: str = "verify-full", timeout_s: float = 60.0
    ) -> Outcome:
        """Run SQL through the gateway with this token (or grant secret) as the password."""
        return run_psql(sql, dsn=self.dsn(database, sslmode=sslmode), password=token, timeout_s=timeout_s)

    def mint(self, token: str, **wish: Any) -> httpx.Response:
        """`POST /v1/grants` with this token: a grant minted explicitly, its secret in the answer."""
        context = ssl.create_default_context(cafile=str(self.ca))
        with httpx.Client(verify=context, trust_env=False) as client:
            return client.post(
                f"https://{self.host}:{self.control_port}/v1/grants",
                headers={"authorization": f"Bearer {token}"},
                json=wish,
            )

    def hoopwire(self, *arguments: str, config: bool = True, timeout_s: float = 60.0) -> Outcome:
        """Run an operator's command, with `--config` at its end unless told otherwise."""
        command = hoopwire_command(*arguments, *(("--config", str(self.config)) if config else ()))
        done = subprocess.run(
            command,
            env=plain_environment(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.rstrip("\n"), done.stderr.rstrip("\n"))

    def verify(self) -> Outcome:
        """`hoopwire recordings verify` over all that was recorded."""
        arguments = ("recordings", "verify", str(self.recordings), "--key", str(self.public_key))
        return self.hoopwire(*arguments, config=False)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._forget()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._forget()

    def _forget(self) -> None:
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _answers(self) -> bool:
        """The control API opens last, so that it is asked last."""
        try:
            with socket.create_connection((self.host, self.port), 1.0) as probe:
                probe.settimeout(1.0)
                probe.sendall(_SSL_REQUEST)
                if probe.recv(1) != b"S":
                    return False
            socket.create_connection((self.host, self.control_port), 1.0).close()
            return Path(self.settings["listen"]["admin_socket"]).exists()
        except OSError:
            return False

    def _write_keys(self, pg: ThrowAwayPostgres) -> None:
        authority = Authority("hoopwire throw-away gateway authority")
        self.ca.write_text(authority.certificate)
        authority.server("localhost", "127.0.0.1").write(self.directory, "gateway")
        signer = Ed25519PrivateKey.generate()
        private = signer.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(self.directory / "recording.key", private.decode())
        public = signer.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public_key.write_bytes(public)
        write_private(self.directory / "upstream.password", pg.password("app"))

    def _default_settings(self, pg: ThrowAwayPostgres, issuer: str) -> dict[str, Any]:
        directory = self.directory
        upstream = {
            "host": pg.host,
            "port": pg.port,
            "user": "app",
            "ca": str(pg.ca),
            "credential": {"file": str(directory / "upstream.password")},
        }
        return {
            "gateway": {"node": "gw-test", "audience": AUDIENCE, "state": str(directory / "state")},
            "listen": {
                "postgres": [f"{self.host}:{self.port}"],
                "control": f"{self.host}:{self.control_port}",
                "admin_socket": str(directory / "admin.sock"),
                "tls": {
                    "certificate": str(directory / "gateway.crt"),
                    "key": str(directory / "gateway.key"),
                },
            },
            "recording": {
                "directory": str(directory / "recordings"),
                "signing_key": str(directory / "recording.key"),
                "segment": "16MiB",
                "checkpoints": str(self.checkpoints),
            },
            "issuers": {"dev": {"issuer": issuer, "kind": "okta", "dev": True}},
            "targets": {
                "orders": {**upstream, "databases": ["orders", "analytics"]},
                "secrets": {**upstream, "databases": ["secrets"]},
            },
            "policies": [
                {
                    "name": "order-agents",
                    "groups": [GROUP],
                    "targets": ["orders"],
                    # Any statement: tests of exact actions name them.
                    "actions": ["query"],
                    "ttl": "15m",
                    "max_sessions": 200,
                }
            ],
        }
