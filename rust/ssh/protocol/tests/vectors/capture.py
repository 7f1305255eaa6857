"""Makes packets.txt: what OpenSSH's client and server and asyncssh say to each other, decrypted.

    python capture.py packets.txt      # needs ssh, sshd, ssh-agent, ssh-keygen and asyncssh; root, for sshd

asyncssh is one end of every connection, and logs each packet that it sends or gets. Lines:

    session SCENARIO SESSION_ID
    packet SCENARIO SENDER PAYLOAD      SENDER is openssh or asyncssh, with -client or -server

Run it again only if the form changes.
"""

# ruff: noqa: ASYNC220, ASYNC221, ASYNC240 (nobody waits for this loop)

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh import connection as asyncssh_connection
from asyncssh.packet import SSHPacketLogger
from asyncssh.sftp import SFTPHandler

PASSWORD = "hunter2"
SSH = ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=no"]
LOG: list[str] = []
SEEN: Counter[tuple[str, str]] = Counter()
SCENARIO = ["none"]
PEER = ["openssh"]
MSG_SERVICE_ACCEPT = 6
MSG_USERAUTH_REQUEST = 50


def log_packet(self: Any, direction: str, kind: int, _: Any, packet: Any, __: str) -> None:
    """Keeps userauth and connection packets, at most a few that begin alike in one scenario."""
    if isinstance(self, SFTPHandler) or not 5 <= kind <= 127 or 7 <= kind < 50:
        return
    payload = packet if isinstance(packet, bytes) else packet.get_full_payload()
    owner = self if isinstance(self, asyncssh.SSHClientConnection | asyncssh.SSHServerConnection) else None
    owner = owner or getattr(self, "_conn", None)
    is_client = isinstance(owner, asyncssh.SSHClientConnection)
    if direction == "Sent":
        sender = f"asyncssh-{'client' if is_client else 'server'}"
    else:
        sender = f"{PEER[0]}-{'server' if is_client else 'client'}"
    if kind == MSG_SERVICE_ACCEPT:
        LOG.append(f"session {SCENARIO[0]} {owner._session_id.hex()}")
    key = (f"{SCENARIO[0]} {sender}", payload[:24].hex())
    SEEN[key] += 1
    if (SEEN[key] <= 2 or kind == MSG_USERAUTH_REQUEST) and len(payload) <= 2_000:
        LOG.append(f"packet {SCENARIO[0]} {sender} {payload.hex()}")


SSHPacketLogger._log_packet = log_packet  # type: ignore[method-assign]
offered: Callable[[Any], None] = asyncssh_connection.SSHConnection._send_ext_info


def with_hostbound(self: Any) -> None:
    """OpenSSH's client binds its signature to the host key where the server says that it knows that."""
    if isinstance(self, asyncssh.SSHServerConnection) and SCENARIO[0] == "hostbound":
        self._extensions_to_send[b"publickey-hostbound@openssh.com"] = b"0"
    offered(self)


asyncssh_connection.SSHConnection._send_ext_info = with_hostbound  # type: ignore[method-assign]


class Server(asyncssh.SSHServer):
    """Lets everybody in by what the scenario is about, with a banner."""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn

    def begin_auth(self, username: str) -> bool:
        self.connection.send_auth_banner("Welcome, \N{GREEK SMALL LETTER ALPHA}\r\n")
        return username != "none"  # whom nothing is asked

    def public_key_auth_supported(self) -> bool:
        return SCENARIO[0] in {"publickey", "certificate", "hostbound", "rsa"}

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True

    def validate_ca_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return SCENARIO[0] in {"password", "change"}

    def validate_password(self, username: str, password: str) -> bool:
        if SCENARIO[0] == "change":
            raise asyncssh.PasswordChangeRequired("Choose another one")
        return password == PASSWORD

    def change_password(self, username: str, old_password: str, new_password: str) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return SCENARIO[0] == "keyboard"

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "Login", "Both, please", "", [("Name: ", True), ("Secret: ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        return True

    def connection_requested(self, *_: Any) -> bool:
        return False

    def server_requested(self, *_: Any) -> bool:
        return True

    def unix_connection_requested(self, *_: Any) -> bool:
        return False

    def unix_server_requested(self, *_: Any) -> bool:
        return True


async def shell(process: Any) -> None:
    process.stdout.write("out\n")
    process.stderr.write("err\n")
    if process.command == "signal":
        process.exit_with_signal("KILL", True, "killed", "")
        return
    with contextlib.suppress(Exception):  # signals and new sizes come as exceptions
        await asyncio.wait_for(process.stdin.read(), 2)
    process.exit(3)


async def run(*command: str, wait_s: float = 20) -> None:
    environment = {**os.environ, "LC_PLANET": "earth", "TERM": "xterm-256color"}
    ended = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), wait_s)
    finally:
        if ended.returncode is None:
            ended.terminate()
            await ended.wait()


