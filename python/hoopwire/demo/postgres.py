"""A throw-away PostgreSQL: a real server on loopback, gone with everything it wrote when the block ends.

It speaks TLS with a certificate of its own authority, and has one user for each way to log in (`METHODS`):

    with ThrowAwayPostgres() as pg:
        print(pg.psql("select count(*) from orders", user="app", database="orders").out)

PostgreSQL refuses to run as root, so under root it runs as the system's `postgres` user (or `nobody`).
"""

import ctypes
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hoopwire.demo.certificates import Authority, Leaf
from hoopwire.demo.places import conninfo, server_folder

METHODS: Mapping[str, str] = {
    "app": "scram-sha-256",
    "app_md5": "md5",
    "app_password": "password",
    "app_trust": "trust",
    "app_cert": "cert",
}
"""Login users and the `pg_hba.conf` method of each. All but `app` are members of `app`."""

_DATASET = Path(__file__).with_name("dataset.sql")
_START_S = 120.0
_PR_SET_PDEATHSIG = 1


class MissingProgram(RuntimeError):
    """A PostgreSQL program is not installed; the text names the Debian package."""


@dataclass(frozen=True)
class Outcome:
    """What a command answered: exit code, standard output and standard error, without the last newline."""

    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """The exit code is zero."""
        return self.code == 0


CHOSEN = "HOOPWIRE_POSTGRES_BIN"
"""Environment variable: a directory whose PostgreSQL programs come before the installed ones."""


def postgres_program(name: str) -> str:
    """Path of a PostgreSQL program: of `CHOSEN`, else the newest installed one. MissingProgram if none."""
    package = "postgresql" if name in ("initdb", "postgres", "pgbench") else "postgresql-client"
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True
    )
    # A directory may hold the server alone: its clients are then the installed ones.
    places = [path for path in (os.environ.get(CHOSEN),) if path] + [str(path) for path in versions]
    config = shutil.which("pg_config")
    if config is not None:
        places.append(subprocess.check_output([config, "--bindir"], text=True).strip())
    found = shutil.which(name, path=os.pathsep.join(places)) or shutil.which(name)
    if found is None:
        raise MissingProgram(
            f"PostgreSQL's program {name!r} was not found: install the Debian package {package!r}"
        )
    return found


def program_version(name: str) -> int:
    """Major version of a PostgreSQL program."""
    said = subprocess.check_output([postgres_program(name), "--version"], text=True)
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    if found is None:
        raise RuntimeError(f"{name} does not say its version: {said!r}")
    return int(found[1])


def free_port() -> int:
    """A loopback TCP port that is free right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def plain_environment() -> dict[str, str]:
    """The caller's environment without PostgreSQL settings; messages in English, text in UTF-8."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("PG") and name != "LANGUAGE"
    }
    return inherited | {"LC_ALL": "C.UTF-8"}


def client_environment(**settings: str) -> dict[str, str]:
    """The environment for a libpq client: none of the caller's own settings or language, and these."""
    ours = {"PGPASSFILE": "/dev/null", "PGSYSCONFDIR": "/nonexistent", "PGCONNECT_TIMEOUT": "20"}
    return plain_environment() | ours | settings


