"""Clients that others wrote, each as the command that does a `Task`."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hoopwire.demo.postgres import plain_environment
from support.ssh_peers.task import REKEY_BYTES, By, Login, Task

TESTS = Path(__file__).resolve().parents[2]
OTHER_OPENSSH = "HOOPWIRE_OTHER_OPENSSH"
"""Environment: a folder with `ssh` and `sshd` of another version."""
CACHE = TESTS.parent / ".cache/ssh_peers"
LOGINS: tuple[By, ...] = ("key", "certificate", "password", "keyboard-interactive")


@dataclass(frozen=True)
class Command:
    """A program to run for a task."""

    words: list[str]
    stdin: bytes | None = None
    """None: the task's own."""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Client:
    """One of them. `None` as its version: it isn't here, and `missing` says what would bring it."""

    slug: str
    name: str
    version: str | None
    missing: str
    command: Callable[[Task], Command]
    logins: tuple[By, ...] = LOGINS
    """What it knows, and can be told to use alone."""
    does: frozenset[str] = frozenset({"exec", "terminal", "put", "get", "refused"})
    rekeys: bool = True
    driven: bool = False
    """A driver: its terminal takes lines of JSON."""

    @property
    def titled(self) -> str:
        """With its version."""
        return f"{self.name} {self.version}"


def said_version(words: list[str], pattern: str) -> str | None:
    """What a program says of itself, where there is one."""
    if shutil.which(words[0]) is None:
        return None
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else None


# OpenSSH.


def _openssh(program: str) -> Callable[[Task], Command]:
    def command(task: Task) -> Command:
        login = task.login
        options = [*("-F", "none"), *_options(login)]
        if task.rekey:
            options += ["-o", f"RekeyLimit={REKEY_BYTES}"]
        variables = {}
        if login.by in ("password", "keyboard-interactive"):
            askpass = login.folder / "askpass"
            askpass.write_text(f"#!/bin/sh\nexec cat {login.folder}/secret\n")
            askpass.chmod(0o700)
            variables = {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
        if task.do in ("put", "get"):
            source, to = (task.local, task.remote) if task.do == "put" else (task.remote, task.local)
            batch = f"{task.do} {source} {to}\n".encode()
            words = ["sftp", "-q", "-S", program, *options, "-P", str(login.port), "-b", "-"]
            return Command([*words, f"{login.user}@127.0.0.1"], batch, variables)
        words = [program, *options, "-p", str(login.port), *(["-tt"] if task.do == "terminal" else [])]
        words += [f"{login.user}@127.0.0.1", *([task.command] if task.command else [])]
        return Command(words, variables=variables)

    return command


def _options(login: Login) -> list[str]:
    settings = {
        "UserKnownHostsFile": login.known_hosts,
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "IdentityAgent": "none",
        "IdentitiesOnly": "yes",
        "NumberOfPasswordPrompts": "1",
        "LogLevel": "ERROR",
    }
    if login.by in ("password", "keyboard-interactive"):
        settings |= {"PreferredAuthentications": login.by, "PubkeyAuthentication": "no"}
    else:
        settings |= {"BatchMode": "yes", "IdentityFile": login.key}
    if login.by == "certificate":
        settings["CertificateFile"] = login.certificate
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


# PuTTY: a saved session has what its command line lacks.


def _putty(task: Task) -> Command:
    login = task.login
    home = login.folder / f"putty-{login.by}"
    session = home / ".putty/sessions/it"
    if not session.exists():
        session.parent.mkdir(parents=True)
        by_answers = login.by == "keyboard-interactive"
        session.write_text(
            f"AuthKI={int(by_answers)}\nRekeyBytes=1M\nPublicKeyFile=\nTryAgent=0\nCompression=0\n"
            f"PortNumber={login.port}\nProtocol=ssh\nTerminalType=xterm\n"
        )
    fingerprint = (login.folder / "fingerprint").read_text()
    words = ["psftp" if task.do in ("put", "get") else "plink", "-batch", "-hostkey", fingerprint]
    words += ["-load", "it"] if task.rekey or login.by in ("password", "keyboard-interactive") else []
    words += ["-noagent", "-P", str(login.port), "-l", login.user]
    if login.by in ("password", "keyboard-interactive"):
        words += ["-pwfile", str(login.folder / "secret")]
    else:
        words += ["-i", str(login.folder / "id.ppk")]
        words += ["-cert", str(login.certificate)] if login.by == "certificate" else []
    variables = {"HOME": str(home)}
    if task.do in ("put", "get"):
        ends = (task.local, task.remote) if task.do == "put" else (task.remote, task.local)
        return Command([*words, "127.0.0.1"], f"{task.do} {ends[0]} {ends[1]}\n".encode(), variables)
    words += ["-t"] if task.do == "terminal" else []
    words += ["127.0.0.1", *([task.command] if task.command else [])]
    return Command(words, variables=variables)


def _dropbear(task: Task) -> Command:
    login = task.login
    home = login.folder / "dropbear"
    known = home / ".ssh/known_hosts"
    if not known.exists():
        known.parent.mkdir(parents=True)
        # It names hosts without their port.
        known.write_text("127.0.0.1 " + login.known_hosts.read_text().partition(" ")[2])
    words = ["dbclient", "-p", str(login.port), *(["-t"] if task.do == "terminal" else [])]
    variables = {"HOME": str(home)}
    if login.by == "key":
        words += ["-i", str(login.folder / "id.dropbear")]
    else:
        variables["DROPBEAR_PASSWORD"] = login.secret
    words += [f"{login.user}@127.0.0.1", *([task.command] if task.command else [])]
    return Command(words, variables=variables)


# Libraries.


def _driver(module: str) -> Callable[[Task], Command]:
    def command(task: Task) -> Command:
        words = [sys.executable, "-m", f"support.ssh_peers.{module}", task.text()]
        return Command(words, variables={"PYTHONPATH": str(TESTS)})

    return command


def package_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _libssh() -> str | None:
    code = "from support.ssh_peers.libssh_client import lib; print('version', lib.ssh_version(0).decode())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=plain_environment() | {"PYTHONPATH": str(TESTS)},
        check=False,
    )
    found = re.search(r"version ([\d.]+)", done.stdout)
    return found[1] if found else None


