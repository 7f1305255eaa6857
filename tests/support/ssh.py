"""Keys and programs of OpenSSH for tests: `ssh-keygen`, and an sshd on loopback that runs for one block."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hoopwire.model.ssh.keys import PrivateKey, public_line

_START_S = 60.0


def write_key(path: Path, key: PrivateKey | None = None) -> PrivateKey:
    """A private key in OpenSSH's form, mode 0600, and its public half beside it."""
    key = key or ed25519.Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.chmod(0o600)
    path.with_name(path.name + ".pub").write_text(public_line(key.public_key()) + "\n")
    return key


def shown(certificate: str, folder: Path) -> dict[str, list[str]]:
    """What `ssh-keygen -L` says of a certificate: each heading with its values."""
    path = folder / "shown-cert.pub"
    path.write_text(certificate + "\n")
    done = subprocess.run(["ssh-keygen", "-L", "-f", path], capture_output=True, text=True, check=True)
    said: dict[str, list[str]] = {}
    heading = ""
    for line in done.stdout.splitlines()[1:]:
        if line.startswith(" " * 16):
            said[heading].append(line.strip())
        else:
            heading, _, value = line.strip().partition(":")
            said[heading] = [value.strip()] if value.strip() else []
    return {name: [value for value in values if value != "(none)"] for name, values in said.items()}


@dataclass(frozen=True)
class Sshd:
    """A running sshd."""

    port: int
    folder: Path
    host_key: PrivateKey
    pid: int

    @property
    def log(self) -> str:
        """What it has said, at level VERBOSE."""
        return (self.folder / "sshd.log").read_text()


def account() -> str:
    """Who tests log in as: there is no other account that an sshd of ours could become."""
    return getpass.getuser()


@contextmanager
def sshd(folder: Path, *settings: str, program: str | None = None) -> Iterator[Sshd]:
    """An sshd with these lines in its configuration, of which the first of a kind counts.

    Else it knows no passwords and no authorized_keys. `program` is another one than this machine's.
    """
    folder.mkdir(exist_ok=True)
    host_key = write_key(folder / "host_key")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder / 'host_key'}",
        f"PidFile {folder / 'sshd.pid'}",
        *settings,
        "StrictModes no",
        "UsePAM no",
        "PermitRootLogin yes",
        "AuthorizedKeysFile none",
        "PasswordAuthentication no",
        "LogLevel VERBOSE",
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    program = program or shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program is not None, "install openssh-server"
    command = [program, "-D", "-e", "-f", str(folder / "sshd_config")]
    # From 9.8 on a few refused logins shut our address out, which is every test's.
    lenient = ["-o", "PerSourcePenalties=no"]
    if subprocess.run([program, "-t", *command[3:], *lenient], capture_output=True).returncode == 0:
        command += lenient
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(port, process)
        yield Sshd(port, folder, host_key, process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        assert process.poll() is None, "sshd did not start"
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("sshd does not answer")


def ssh(
    server: Sshd, options: list[str], *command: str, login: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """`ssh` to it, with nothing of the account's own configuration; its host key is pinned."""
    known = server.folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {public_line(server.host_key.public_key())}\n")
    words = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes"]
    words += ["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-p", str(server.port)]
    words += ["-l", login or account(), *options, "127.0.0.1", *command]
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
