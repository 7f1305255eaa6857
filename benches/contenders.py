"""The proxies that hoopwire is compared with: each listens on loopback in front of one throw-away PostgreSQL.

All dial the target in clear on loopback. What each does about TLS toward the client is said in `tls`.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hoopwire.control.engine import read_frames
from hoopwire.demo.certificates import Authority
from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.places import conninfo
from hoopwire.demo.postgres import ThrowAwayPostgres, free_port, server_account
from hoopwire.recordings import read_directory
from hoopwire.recordings.frames import Result, SessionEnd

USER = "app_trust"


@dataclass(frozen=True)
class Contender:
    """One way to the target, in clear (`plain`) or through TLS (`tls`)."""

    name: str
    leg: str
    port: int
    pid: int | None
    """Process whose threads are counted; None for the direct connection."""
    tls: str
    """What it does about TLS, in words for the report."""
    ca: Path | None = None
    password: Callable[[], str] = lambda: ""

    @property
    def dsn(self) -> str:
        """A libpq connection string."""
        trust = (
            {"sslmode": "disable"} if self.ca is None else {"sslmode": "verify-full", "sslrootcert": self.ca}
        )
        return conninfo(host="127.0.0.1", port=self.port, user=USER, dbname="orders", **trust)

    def cpu_ns(self) -> int:
        """Time on a CPU of all its threads so far."""
        if self.pid is None:
            return 0
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except FileNotFoundError:
                continue
        return total


class Field:
    """Everything that runs during a benchmark; leaves nothing behind."""

    def __init__(self, without: set[str], beside: Path | None = None) -> None:
        self._without = without
        self._beside = beside
        self._stack = ExitStack()
        self.gateways: list[RunningGateway] = []
        self.contenders: list[Contender] = []

    def __enter__(self) -> "Field":
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.pg = self._stack.enter_context(ThrowAwayPostgres())
        directory = Path(tempfile.mkdtemp(prefix="hw-bench-"))
        directory.chmod(0o755)
        self._stack.callback(shutil.rmtree, directory, True)
        authority = Authority("benchmark authority")
        (directory / "ca.crt").write_text(authority.certificate)
        authority.server().write(directory, "server")
        self._add("direct", "plain", self.pg.port, None, "none")
        self._add("direct", "tls", self.pg.port, None, "the target's own", self.pg.ca)
        self._relay(directory)
        if "haproxy" not in self._without:
            self._haproxy(directory)
        self._pgbouncer(directory)
        if "hoopwire" not in self._without:
            self._hoopwire()
        if self._beside is not None:
            self._hoopwire("before", self._beside)

    def _add(
        self,
        name: str,
        leg: str,
        port: int,
        pid: int | None,
        tls: str,
        ca: Path | None = None,
        password: Callable[[], str] = lambda: "",
    ) -> None:
        self.contenders.append(Contender(name, leg, port, pid, tls, ca, password))

    def _run(self, command: list[str], port: int, *, unprivileged: bool = False) -> int:
        account = server_account() if unprivileged else None
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=None if account is None else account.pw_uid,
            group=None if account is None else account.pw_gid,
            extra_groups=None if account is None else [],
        )

        def end() -> None:
            process.kill()
            process.wait()

        self._stack.callback(end)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return process.pid
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} did not start") from None
                time.sleep(0.02)

    def _relay(self, directory: Path) -> None:
        program = directory / "relay"
        source = Path(__file__).with_name("relay.c")
        subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
        port = free_port()
        pid = self._run([str(program), str(port), str(self.pg.port)], port)
        self._add("relay", "plain", port, pid, "none")
        self._add("relay", "tls", port, pid, "passes it through", self.pg.ca)

    def _haproxy(self, directory: Path) -> None:
        port = free_port()
        config = directory / "haproxy.cfg"
        config.write_text(
            "global\n  nbthread 1\n  maxconn 4096\n"
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
            f"listen postgres\n  bind 127.0.0.1:{port}\n  server target 127.0.0.1:{self.pg.port}\n"
        )
        pid = self._run([_program("haproxy"), "-db", "-f", str(config)], port)
        self._add("haproxy", "plain", port, pid, "none")
        self._add("haproxy", "tls", port, pid, "passes it through", self.pg.ca)

    def _pgbouncer(self, directory: Path) -> None:
        account = server_account()
        users = directory / "users.txt"
        users.write_text(f'"{USER}" ""\n')
        for leg in ("plain", "tls"):
            port = free_port()
            config = directory / f"pgbouncer-{leg}.ini"
            lines = [
                "[databases]",
                f"orders = host=127.0.0.1 port={self.pg.port}",
                "[pgbouncer]",
                f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
                f"auth_type = trust\nauth_file = {users}\npool_mode = session",
                "max_client_conn = 1000\ndefault_pool_size = 200\nserver_tls_sslmode = disable",
                "log_connections = 0\nlog_disconnections = 0",
            ]
            if leg == "tls":
                lines += [
                    "client_tls_sslmode = require",
                    f"client_tls_cert_file = {directory / 'server.crt'}",
                    f"client_tls_key_file = {directory / 'server.key'}",
                ]
            config.write_text("\n".join(lines) + "\n")
            for path in (config, users, directory / "server.key"):
                if account is not None:
                    os.chown(path, account.pw_uid, account.pw_gid)
            pid = self._run([_program("pgbouncer"), str(config)], port, unprivileged=True)
            ca = directory / "ca.crt" if leg == "tls" else None
            self._add("pgbouncer", leg, port, pid, "ends it" if leg == "tls" else "none", ca)

    def _hoopwire(self, name: str = "hoopwire", program: Path | None = None) -> None:
        issuer = self._stack.enter_context(DevIssuer.run_in_thread())
        agent = issuer.client(groups=[GROUP], ttl_s=3600).cid
        exact = issuer.client(groups=["exact"], ttl_s=3600).cid
        upstream = {"tls": "disable", "ca": None, "user": USER, "credential": {"file": None, "trust": True}}
        settings = {
            "gateway": {"reactors": 1},
            "recording": {"segment": "64MiB"},
            "targets": {"orders": upstream},
            "policies": [
                {
                    "name": "bench",
                    "groups": [GROUP],
                    "targets": ["orders"],
                    "actions": ["query"],
                    "ttl": "1h",
                    "max_sessions": 500,
                },
                {
                    "name": "exact",
                    "groups": ["exact"],
                    "targets": ["orders"],
                    "actions": ["read-only", "insert on public.sink"],
                    "ttl": "1h",
                    "max_sessions": 500,
                },
            ],
        }
        gateway = RunningGateway(self.pg, issuer.issuer, settings=settings, program=program)
        self.gateways.append(self._stack.enter_context(gateway))
        for contender, cid in ((name, agent), (f"{name}-exact", exact)):
            self._add(
                contender,
                "tls",
                gateway.port,
                gateway.pid,
                "ends it, and records" + (", and decides each statement" if cid == exact else ""),
                gateway.ca,
                partial(issuer.token, cid),
            )

    def check_recording(self, rows: int) -> None:
        """Void the run unless what was delivered is recorded: every byte, every row, and it verifies."""
        if not self.gateways:
            return
        recorded_bytes = recorded_rows = delivered_bytes = 0
        for gateway in self.gateways:
            gateway.stop()
            verified = gateway.verify()
            if not verified.ok:
                raise SystemExit(f"void: the recording does not verify\n{verified.out}{verified.err}")
            for entry in read_directory(gateway.recordings, read_frames):
                if isinstance(entry.frame, Result):
                    recorded_bytes += entry.frame.bytes
                    recorded_rows += entry.frame.rows
                elif isinstance(entry.frame, SessionEnd):
                    delivered_bytes += entry.frame.bytes_out
        if (recorded_bytes, recorded_rows) != (delivered_bytes, rows):
            raise SystemExit(
                f"void: {delivered_bytes} bytes and {rows} rows were delivered,"
                f" {recorded_bytes} and {recorded_rows} recorded"
            )
        print(f"recorded and delivered alike: {recorded_bytes / 1e9:.2f} GB, {recorded_rows} rows")


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        raise SystemExit(f"{name} is not installed: apt-get install {name} (or make bench, as root)")
    return found
