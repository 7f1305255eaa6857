"""A throw-away sshd on loopback, and the gateway's keys for it: the demo's host.

Everybody logs in as the account that runs the demo: an sshd that is not root's can become nobody else.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from hoopwire.demo.certificates import write_private
from hoopwire.demo.postgres import die_with_parent, free_port

HOST = "web1"
_START_S = 60.0


def sshd_program() -> str | None:
    """Where sshd is, if it and ssh are there."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return shutil.which("sshd", path=path) if shutil.which("ssh") else None


class ThrowAwaySshd:
    """Start with `with`. It trusts the targets' CA alone; `directory` gets the keys and the log."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self.directory = directory
        self.directory.mkdir(mode=0o700)
        self.port = free_port()
        self.gateway_port = free_port()
        self.login = getpass.getuser()
        self._process: subprocess.Popen[bytes] | None = None
        self._public = {
            name: _write_key(directory / name)
            for name in ("host_key", "agents_ca", "targets_ca", "web1_host_key")
        }

    @property
    def settings(self) -> dict[str, Any]:
        """The gateway's part of it."""
        keys = {
            name: {"file": str(self.directory / name)} for name in ("host_key", "agents_ca", "targets_ca")
        }
        return {
            "listen": {"ssh": [f"127.0.0.1:{self.gateway_port}"]},
            "ssh": keys,
            "targets": {
                HOST: {
                    "protocol": "ssh",
                    "host": "127.0.0.1",
                    "port": self.port,
                    "logins": [self.login],
                    "host_keys": [self._public["web1_host_key"]],
                }
            },
        }

    def write_client(self, path: Path, key: Path) -> None:
        """A key, and an ssh_config by which `ssh web1` goes through the gateway."""
        _write_key(key)
        known = self.directory / "known_hosts"
        known.write_text(f"[127.0.0.1]:{self.gateway_port} {self._public['host_key']}\n")
        quoted = {
            "UserKnownHostsFile": known,
            "IdentityFile": key,
            "CertificateFile": f"{key}-cert.pub",
        }
        lines = [f"Host {HOST}", "HostName 127.0.0.1", f"Port {self.gateway_port}", f"User {HOST}"]
        lines += [f'{name} "{value}"' for name, value in quoted.items()]
        lines += ["IdentitiesOnly yes", "IdentityAgent none", "BatchMode yes", "LogLevel ERROR"]
        path.write_text("\n".join(lines) + "\n")

    def __enter__(self) -> Self:
        config = self.directory / "sshd_config"
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f'HostKey "{self.directory / "web1_host_key"}"',
            f'TrustedUserCAKeys "{self.directory / "targets_ca.pub"}"',
            f'PidFile "{self.directory / "sshd.pid"}"',
            "AuthorizedKeysFile none",
            "PasswordAuthentication no",
            "PermitRootLogin yes",
            "StrictModes no",
            "UsePAM no",
            "Subsystem sftp internal-sftp",
        ]
        config.write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            # where sshd puts its unprivileged half: Debian's service makes it at its start
            Path("/run/sshd").mkdir(exist_ok=True)
        with (self.directory / "sshd.log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, "-D", "-e", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.directory / "sshd.log").read_text(errors="replace")
                self._stop()
                raise RuntimeError(f"sshd did not start:\n{said[-2000:]}")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0):
                return True
        except OSError:
            return False


def _write_key(path: Path) -> str:
    """A new key, its public half beside it; gives that."""
    key = Ed25519PrivateKey.generate()
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    path.with_name(f"{path.name}.pub").write_text(public + "\n")
    return public
