"""Makes sftp.txt: what clients and OpenSSH's sftp-server say to each other, byte by byte.

    python capture_sftp.py sftp.txt      # needs sftp, sshd, sftp-server and asyncssh; root, for sshd

A line is `stream CLIENT requests|replies BYTES`: everything that went that way, in hex. The server runs
behind a script that keeps both directions. Run it again only if the form changes.
"""

# ruff: noqa: ASYNC240 (nobody waits for this loop)

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncssh
from make_keys import string

SERVER = "/usr/lib/openssh/sftp-server"
BATCH = """
pwd
ls -la {0}
mkdir {0}/d
put {0}/file {0}/d/put
put -f {0}/file {0}/d/synced
get {0}/d/put {0}/got
reget {0}/d/put {0}/got
rename {0}/d/put {0}/d/renamed
-rename -l {0}/d/renamed {0}/d/old
ln {0}/d/synced {0}/d/hard
ln -s synced {0}/d/soft
cp {0}/d/synced {0}/d/copied
chmod 600 {0}/d/synced
-chmod -h 600 {0}/d/synced
-chown 0 {0}/d/synced
ls -l {0}/d
df {0}
-cd nowhere
-get {0}/nowhere
-rm {0}/d/soft
rm {0}/d/*
rmdir {0}/d
"""


def keeper(folder: Path, name: str) -> Path:
    """A script that is sftp-server, and keeps what it hears and says."""
    script = folder / f"keep-{name}"
    script.write_text(
        f"#!/bin/sh\ncd /\ntee -a {folder}/{name}.requests | {SERVER} | tee -a {folder}/{name}.replies\n"
    )
    script.chmod(0o700)
    return script


def extended(request_id: int, name: bytes, text: bytes) -> bytes:
    return b"\xc8" + request_id.to_bytes(4, "big") + string(name) + string(text)


def openssh_client(folder: Path) -> None:
    batch = folder / "batch"
    batch.write_text(BATCH.format(folder / "files"))
    (folder / "files").mkdir()
    (folder / "files/file").write_bytes(b"0123456789" * 30)
    subprocess.run(["sftp", "-D", keeper(folder, "openssh"), "-b", batch], check=True)
    # what neither client asks: written here, and taken by the server
    asked = [
        b"\1\0\0\0\3",
        extended(7, b"expand-path@openssh.com", b"~/x"),
        extended(8, b"home-directory", b"root"),
    ]
    with_length = b"".join(string(request) for request in asked)
    with subprocess.Popen(
        [keeper(folder, "byhand")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write(with_length)
        server.stdin.flush()
        for _ in asked:
            server.stdout.read(int.from_bytes(server.stdout.read(4), "big"))
    copied = ["scp", "-D", keeper(folder, "scp"), "there:~/none", folder / "got"]
    assert subprocess.run(copied).returncode == 1


async def asyncssh_client(folder: Path, port: int) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(folder / "key"))
    key.write_public_key(str(folder / "key.pub"))
    (folder / "key").chmod(0o600)
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/key\nAuthorizedKeysFile {folder}/key.pub\n"
        f"PermitRootLogin yes\nStrictModes no\nUsePAM no\nPidFile none\n"
        f"Subsystem sftp {keeper(folder, 'asyncssh')}\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config")]
    server = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    await asyncio.sleep(1)
    try:
        login = {"username": "root", "client_keys": [key], "known_hosts": None}
        async with asyncssh.connect("127.0.0.1", port, **login) as link, link.start_sftp_client() as sftp:
            await ask(sftp, str(folder / "files2"))
    finally:
        server.terminate()
        await server.wait()


async def ask(sftp: asyncssh.SFTPClient, place: str) -> None:
    """Each request that this client knows, once."""
    await sftp.mkdir(place, asyncssh.SFTPAttrs(permissions=0o755))
    async with sftp.open(f"{place}/a", "w+b", asyncssh.SFTPAttrs(permissions=0o600)) as file:
        await file.write(b"abc")
        await file.seek(0)
        await file.read()
        await file.stat()
        await file.chmod(0o640)
        await file.utime((10, 20))
        await file.fsync()
        await file.statvfs()
    async with sftp.open(f"{place}/a", "ab") as file:
        await file.write(b"d")
    async with sftp.open(f"{place}/x", "xb") as file:
        await file.write(b"e")
    await sftp.truncate(f"{place}/a", 2)
    await sftp.chown(f"{place}/a", 0, 0)
    await sftp.lstat(f"{place}/a")
    await sftp.stat(f"{place}/a")
    await sftp.statvfs(place)
    await sftp.symlink("a", f"{place}/s")
    await sftp.readlink(f"{place}/s")
    await sftp.setstat(f"{place}/s", asyncssh.SFTPAttrs(atime=1, mtime=2), follow_symlinks=False)
    await sftp.link(f"{place}/a", f"{place}/h")
    await sftp.rename(f"{place}/h", f"{place}/r")
    await sftp.posix_rename(f"{place}/r", f"{place}/p")
    await sftp.realpath(".")
    await sftp.remote_copy(f"{place}/a", f"{place}/c")
    await sftp.listdir(place)
    for wrong in (sftp.remove(f"{place}/none"), sftp.realpath("/none/none"), sftp.rmdir(place)):
        with contextlib.suppress(asyncssh.SFTPError):
            await wrong
    for name in ("a", "s", "p", "c", "x"):
        await sftp.remove(f"{place}/{name}")
    await sftp.rmdir(place)


def main() -> None:
    lines = []
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        openssh_client(folder)
        asyncio.run(asyncssh_client(folder, 18024))
        for client in ("openssh", "scp", "byhand", "asyncssh"):
            for way in ("requests", "replies"):
                lines.append(f"stream {client} {way} {(folder / f'{client}.{way}').read_bytes().hex()}\n")
    Path(sys.argv[1]).write_text("".join(lines))


if __name__ == "__main__":
    main()
