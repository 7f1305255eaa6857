"""A gateway with an ssh target: a real sshd behind it, and stock clients in front of it."""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from hoopwire.control.engine import read_frames
from hoopwire.custody.ssh import TargetsAuthority
from hoopwire.demo.gateway import RunningGateway, hoopwire_command, merged
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres, free_port, plain_environment
from hoopwire.model.ssh.keys import blob_line, public_line
from hoopwire.model.ssh.login import LoginGrant
from hoopwire.recordings import Entry, read_directory
from support.ssh import Sshd, account, sshd, write_key

TARGET = "web1"
PATIENCE_S = 600.0

Policy = Mapping[str, Any]


@dataclass
class Agent:
    """Somebody with a key and a token, whose ssh is set up as `hoopwire ssh-config` says."""

    house: "SshHouse"
    folder: Path
    token: Callable[[], str]
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / "id_ed25519"

    @property
    def certificate(self) -> Path:
        """The certificate of the grant."""
        return self.folder / "id_ed25519-cert.pub"

    @property
    def config(self) -> Path:
        """An ssh_config file with the host `web1`, which is the gateway."""
        return self.folder / "ssh_config"

    def certify(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`hoopwire ssh-cert`: a new grant, unless the certificate is still good."""
        (self.folder / "token").write_text(self.token())
        command = hoopwire_command(
            "ssh-cert",
            *("--gateway", f"https://{self.house.gateway.host}:{self.house.gateway.control_port}"),
            *("--target", TARGET, "--key", str(self.key), "--ca", str(self.house.gateway.ca)),
            *("--token-file", str(self.folder / "token"), *arguments),
        )
        return subprocess.run(command, capture_output=True, text=True, env=plain_environment(), check=False)

    def command(self, *words: str, program: str = "ssh") -> list[str]:
        """`ssh -F CONFIG ...`, or scp, sftp."""
        return [program, "-F", str(self.config), *words]

    def ssh(
        self, *words: str, stdin: bytes = b"", options: tuple[str, ...] = ()
    ) -> "subprocess.CompletedProcess[bytes]":
        """`ssh web1 WORDS`."""
        return self.run(*self.command(*options, TARGET, *words), stdin=stdin)

    def run(self, *command: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Any program, in the folder of the agent."""
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=plain_environment() | self.variables,
            timeout=PATIENCE_S,
            check=False,
        )

    @property
    def as_shell(self) -> str:
        """`ssh -F CONFIG`, for programs that start ssh themselves."""
        return shlex.join(self.command())


@dataclass
class SshHouse:
    """A running gateway before one sshd."""

    gateway: RunningGateway
    server: Sshd
    issuer: DevIssuer
    folder: Path
    port: int

    def agent(self, name: str, group: str) -> Agent:
        """An agent of this group, with no certificate yet."""
        folder = self.folder / name
        folder.mkdir()
        write_key(folder / "id_ed25519")
        cid = self.issuer.client(groups=[group], ttl_s=3600).cid
        agent = Agent(self, folder, lambda: self.issuer.token(cid))
        known = self.folder / "known_hosts"
        agent.config.write_text(
            f"Host {TARGET}\n"
            f"  HostName {self.gateway.host}\n  Port {self.port}\n  User {TARGET}\n"
            f"  UserKnownHostsFile {known}\n  GlobalKnownHostsFile none\n"
            f"  IdentityFile {agent.key}\n  CertificateFile {agent.certificate}\n"
            "  IdentitiesOnly yes\n  IdentityAgent none\n  BatchMode yes\n  StrictHostKeyChecking yes\n"
            "Host direct\n"
            f"  HostName 127.0.0.1\n  Port {self.server.port}\n  User {account()}\n"
            "  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n"
            f"  IdentityFile {agent.key}\n  CertificateFile {agent.certificate}\n"
            "  IdentitiesOnly yes\n  IdentityAgent none\n  BatchMode yes\n"
        )
        return agent

    def admitted(self, name: str, group: str, *arguments: str) -> Agent:
        """An agent with a certificate."""
        agent = self.agent(name, group)
        done = agent.certify(*arguments)
        assert done.returncode == 0, done.stderr
        return agent

    def entries(self) -> list[Entry]:
        """All that was recorded."""
        return list(read_directory(self.gateway.recordings, read_frames))

    def sessions(self) -> list[dict[str, Any]]:
        """Live ones."""
        listed = self.gateway.hoopwire("sessions", "list", "--json")
        found: list[dict[str, Any]] = msgspec.json.decode(listed.out) if listed.ok else []
        return found

    @property
    def keys(self) -> Path:
        """The private keys of the gateway's host and of its CAs: `host_key`, `agents_ca`, `targets_ca`."""
        return self.folder / "keys"

    @property
    def account(self) -> str:
        """Who everybody is at the target."""
        return account()


@contextmanager
def ssh_house(
    pg: ThrowAwayPostgres,
    issuer: DevIssuer,
    folder: Path,
    policies: list[dict[str, Any]],
    *,
    sshd_lines: tuple[str, ...] = (),
    settings: Mapping[str, Any] | None = None,
    targets: tuple[str, ...] = (TARGET,),
) -> Iterator[SshHouse]:
    """Everything on loopback; all `targets` are the same sshd.

    Programs find an empty HOME: what the account's own start files do is not what is tested.
    `settings` are laid over the config file table by table; keys that are in `folder`/keys already are used.
    """
    keys, home = folder / "keys", folder / "home"
    keys.mkdir(parents=True, exist_ok=True)
    home.mkdir(exist_ok=True)
    for name in ("host_key", "agents_ca", "targets_ca"):
        if not (keys / name).exists():
            write_key(keys / name)
    lines = (
        f"TrustedUserCAKeys {keys / 'targets_ca.pub'}",
        *sshd_lines,
        "AcceptEnv LANG LC_*",
        "Subsystem sftp internal-sftp",
        "MaxSessions 300",
        f"SetEnv HOME={home}",
    )
    port = free_port()
    with sshd(folder / "sshd", *lines) as server:
        base: dict[str, Any] = {
            "listen": {"ssh": [f"127.0.0.1:{port}"]},
            "ssh": {name: {"file": str(keys / name)} for name in ("host_key", "agents_ca", "targets_ca")},
            "targets": {
                target: {
                    "protocol": "ssh",
                    "host": "127.0.0.1",
                    "port": server.port,
                    "logins": [account()],
                    "host_keys": [public_line(server.host_key.public_key())],
                }
                for target in targets
            },
            "policies": policies,
        }
        with RunningGateway(pg, issuer.issuer, settings=merged(base, settings or {})) as gateway:
            public = (keys / "host_key.pub").read_text().strip()
            (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
            yield SshHouse(gateway, server, issuer, folder, port)
            assert "panic" not in gateway.log.lower(), gateway.log[-4000:]


def identity(folder: Path, authority: TargetsAuthority, wanted: LoginGrant) -> Path:
    """`id` and `id-cert.pub`, with which one logs in at the target itself."""
    key, certificate = authority.certify(wanted, time.time())
    private = load_der_private_key(key, password=None)
    (folder / "id").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    (folder / "id").chmod(0o600)
    (folder / "id-cert.pub").write_text(blob_line(certificate) + "\n")
    return folder / "id-cert.pub"


def needs(program: str) -> str | None:
    """The program's place, or none."""
    for part in f"{os.environ.get('PATH', '')}:/usr/sbin".split(":"):
        if (Path(part) / program).exists():
            return str(Path(part) / program)
    return None
