"""Planted secrets: none of them may be found in anything that the gateway leaves or shows.

A recorder kept the startup packet with the password in it; a log printed the token of a refused login; a
command line showed a key to every user of the machine.
"""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.postgres import client_environment, postgres_program, run_psql
from support.wait import wait_for

ALLOWED = {"upstream.password", "recording.key", "gateway.key"}
"""Files of the gateway's directory that hold a secret because they are its home."""


@dataclass(frozen=True)
class Scene:
    """Needles by name, and everything that was left or shown, by where."""

    needles: "dict[str, str]"
    hay: "dict[str, bytes]"


def _parts(name: str, token: str) -> "dict[str, str]":
    """A token, and the parts of it that must not stand alone either."""
    _, payload, signature = token.split(".")
    return {name: token, f"{name}: payload": payload, f"{name}: signature": signature}


@pytest.fixture(scope="module")
def scene(pg, issuer) -> Scene:
    """Sessions of every kind, good and refused, while and after which everything is collected."""
    cid = issuer.client(groups=[GROUP], ttl_s=3600).cid
    good, bad = issuer.token(cid), issuer.token(cid, aud="another-gateway")
    misplaced_user, misplaced_database = issuer.token(cid), issuer.token(cid)
    minted = issuer.token(cid)
    hay: dict[str, bytes] = {}
    # The trail goes to standard error, and so into the gateway's log; --verbose logs the most there is.
    with RunningGateway(pg, issuer.issuer, arguments=("--verbose",)) as gateway:
        secret = gateway.mint(minted, target="orders").json()["secret"]
        needles = {
            **_parts("token", good),
            **_parts("refused token", bad),
            **_parts("token as user name", misplaced_user),
            **_parts("token as database name", misplaced_database),
            **_parts("token at the API", minted),
            "grant secret": secret,
            "random half of the grant secret": secret[30:],
            "upstream password": pg.password("app"),
            "signing key": _pem_body(gateway.directory / "recording.key"),
            "key of the gateway's certificate": _pem_body(gateway.directory / "gateway.key"),
        }
        sleeper = subprocess.Popen(
            [postgres_program("psql"), "-XAtq", "-d", gateway.dsn(), "-c", "select pg_sleep(600)"],
            env=client_environment(PGPASSWORD=good),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        sleeping = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%'"
        wait_for(lambda: pg.psql(sleeping).out == "2", "the statement runs")
        hay["pg_stat_activity"] = pg.psql("select * from pg_stat_activity").out.encode()
        hay["command lines"] = b"".join(_command_lines())
        hay["sessions list"] = repr(gateway.hoopwire("sessions", "list", "--json")).encode()
        sleeper.send_signal(signal.SIGINT)
        hay["psql's own output"] = sleeper.communicate(timeout=60)[0]
        shown = [
            gateway.psql(secret, "orders", "select 'by secret'"),
            gateway.psql(bad, "orders", "select 1"),
            gateway.psql(good[:-10], "orders", "select 1"),
            gateway.psql(secret[:-1], "orders", "select 1"),
            run_psql("select 1", dsn=gateway.dsn(user=misplaced_user), password=misplaced_user),
            run_psql("select 1", dsn=gateway.dsn(misplaced_database), password=good),
            run_psql("select 1", dsn=gateway.dsn(sslmode="disable"), password=good),
            gateway.psql(good, "secrets", "select 1"),
            gateway.hoopwire("grants", "list", "--json"),
            gateway.hoopwire("check"),
        ]
        hay["outputs"] = repr(shown).encode()
        assert b"by secret" in hay["outputs"]
        gateway.kill9()
        hay |= _files(gateway.directory, "killed gateway")
        gateway.start()
        gateway.stop()
        hay |= _files(gateway.directory, "stopped gateway")
    hay["log of the database"] = pg.log.encode()
    return Scene(needles, hay)


def _pem_body(path: Path) -> str:
    return "".join(path.read_text().splitlines()[1:-1])[:40]


def _command_lines() -> "list[bytes]":
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(process.read_bytes())
        except OSError:
            continue
    return found


def _files(directory: Path, when: str) -> "dict[str, bytes]":
    return {
        f"{when}: {path.relative_to(directory)}": path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in ALLOWED
    }


def test_the_hay_is_whole(scene):
    """The search can fail: what should be found is found in each kind of place."""
    names = " ".join(scene.hay)
    assert "gateway.log" in names
    assert "recordings/" in names
    assert "state/" in names
    recorded = b"".join(content for name, content in scene.hay.items() if "recordings/" in name)
    assert b"by secret" in recorded
    assert b"pg_sleep(600)" in scene.hay["pg_stat_activity"]
    assert b"psql" in scene.hay["command lines"]


def test_no_secret_anywhere(scene):
    """They are in no log, recording, store, error, command line or activity view."""
    found = [
        f"{name} in {place}"
        for name, needle in scene.needles.items()
        for place, content in scene.hay.items()
        if needle.encode() in content
    ]
    assert not found, found
