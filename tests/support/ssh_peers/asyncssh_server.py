"""asyncssh's server on loopback, as a program.

Its argument is a folder with SETTINGS.json, where `ready` appears when it listens.
"""

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios
from pathlib import Path

import asyncssh
import msgspec


class Settings(msgspec.Struct):
    """What the tests choose."""

    port: int
    host_key: str
    authorized: str
    """An authorized_keys file, which may name authorities."""


class Owner(asyncssh.SSHServer):
    """Listens where it is asked to."""

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        """Anywhere."""
        return True


async def serve(process: "asyncssh.SSHServerProcess[bytes]") -> None:
    """A command, or a shell, as sshd runs them."""
    shell = os.environ.get("SHELL", "/bin/sh")
    words = [shell, "-c", process.command] if process.command else [shell]
    if process.term_type:
        await on_terminal(process, words)
        return
    agent = process.channel.get_agent_path()
    child = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | ({"SSH_AUTH_SOCK": agent} if agent else {}),
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    feeding = asyncio.create_task(feed(process.stdin, child.stdin))
    await asyncio.gather(copy(child.stdout, process.stdout), copy(child.stderr, process.stderr))
    code = await child.wait()
    feeding.cancel()
    process.exit(code)


async def feed(source: "asyncssh.SSHReader[bytes]", to: asyncio.StreamWriter) -> None:
    """What the client sends, to the command, which may read no more."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while data := await source.read(65536):
            to.write(data)
            await to.drain()
    to.close()


async def copy(source: asyncio.StreamReader, to: "asyncssh.SSHWriter[bytes]") -> None:
    while data := await source.read(65536):
        to.write(data)
        await to.drain()


async def on_terminal(process: "asyncssh.SSHServerProcess[bytes]", words: list[str]) -> None:
    outer, inner = pty.openpty()

    def size(columns: int, rows: int) -> None:
        fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def lead() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    size(*process.term_size[:2])
    child = await asyncio.create_subprocess_exec(
        *words, stdin=inner, stdout=inner, stderr=inner, preexec_fn=lead, env=os.environ | {"TERM": "xterm"}
    )
    os.close(inner)
    loop = asyncio.get_running_loop()
    typing = loop.create_task(type_in(process, outer, size))
    while True:
        try:
            shown = await loop.run_in_executor(None, os.read, outer, 65536)
        except OSError:
            break
        process.stdout.write(shown)
    typing.cancel()
    process.exit(await child.wait())
    os.close(outer)


async def type_in(process, outer: int, size) -> None:  # type: ignore[no-untyped-def]
    while True:
        try:
            data = await process.stdin.read(4096)
        except asyncssh.TerminalSizeChanged as changed:
            size(changed.width, changed.height)
            continue
        except asyncssh.BreakReceived:
            continue
        if not data:
            return
        os.write(outer, data)


async def main(folder: Path) -> None:
    settings = msgspec.json.decode((folder / "SETTINGS.json").read_bytes(), type=Settings)
    listener = await asyncssh.listen(
        "127.0.0.1",
        settings.port,
        config=None,
        server_host_keys=[settings.host_key],
        authorized_client_keys=settings.authorized,
        password_auth=False,
        kbdint_auth=False,
        server_factory=Owner,
        process_factory=serve,
        sftp_factory=True,
        encoding=None,
    )
    (folder / "ready").touch()
    with contextlib.suppress(asyncio.CancelledError):
        await listener.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
