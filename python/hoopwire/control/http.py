"""Both HTTP APIs on hypercorn under trio: TLS for everybody, a Unix socket for operators."""

import os
import socket
import ssl
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypercorn.trio
import trio
from hypercorn.config import Config
from starlette.applications import Starlette

from hoopwire.control.files import StartError

_HANDSHAKE_S = 10
_READ_S = 30


def server_tls(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer. StartError if the pair is unusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_pair(context, certificate, key)
    return context


def load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Use this pair for new handshakes. StartError if it is unusable."""
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"the certificate {certificate} and its key cannot be used: {error}") from None


class _Config(Config):
    """Hypercorn's settings with a TLS context of ours: a reload renews the certificate in place."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self.bind = []
        self.errorlog = None
        self.accesslog = None
        self.include_server_header = False
        self.h11_max_incomplete_size = 32 * 1024
        self.keep_alive_timeout = 5
        self.read_timeout = _READ_S
        self.ssl_handshake_timeout = _HANDSHAKE_S
        self.graceful_timeout = 5.0

    @property
    def ssl_enabled(self) -> bool:
        return self._context is not None

    def create_ssl_context(self) -> ssl.SSLContext | None:
        return self._context


async def serve_tls(
    app: Starlette,
    address: str,
    context: ssl.SSLContext,
    stopping: Callable[[], Awaitable[None]],
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `stopping` returns; starts with the bound `HOST:PORT`. StartError if it can't bind."""
    sock = _bind_tcp(address)
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"
    await _serve(app, _Config(context), sock, stopping, task_status, shown)


async def serve_unix(
    app: Starlette,
    path: str,
    stopping: Callable[[], Awaitable[None]],
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on a Unix socket, mode 0600, until `stopping` returns. StartError if it can't be made."""
    sock = _bind_unix(Path(path))
    try:
        await _serve(app, _Config(None), sock, stopping, task_status, path)
    finally:
        with suppress(OSError):
            os.unlink(path)


def _bind_tcp(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host.strip("[]"), int(port)))
    except (OSError, ValueError) as error:
        sock.close()
        raise StartError(f"cannot listen on {address} (listen.control): {error}") from None
    return sock


def _bind_unix(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode):
                _refuse_live(str(path))
                path.unlink()
        before = os.umask(0o177)
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        sock.close()
        raise StartError(f"cannot make the operators' socket {path}: {error}") from None
    return sock


def _refuse_live(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return
    raise StartError(f"another gateway answers on {path} (listen.admin_socket)")


async def _serve(
    app: Starlette,
    config: _Config,
    sock: socket.socket,
    stopping: Callable[[], Awaitable[None]],
    task_status: trio.TaskStatus[str],
    shown: str,
) -> None:
    sock.setblocking(False)
    sock.listen(100)
    config.bind = [f"fd://{sock.detach()}"]
    async with trio.open_nursery() as nursery:
        serve: Any = hypercorn.trio.serve
        await nursery.start(
            lambda task_status: serve(
                app, config, shutdown_trigger=stopping, task_status=task_status, mode="asgi"
            )
        )
        task_status.started(shown)
