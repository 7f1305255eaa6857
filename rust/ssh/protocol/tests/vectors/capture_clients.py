"""Makes clients.txt: what other clients say: PuTTY, paramiko, libssh2, and Go's x/crypto/ssh and pkg/sftp.

    python capture_clients.py clients.txt GOCLIENT

Needs plink, psftp, puttygen, curl with libssh2, paramiko, asyncssh, sshd and sftp-server; root, for sshd.
GOCLIENT is client.go, built. Lines are as in packets.txt and sftp.txt. Run it again only if the form changes.
"""

# ruff: noqa: ASYNC220, ASYNC221, ASYNC240 (nobody waits for this loop)

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncssh
import capture
import paramiko
from capture import LOG, PASSWORD, PEER, SCENARIO, Server, run, shell
from capture_sftp import keeper


def paramiko_asks(port: int, key: str, scenario: str) -> None:
    """paramiko answers keyboard-interactive only where it is told to: that is left to the others."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    secret = {"key_filename": key} if scenario == "publickey" else {"password": PASSWORD}
    client.connect("127.0.0.1", port, "alice", allow_agent=False, look_for_keys=False, **secret)
    _, out, _ = client.exec_command("id", get_pty=True, environment={"LC_PLANET": "earth"})
    out.channel.resize_pty(90, 30)
    out.channel.shutdown_write()
    out.channel.recv_exit_status()
    link = client.get_transport()
    assert link is not None
    link.send_ignore()
    link.global_request("keepalive@lag.net", wait=False)
    with contextlib.suppress(paramiko.SSHException):
        link.open_channel("direct-tcpip", ("web1", 80), ("127.0.0.1", 1))
    with contextlib.suppress(paramiko.SSHException):
        link.request_port_forward("127.0.0.1", 0)
    client.close()


def paramiko_moves_files(port: int, key: str, place: str) -> None:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", port, "root", allow_agent=False, look_for_keys=False, key_filename=key)
    sftp = client.open_sftp()
    sftp.mkdir(place)
    with sftp.open(f"{place}/a", "w") as file:
        file.write(b"abc")
        file.stat()
        file.chmod(0o600)
    with sftp.open(f"{place}/a", "r+") as file:
        file.truncate(2)
        file.utime((1, 2))
    sftp.symlink("a", f"{place}/s")
    sftp.readlink(f"{place}/s")
    sftp.rename(f"{place}/a", f"{place}/r")
    sftp.posix_rename(f"{place}/r", f"{place}/p")
    sftp.chown(f"{place}/p", 0, 0)
    sftp.listdir_attr(place)
    sftp.normalize(".")
    sftp.lstat(f"{place}/s")
    for name in ("s", "p"):
        sftp.remove(f"{place}/{name}")
    sftp.rmdir(place)
    client.close()


async def ask(folder: Path, port: int, goclient: str) -> None:
    """Each client by each way to log in that it has."""
    key, host = str(folder / "key"), "alice@127.0.0.1"
    for scenario in ("password", "publickey", "keyboard"):
        SCENARIO[0] = scenario
        PEER[0] = "putty"
        secret = ["-i", f"{key}.ppk"] if scenario == "publickey" else ["-pw", PASSWORD]
        known = asyncssh.read_public_key(f"{key}.pub").get_fingerprint()
        putty = ["plink", "-batch", "-ssh", "-P", str(port), "-hostkey", known, *secret]
        await run(*putty, "-t", "-A", host, "id")
        await run(*putty, "-L", "18025:web1:80", "-R", "0:localhost:80", "-N", host, wait_s=2)
        await run(*putty, "-s", host, "nosuch")
        PEER[0] = "go"
        await run(goclient, f"127.0.0.1:{port}", "alice", key if scenario == "publickey" else PASSWORD)
        PEER[0] = "paramiko"
        with contextlib.suppress(paramiko.SSHException):
            await asyncio.to_thread(paramiko_asks, port, key, scenario)
        PEER[0] = "libssh2"
        login = ["--key", key, "--pubkey", f"{key}.pub"] if scenario == "publickey" else []
        await run("curl", "-sk", *login, "-u", f"alice:{PASSWORD}", f"sftp://127.0.0.1:{port}/none")


async def move_files(folder: Path, port: int, goclient: str) -> list[str]:
    """sftp by each client, with sftp-server behind a script that keeps both directions."""
    key = str(folder / "key")
    lines = []
    for client in ("putty", "go", "paramiko", "libssh2"):
        (folder / "config").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {key}\nAuthorizedKeysFile {key}.pub\n"
            f"PermitRootLogin yes\nStrictModes no\nUsePAM no\nPidFile none\n"
            f"Subsystem sftp {keeper(folder, client)}\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config")]
        server = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        await asyncio.sleep(1)
        try:
            if client == "putty":
                known = asyncssh.read_public_key(f"{key}.pub").get_fingerprint()
                batch = folder / "batch"
                batch.write_text(
                    f"mkdir {folder}/f\ncd {folder}/f\nput {key}.pub a\nchmod 600 a\nls\nget a {folder}/b\n"
                    f"mv a c\nreget c {folder}/b\nrm c\ncd ..\nrmdir f\npwd\n"
                )
                hosts = ["-P", str(port), "-hostkey", known, "-i", f"{key}.ppk", "root@127.0.0.1"]
                await run("psftp", "-batch", "-b", str(batch), *hosts)
            elif client == "go":
                await run(goclient, f"127.0.0.1:{port}", "root", key, "sftp", f"{folder}/g")
            elif client == "paramiko":
                await asyncio.to_thread(paramiko_moves_files, port, key, f"{folder}/p")
            else:
                there = f"sftp://127.0.0.1:{port}{folder}"
                curl = ["curl", "-sk", "-u", "root:", "--key", key, "--pubkey", f"{key}.pub"]
                await run(*curl, "-T", f"{key}.pub", f"{there}/l", "-Q", f"chmod 600 {folder}/key.pub")
                await run(*curl, f"{there}/l", f"{there}/", "-Q", f"-rename {folder}/l {folder}/m")
                await run(*curl, f"{there}/", "-Q", f"symlink m {folder}/s", "-Q", f"rm {folder}/m")
        finally:
            server.terminate()
            await server.wait()
        for way in ("requests", "replies"):
            lines.append(f"stream {client} {way} {(folder / f'{client}.{way}').read_bytes().hex()}")
    return lines


async def main(folder: Path, goclient: str) -> None:
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    subprocess.run(["puttygen", key, "-o", f"{key}.ppk"], check=True)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", folder / "agent"], stdout=subprocess.DEVNULL)
    capture.os.environ["SSH_AUTH_SOCK"] = str(folder / "agent")
    try:
        server = await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=[str(key)], process_factory=shell, sftp_factory=True
        )
        await ask(folder, server.get_port(), goclient)
        server.close()
        LOG[:] = [line for line in LOG if " asyncssh-" not in line]
        LOG.extend(await move_files(folder, 18028, goclient))
    finally:
        agent.terminate()
        agent.wait()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        asyncio.run(main(Path(name), sys.argv[2]))
    Path(sys.argv[1]).write_text("".join(f"{line}\n" for line in LOG))