def run_psql(
    sql: str,
    *,
    dsn: str,
    password: str = "",
    arguments: tuple[str, ...] = (),
    timeout_s: float = 60.0,
    stdin: str | None = None,
) -> Outcome:
    """Run SQL with psql: rows without header, columns split by `|`. The password goes in by environment."""
    command = [postgres_program("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", *arguments]
    done = subprocess.run(
        [*command, "-d", dsn, *(("-c", sql) if sql else ())],
        env=client_environment(PGPASSWORD=password),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        input=stdin if stdin is not None else "",
        check=False,
    )
    return Outcome(done.returncode, done.stdout.rstrip("\n"), done.stderr.rstrip("\n"))


def _setting(value: str) -> str:
    """A value as postgresql.conf and psql's commands take it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def die_with_parent(stop_signal: int) -> Callable[[], None]:
    """A `preexec_fn`: the child gets this signal when the thread that started it ends, in whatever way."""
    libc = ctypes.CDLL(None)

    def arm() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, stop_signal)

    return arm


def server_account() -> pwd.struct_passwd | None:
    """The account to run a server under when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise MissingProgram(
        "PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to run it as"
    )


class ThrowAwayPostgres:
    """Start with `with`, or with `start()` and `stop()`.

    `settings` are lines of `postgresql.conf` on top of the defaults; `dataset=False` leaves the databases
    `orders`, `analytics` and `secrets` out.
    """

    def __init__(self, *, dataset: bool = True, settings: Mapping[str, str] | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.authority = Authority("hoopwire throw-away target authority")
        self._dataset = dataset
        self._settings = dict(settings or {})
        self._account = server_account()
        self._passwords = {user: secrets.token_urlsafe(24) for user in ("postgres", *METHODS)}
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None
        self._client: Leaf = self.authority.client("app_cert")

    @property
    def directory(self) -> Path:
        """Holds the data, the Unix socket, certificates and the server's log."""
        if self._directory is None:
            raise RuntimeError("the server has not been started")
        return self._directory

    @property
    def version(self) -> int:
        """Major version of the server."""
        return int((self.directory / "data" / "PG_VERSION").read_text())

    @property
    def ca(self) -> Path:
        """PEM file of the authority that signed the server's certificate (for 127.0.0.1 and localhost)."""
        return self.directory / "ca.crt"

    @property
    def client_certificate(self) -> tuple[Path, Path]:
        """Certificate and key files of the user `app_cert`."""
        return self.directory / "app_cert.crt", self.directory / "app_cert.key"

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        return (self.directory / "server.log").read_text(errors="replace")

    def password(self, user: str = "app") -> str:
        """The password of a user, random per server."""
        return self._passwords[user]

    def dsn(self, *, user: str = "app", database: str = "orders", sslmode: str = "verify-full") -> str:
        """A libpq connection string without the password."""
        parts = {"host": self.host, "port": self.port, "user": user, "dbname": database, "sslmode": sslmode}
        if sslmode != "disable":
            parts["sslrootcert"] = self.ca
            if user == "app_cert":
                parts["sslcert"], parts["sslkey"] = self.client_certificate
        return conninfo(**parts)

    @property
    def superuser_dsn(self) -> str:
        """A libpq connection string for the superuser over the Unix socket; no password."""
        return self.socket_dsn("postgres")

    def socket_dsn(self, database: str) -> str:
        """The same for another database."""
        return conninfo(host=self.directory, port=self.port, user="postgres", dbname=database)

    def psql(
        self, sql: str, *, user: str = "postgres", database: str = "postgres", timeout_s: float = 60.0
    ) -> Outcome:
        """Run SQL straight at the server: the superuser over the Unix socket, others over TLS."""
        dsn = self.socket_dsn(database) if user == "postgres" else self.dsn(user=user, database=database)
        return run_psql(sql, dsn=dsn, password=self._passwords[user], timeout_s=timeout_s)

    def make_bench_tables(self) -> None:
        """The tables of pgbench in `orders`, at scale 1. RuntimeError with its words if that fails."""
        done = subprocess.run(
            [postgres_program("pgbench"), "-i", "-q", "-s", "1", self.dsn()],
            env=client_environment(PGPASSWORD=self.password()),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"pgbench -i failed: {done.stderr}")

    def start(self) -> None:
        """Make the data directory, start, and wait until it answers. RuntimeError with its log if not."""
        self._directory = server_folder("hw-pg-", self._account)
        try:
            self._initialise()
            self._configure()
            self._launch()
            self._make_users()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server at once and delete what it wrote."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGQUIT)
                try:
                    self._process.wait(10)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            self._process = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _own(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _as_server(self, command: list[str]) -> "subprocess.Popen[bytes]":
        account = self._account
        with (self.directory / "server.log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=client_environment(LC_ALL="C"),
                user=None if account is None else account.pw_uid,
                group=None if account is None else account.pw_gid,
                extra_groups=None if account is None else [],
                preexec_fn=die_with_parent(signal.SIGINT),
            )

    def _initialise(self) -> None:
        command = [
            postgres_program("initdb"),
            "--no-sync",
            "-U",
            "postgres",
            "-A",
            "trust",
        ]
        command += ["--encoding=UTF8", "--locale=C", "-D", str(self.directory / "data")]
        if self._as_server(command).wait(600) != 0:
            raise RuntimeError(f"initdb failed:\n{self.log}")

    def _configure(self) -> None:
        directory, authority = self.directory, self.authority
        (directory / "ca.crt").write_text(authority.certificate)
        # Files of ours that the server reads under its own account, whatever our umask is.
        for path in (
            directory / "ca.crt",
            *authority.server("localhost", "127.0.0.1").write(directory, "server"),
        ):
            self._own(path)
        self._client.write(directory, "app_cert")
        self.port = free_port()
        lines = {
            "listen_addresses": f"'{self.host}'",
            "port": str(self.port),
            # a list of names, each in quotes of its own
            "unix_socket_directories": _setting('"' + str(directory).replace('"', '""') + '"'),
            "ssl": "on",
            "ssl_cert_file": _setting(f"{directory}/server.crt"),
            "ssl_key_file": _setting(f"{directory}/server.key"),
            "ssl_ca_file": _setting(f"{directory}/ca.crt"),
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "300",
            "shared_buffers": "'128MB'",
            # md5 up to 13.
            "password_encryption": "'scram-sha-256'",
            "log_timezone": "'UTC'",
            "timezone": "'UTC'",
        } | self._settings
        data = directory / "data"
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in lines.items())
        rules = ["local all postgres trust", "hostssl all app_cert all cert"]
        rules += [
            f"host all {user} all {method}" for user, method in METHODS.items() if method not in ("cert",)
        ]
        (data / "pg_hba.conf").write_text("\n".join([*rules, "host all all all scram-sha-256", ""]))

    def _launch(self) -> None:
        self._process = self._as_server([postgres_program("postgres"), "-D", str(self.directory / "data")])
        deadline = time.monotonic() + _START_S
        while not self.psql("select 1").ok:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log}")
            time.sleep(0.05)

    def _make_users(self) -> None:
        lines = [f"ALTER ROLE postgres PASSWORD '{self._passwords['postgres']}';"]
        for user, method in METHODS.items():
            encryption = "md5" if method == "md5" else "scram-sha-256"
            lines.append(f"SET password_encryption = '{encryption}';")
            member = "" if user == "app" else " IN ROLE app"
            lines.append(f"CREATE ROLE {user} LOGIN PASSWORD '{self._passwords[user]}'{member};")
        if self._dataset:
            lines.append("\\i " + _setting(str(_DATASET)))
        # By standard input: a password in an argument would be seen in the process list.
        # Without a time limit that `settings` may have: a busy machine takes its time over a database.
        dsn = f"{self.superuser_dsn} options='-c statement_timeout=0'"
        done = run_psql("", dsn=dsn, stdin="\n".join(lines))
        if not done.ok:
            raise RuntimeError(f"the users and databases could not be made:\n{done.err}")