async def openssh_client(folder: Path, port: int) -> None:
    """Logs in in each way, and asks for everything that the client can ask for."""
    ask = folder / "ask"
    ask.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
    ask.chmod(0o700)
    os.environ |= {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
    to = ["-p", str(port), "alice@127.0.0.1"]
    key = ["-o", "IdentitiesOnly=yes", "-i", str(folder / "ed25519")]
    none = ["-o", "PubkeyAuthentication=no"]

    async def scenario(
        name: str, *options: str, host: list[str] = to, command: tuple[str, ...] = ("id",)
    ) -> None:
        SCENARIO[0] = name
        await run(*SSH, *options, "-o", "UserKnownHostsFile=/dev/null", *host, *command)

    await scenario("none", *none, host=["-p", str(port), "none@127.0.0.1"])
    await scenario("publickey", *key)
    await scenario("hostbound", *key)
    await scenario("rsa", "-o", "IdentitiesOnly=yes", "-i", str(folder / "rsa"))
    await scenario("certificate", *key, "-o", f"CertificateFile={folder / 'ed25519-cert.pub'}")
    await scenario("password", *none)
    await scenario("change", *none)
    await scenario("keyboard", *none)
    SCENARIO[0] = "publickey"
    await scenario("publickey", *key, "-s", command=("sftp",))
    await scenario("publickey", *key, command=("signal",))
    x11 = ["-X", "-o", "XAuthLocation=/nowhere"]
    await scenario("publickey", *key, "-tt", "-A", *x11, "-o", "SendEnv=LC_PLANET", command=())
    alive = ["-o", "ServerAliveInterval=1", "-o", "ExitOnForwardFailure=no"]
    forward = [
        "-L",
        "18022:web1:80",
        "-R",
        "0:localhost:80",
        "-R",
        f"{folder}/r:{folder}/t",
        "-L",
        f"{folder}/l:/x",
    ]
    ended = asyncio.create_task(scenario("publickey", *key, *alive, *forward, "-N", command=()))
    await asyncio.sleep(2)
    for open_it in (asyncio.open_connection("127.0.0.1", 18022), asyncio.open_unix_connection(f"{folder}/l")):
        with contextlib.suppress(OSError):
            reader, writer = await open_it
            await reader.read()
            writer.close()
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_unix_connection(f"{folder}/r")
        writer.close()
    await asyncio.sleep(2)
    ended.cancel()
    await asyncio.wait([ended])


@contextlib.asynccontextmanager
async def sshd(folder: Path, port: int) -> AsyncIterator[None]:
    configuration = folder / "sshd_config"
    banner = folder / "banner"
    banner.write_text("Be good.\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    configuration.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/ed25519\nHostKey {folder}/rsa\nBanner {banner}\n"
        f"AuthorizedKeysFile {folder}/ed25519.pub\nPermitRootLogin yes\nStrictModes no\nUsePAM no\n"
        f"PidFile none\nClientAliveInterval 1\nSubsystem sftp internal-sftp\nAcceptEnv LC_*\n"
        "PermitOpen 127.0.0.1:1\n"
    )
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", configuration], stderr=subprocess.DEVNULL)
    try:
        await asyncio.sleep(1)
        yield
    finally:
        server.terminate()
        server.wait()


async def openssh_server(folder: Path, port: int) -> None:
    """asyncssh asks sshd for what it gives, and for some things that it refuses."""
    SCENARIO[0] = "sshd"
    async with (
        sshd(folder, port),
        asyncssh.connect(
            "127.0.0.1", port, username="root", client_keys=[str(folder / "ed25519")], known_hosts=None,
            agent_path=os.environ["SSH_AUTH_SOCK"], agent_forwarding=True,
            client_version="OpenSSH_9.9", keepalive_interval=1,
        ) as link,
    ):  # fmt: skip
        await link.run("exit 7", env={"LC_A": "b", "PATH": "no"})
        await link.run("echo err >&2; kill -9 $$")
        await link.run("ssh-add -l", term_type="xterm", term_size=(80, 24, 640, 480))
        async with link.create_process("cat; exec 0<&-; sleep 2", stdin=asyncssh.PIPE) as process:
            process.stdin.write("a\n")
            process.change_terminal_size(81, 25)
            process.send_break(100)
            process.send_signal("USR1")
            await asyncio.sleep(1)
        async with link.create_process("head -c 1", term_type="vt100") as process:
            process.stdin.write("abc\n" * 10)
            await process.wait()
        with contextlib.suppress(asyncssh.Error):
            await link.run(subsystem="nosuch")
        for host, to in (("127.0.0.1", 1), ("10.0.0.1", 22)):
            with contextlib.suppress(asyncssh.Error):
                await link.open_connection(host, to)
        with contextlib.suppress(asyncssh.Error):
            await link.open_unix_connection(f"{folder}/nowhere")
        async with link.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 1) as listener:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", listener.get_port())
                await reader.read()
                writer.close()
        async with link.forward_remote_path(f"{folder}/far", f"{folder}/near"):
            reader, writer = await asyncio.open_unix_connection(f"{folder}/far")
            await reader.read()
            writer.close()
        await asyncio.sleep(3)


async def main(folder: Path) -> None:
    for kind in ("ed25519", "rsa", "ca"):
        kept = "ed25519" if kind == "ca" else kind
        command = ["ssh-keygen", "-q", "-t", kept, "-N", "", "-C", kind, "-f", str(folder / kind)]
        subprocess.run(command, check=True)
    sign = [
        "ssh-keygen",
        "-q",
        "-s",
        str(folder / "ca"),
        "-I",
        "g_01",
        "-n",
        "alice",
        str(folder / "ed25519.pub"),
    ]
    subprocess.run(sign, check=True)
    socket = folder / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    os.environ["SSH_AUTH_SOCK"] = str(socket)
    try:
        server = await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=[str(folder / "ed25519"), str(folder / "rsa")],
            server_version="OpenSSH_9.9", send_server_host_keys=True, process_factory=shell,
            sftp_factory=True, agent_forwarding=True, x11_forwarding=False, keepalive_interval=1,
        )  # fmt: skip
        await openssh_client(folder, server.get_port())
        server.close()
        await openssh_server(folder, 18023)
    finally:
        agent.terminate()
        agent.wait()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        asyncio.run(main(Path(name)))
    Path(sys.argv[1]).write_text("".join(f"{line}\n" for line in LOG))
