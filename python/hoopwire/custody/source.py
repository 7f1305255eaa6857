"""Reads a secret from a file, the environment or a program. It neither keeps nor logs one."""

import os
import signal
import stat
import subprocess

import trio

from hoopwire.model.ssh.settings import SecretSettings

COMMAND_TIMEOUT_S = 10.0

_SECRET_BYTES = 64 * 1024
_FILE_BYTES = 1024 * 1024


class SourceFailed(Exception):
    """A secret could not be had. The text is for the operator's log and holds no part of any secret."""


async def read_secret_file(path: str, threads: trio.CapacityLimiter | None = None) -> str:
    """A file's text without one newline at its end. Refused if others may read or change it."""
    return as_secret(await _read_in_thread(path, 0o026, threads), path)


async def read_public_file(path: str, threads: trio.CapacityLimiter | None = None) -> str:
    """A certificate or CA bundle: text, readable by anyone."""
    content = await _read_in_thread(path, 0, threads)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise SourceFailed(f"{path} is not text") from None


def read_environment(name: str) -> str:
    """An environment variable of the gateway's own process."""
    value = os.environ.get(name)
    if not value:
        raise SourceFailed(f"environment variable {name} is not set or empty")
    return as_secret(value.encode(errors="surrogateescape"), f"environment variable {name}")


async def run_command(command: tuple[str, ...], timeout_s: float = COMMAND_TIMEOUT_S) -> str:
    """The output of a program, run without a shell, without one newline at its end.

    What it writes to its stderr is thrown away: such programs put secrets there when they fail. It gets the
    gateway's environment, an empty stdin, ten seconds and 64 KiB; past either it is killed.
    """
    program = command[0]
    try:
        process = await trio.lowlevel.open_process(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
    except (OSError, ValueError) as error:
        raise SourceFailed(f"cannot run {program}: {_reason(error)}") from None
    assert process.stdout is not None
    output = bytearray()
    try:
        with trio.move_on_after(timeout_s) as scope:
            async for piece in process.stdout:
                output += piece
                if len(output) > _SECRET_BYTES:
                    raise SourceFailed(f"{program} wrote more than 64 KiB")
            await process.wait()
        if scope.cancelled_caught:
            raise SourceFailed(f"{program} did not end within {timeout_s:g} s")
    finally:
        with trio.CancelScope(shield=True):
            if process.returncode is None:
                # The whole group: what a script started must not outlive it.
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
            await process.stdout.aclose()
    if process.returncode != 0:
        raise SourceFailed(f"{program} ended with status {process.returncode}")
    return as_secret(bytes(output), program)


async def read_secret(source: str | SecretSettings, threads: trio.CapacityLimiter | None = None) -> str:
    """A secret from where the settings say that it is: a path, or a table."""
    secret = SecretSettings(file=source) if isinstance(source, str) else source
    if secret.file is not None:
        return await read_secret_file(secret.file, threads)
    if secret.env is not None:
        return read_environment(secret.env)
    if secret.command is not None:
        return await run_command(secret.command)
    raise SourceFailed("no source is configured")


def as_secret(content: bytes, source: str) -> str:
    """Bytes as a password: one newline at the end is cut off; empty, not UTF-8 or with NUL is refused."""
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if not content:
        raise SourceFailed(f"{source} gave an empty secret")
    if b"\0" in content:
        raise SourceFailed(f"the secret from {source} has a NUL in it")
    try:
        return content.decode()
    except UnicodeDecodeError:
        # The error would carry the bytes: it is not to be chained.
        raise SourceFailed(f"the secret from {source} is not UTF-8") from None


async def _read_in_thread(path: str, refused_mode: int, threads: trio.CapacityLimiter | None) -> bytes:
    """A file may be on a volume that hangs: whoever is cancelled leaves the thread to itself."""
    return await trio.to_thread.run_sync(_read, path, refused_mode, abandon_on_cancel=True, limiter=threads)


def _read(path: str, refused_mode: int) -> bytes:
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not hang a thread.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SourceFailed(f"{path} is not a file")
            if status.st_mode & refused_mode:
                raise SourceFailed(f"others may read or change {path}: chmod 600 it")
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(_FILE_BYTES + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise SourceFailed(f"cannot read {path}: {_reason(error)}") from None
    if len(content) > _FILE_BYTES:
        raise SourceFailed(f"{path} is larger than 1 MiB")
    return content


def _reason(error: Exception) -> str:
    return (error.strerror or "not readable") if isinstance(error, OSError) else "not a path"