GO_PROGRAM = CACHE / "goclient"


def _go_version() -> str | None:
    """Where it was built: `scripts/ssh-peers` does that."""
    module = (Path(__file__).parent / "go/go.mod").read_text()
    found = re.search(r"x/crypto v([\d.]+)", module)
    return found[1] if found and GO_PROGRAM.exists() else None


def _other_openssh() -> str:
    return str(Path(os.environ.get(OTHER_OPENSSH, CACHE / "openssh")) / "ssh")


def clients() -> list[Client]:
    """All of them, also those that aren't here."""
    openssh = r"OpenSSH_([\d.]+)"
    no_sftp = frozenset({"exec", "terminal", "refused"})
    return [
        Client("openssh", "OpenSSH", said_version(["ssh", "-V"], openssh), "openssh-client", _openssh("ssh")),
        Client(
            "openssh-other",
            "OpenSSH",
            said_version([_other_openssh(), "-V"], openssh),
            f"scripts/ssh-peers, or {OTHER_OPENSSH}",
            _openssh(_other_openssh()),
        ),
        Client(
            "asyncssh",
            "asyncssh",
            package_version("asyncssh"),
            "asyncssh (PyPI)",
            _driver("asyncssh_client"),
            driven=True,
        ),
        Client(
            "paramiko",
            "paramiko",
            package_version("paramiko"),
            "paramiko (PyPI)",
            _driver("paramiko_client"),
            driven=True,
        ),
        Client("libssh", "libssh", _libssh(), "libssh-4", _driver("libssh_client"), driven=True),
        Client(
            "go",
            "Go x/crypto/ssh",
            _go_version(),
            "scripts/ssh-peers, with a Go toolchain",
            lambda task: Command([str(GO_PROGRAM), task.text()]),
            does=no_sftp,
            driven=True,
        ),
        Client(
            "dropbear",
            "dropbear dbclient",
            said_version(["dbclient", "-V"], r"v([\d.]+)"),
            "dropbear-bin",
            _dropbear,
            # It takes the first way that the server offers and a password fits.
            logins=("key", "keyboard-interactive"),
            does=no_sftp,
            rekeys=False,
        ),
        Client(
            "putty",
            "PuTTY plink, psftp",
            said_version(["plink", "-V"], r"Release ([\d.]+)"),
            "putty-tools",
            _putty,
        ),
    ]
