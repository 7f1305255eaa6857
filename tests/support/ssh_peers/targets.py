"""Servers that others wrote, as targets: each runs on loopback for one block."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hoopwire.demo.postgres import free_port, plain_environment
from support.ssh import sshd, write_key
from support.ssh_peers.asyncssh_server import Settings
from support.ssh_peers.clients import CACHE, OTHER_OPENSSH, TESTS, package_version, said_version
from support.wait import wait_for

SFTP_SERVER = "/usr/lib/openssh/sftp-server"
"""For an sshd whose own has another C library."""


@dataclass(frozen=True)
class Ground:
    """What a target needs of the place it stands in."""

    folder: Path
    """Its own, empty."""
    targets_ca: Path
    """Public key of the gateway's CA; made later."""
    authorized_keys: Path
    """Keys that log in directly, and the gateway's own."""


@dataclass(frozen=True)
class Running:
    """A target that listens."""

    port: int
    host_key: str
    """Public, one line."""
    settings: dict[str, Any]
    """For its table in the config file, beyond its address, login and host key."""


@dataclass(frozen=True)
class Target:
    """One of them. `None` as its version: it isn't here, and `missing` says what would bring it."""

    slug: str
    name: str
    version: str | None
    missing: str
    run: Callable[[Ground], AbstractContextManager[Running]]

    @property
    def titled(self) -> str:
        """With its version."""
        return f"{self.name} {self.version}"


def _sshd(program: str | None) -> Callable[[Ground], AbstractContextManager[Running]]:
    @contextmanager
    def run(ground: Ground) -> Iterator[Running]:
        lines = (
            f"TrustedUserCAKeys {ground.targets_ca}",
            f"AuthorizedKeysFile {ground.authorized_keys}",
            f"Subsystem sftp {SFTP_SERVER if program else 'internal-sftp'}",
        )
        with sshd(ground.folder, *lines, program=program) as server:
            public = (ground.folder / "host_key.pub").read_text().strip()
            yield Running(server.port, public, {})

    return run


@contextmanager
def _child(words: list[str], folder: Path, ready: Callable[[], bool]) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=plain_environment() | {"PYTHONPATH": str(TESTS)},
        )
    try:
        wait_for(lambda: ready() or process.poll() is not None, "a target listens")
        assert process.poll() is None, (folder / "log").read_text()
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _asyncssh(ground: Ground) -> Iterator[Running]:
    folder = ground.folder
    folder.mkdir()
    write_key(folder / "host_key")
    authorized = folder / "authorized"
    authorized.write_text(
        f"cert-authority {ground.targets_ca.read_text()}{ground.authorized_keys.read_text()}"
    )
    port = free_port()
    settings = Settings(port, str(folder / "host_key"), str(authorized))
    (folder / "SETTINGS.json").write_bytes(msgspec.json.encode(settings))
    words = [sys.executable, "-m", "support.ssh_peers.asyncssh_server", str(folder)]
    with _child(words, folder, (folder / "ready").exists):
        yield Running(port, (folder / "host_key.pub").read_text().strip(), {})


@contextmanager
def _dropbear(ground: Ground) -> Iterator[Running]:
    """It reads the account's own authorized_keys: ours lies over it, for this process alone."""
    folder = ground.folder
    folder.mkdir()
    host_key = folder / "host_key"
    subprocess.run(["dropbearkey", "-t", "ed25519", "-f", host_key], capture_output=True, check=True)
    shown = subprocess.run(["dropbearkey", "-y", "-f", host_key], capture_output=True, text=True, check=True)
    line = next(line for line in shown.stdout.splitlines() if line.startswith("ssh-ed25519 "))
    # dbclient takes a comment for a part of the key.
    public = " ".join(line.split()[:2])
    gateway_key = folder / "gateway_key"
    write_key(gateway_key)
    home = folder / "ssh"
    home.mkdir(mode=0o700)
    keys = home / "authorized_keys"
    keys.write_text(ground.authorized_keys.read_text() + gateway_key.with_suffix(".pub").read_text())
    keys.chmod(0o600)
    port = free_port()
    own = Path.home() / ".ssh"
    own.mkdir(mode=0o700, exist_ok=True)
    serve = f"exec dropbear -F -E -r {host_key} -p 127.0.0.1:{port} -P {folder}/pid"
    words = ["unshare", "-m", "sh", "-c", f"mount --bind {home} {own} && {serve}"]
    log = folder / "log"
    with _child(words, folder, lambda: log.exists() and b"Not backgrounding" in log.read_bytes()):
        credential = {"file": str(gateway_key)}
        yield Running(port, public, {"login_by": "key", "credential": credential})


def _dropbear_version() -> str | None:
    """None also where nothing can be laid over a folder."""
    if os.geteuid() != 0 or shutil.which("dropbearkey") is None:
        return None
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0:
        return None
    return said_version(["dropbear", "-V"], r"v([\d.]+)")


def targets() -> list[Target]:
    """All of them, also those that aren't here."""
    other = str(Path(os.environ.get(OTHER_OPENSSH, CACHE / "openssh")) / "sshd")
    openssh = r"OpenSSH_([\d.]+)"
    return [
        Target("openssh", "OpenSSH", said_version(["ssh", "-V"], openssh), "openssh-server", _sshd(None)),
        Target(
            "openssh-other",
            "OpenSSH",
            said_version([other, "-V"], openssh),
            f"scripts/ssh-peers, or {OTHER_OPENSSH}",
            _sshd(other),
        ),
        Target("asyncssh", "asyncssh", package_version("asyncssh"), "asyncssh (PyPI)", _asyncssh),
        Target("dropbear", "dropbear", _dropbear_version(), "dropbear-bin, as root", _dropbear),
    ]
