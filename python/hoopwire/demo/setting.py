"""What the demo plays in: a dev issuer with two agents, a throw-away PostgreSQL, and the gateway."""

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hoopwire.demo.certificates import write_private
from hoopwire.demo.gateway import AUDIENCE, RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres, plain_environment, postgres_program
from hoopwire.demo.sshd import HOST, ThrowAwaySshd, sshd_program

_POLICIES = [
    {
        "name": "reports",
        "groups": ["order-agents"],
        "targets": ["orders"],
        "actions": ["select on public.*", "catalog", "call pg_catalog.pg_sleep"],
        "masks": {"public.customers.email": "partial"},
        "budgets": {"rows": 100_000},
        "ttl": "15m",
    },
    {
        "name": "brief",
        "groups": ["brief-agents"],
        "targets": ["orders"],
        "actions": ["read-only", "call pg_catalog.pg_sleep"],
        "ttl": "30s",
    },
]


def _host_policies(directory: Path) -> list[dict[str, Any]]:
    return [
        {
            "name": "host-reports",
            "groups": ["order-agents"],
            "targets": [HOST],
            "actions": ["exec uptime", "exec cat /etc/hostname", f"sftp read {directory}/www"],
            "ttl": "15m",
        },
        {
            "name": "host-brief",
            "groups": ["brief-agents"],
            "targets": [HOST],
            "actions": ["shell", "pty"],
            "ttl": "30s",
        },
    ]


# A client-credentials request as any OAuth client makes it, with the standard library only.
_TOKEN = """# token AGENT [AUDIENCE]: an access token of the agent, from the dev issuer.
import json, sys, urllib.parse, urllib.request

clients = {clients}
form = {{"grant_type": "client_credentials", **clients[sys.argv[1]]}}
if len(sys.argv) > 2:
    form["audience"] = sys.argv[2]
body = urllib.parse.urlencode(form).encode()
with urllib.request.urlopen({endpoint!r}, body) as answer:
    print(json.load(answer)["access_token"])
"""


class Setting:
    """Starts all parts, one line of progress each; stops them in reverse order."""

    def __init__(self, directory: Path, *, say: Callable[[str], None]) -> None:
        self.directory = directory
        self._say = say
        self._stack = ExitStack()
        self.sshd: ThrowAwaySshd | None = None
        """The host, if sshd is on this machine."""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def to_export(self) -> list[str]:
        """What the shown commands need, as lines for a shell."""
        programs = ":".join(shlex.quote(program) for program in self._programs)
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self._variables.items()]
        return [lines[0], f"export PATH={programs}:$PATH", *lines[1:]]

    @property
    def environment(self) -> dict[str, str]:
        """The same for a child process."""
        path = ":".join([*self._programs, os.environ.get("PATH", os.defpath)])
        return plain_environment() | self._variables | {"PATH": path, "PSQLRC": "/dev/null", "PAGER": ""}

    @property
    def _programs(self) -> list[str]:
        return [str(Path(sys.executable).parent), str(Path(postgres_program("psql")).parent)]

    @property
    def _variables(self) -> dict[str, str]:
        directory = str(self.directory)
        return {
            "DIR": directory,
            "HOOPWIRE_CONFIG": f"{directory}/hoopwire.toml",
            "PGHOST": self.gateway.host,
            "PGPORT": str(self.gateway.port),
            "PGUSER": "agent",
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": f"{directory}/ca.crt",
            "TARGET_PORT": str(self.pg.port),
            "CONTROL": f"https://{self.gateway.host}:{self.gateway.control_port}",
        }

    @property
    def audit(self) -> str:
        """The audit trail so far."""
        return (self.directory / "audit.jsonl").read_text()

    def sessions(self) -> list[dict[str, Any]]:
        """Live sessions, as `hoopwire sessions list --json` tells them."""
        listed = self.gateway.hoopwire("sessions", "list", "--json")
        found: list[dict[str, Any]] = json.loads(listed.out) if listed.ok else []
        return found

    def _start(self) -> None:
        began = time.monotonic()

        def started(what: str) -> None:
            self._say(f"  {time.monotonic() - began:4.1f} s  {what}")

        self._say("Starting, all on loopback:")
        self.issuer = self._stack.enter_context(DevIssuer.run_in_thread(audience=AUDIENCE))
        started(f"dev issuer (simulated Okta) at {self.issuer.issuer}")
        self.pg = self._stack.enter_context(ThrowAwayPostgres())
        started(f"throw-away PostgreSQL on port {self.pg.port}: databases orders, analytics, secrets")
        (self.directory / "target-ca.crt").write_text(self.pg.authority.certificate)
        settings: dict[str, Any] = {
            "gateway": {"node": "demo", "expiry_notice": "10s", "reactors": 1},
            "policies": [*_POLICIES],
        }
        program = sshd_program()
        if program is not None:
            self.sshd = self._stack.enter_context(ThrowAwaySshd(program, self.directory / "sshd"))
            started(f"throw-away sshd on port {self.sshd.port}: the host web1")
            settings |= self.sshd.settings
            settings["policies"] += _host_policies(self.directory)
        gateway = RunningGateway(
            self.pg,
            self.issuer.issuer,
            settings=settings,
            directory=self.directory,
            arguments=("--audit", str(self.directory / "audit.jsonl")),
        )
        self.gateway = self._stack.enter_context(gateway)
        started(f"gateway on port {self.gateway.port}, config file {self.gateway.config}")
        self._write_token_script()
        if self.sshd is not None:
            for name in ("reports", "brief"):
                config = "ssh_config" if name == "reports" else "ssh_config_brief"
                self.sshd.write_client(self.directory / config, self.directory / f"id_{name}")

    def _write_token_script(self) -> None:
        clients = {}
        for name, group in (("reports", "order-agents"), ("brief", "brief-agents")):
            client = self.issuer.client(groups=[group], ttl_s=3600)
            clients[name] = {"client_id": client.cid, "client_secret": client.secret}
        script = _TOKEN.format(clients=json.dumps(clients), endpoint=f"{self.issuer.issuer}/v1/token")
        python = write_private(self.directory / "token.py", script)
        # A first line `#!` takes neither a long path nor one with a space in it.
        command = f'exec {shlex.quote(sys.executable)} {shlex.quote(str(python))} "$@"'
        write_private(self.directory / "token", f"#!/bin/sh\n{command}\n").chmod(0o700)
