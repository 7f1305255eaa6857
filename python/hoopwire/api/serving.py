"""Opens the listeners of both HTTP APIs: a Unix socket for operators, TLS for everybody."""

import os
import resource
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import trio
from starlette.applications import Starlette

from hoopwire.api.http_connection import HttpLimits
from hoopwire.api.http_server import Listener
from hoopwire.api.operators import operators_app
from hoopwire.api.public import public_app
from hoopwire.control.files import StartError
from hoopwire.control.operations import EVERY_ROLE, Operations
from hoopwire.control.parts import Parts
from hoopwire.model.settings import ListenSettings

_CONNECTIONS = 256


class HttpListeners:
    """`control.listeners.Listeners` for HTTP. StartError if the certificate and its key are unusable."""

    def __init__(self, settings: ListenSettings) -> None:
        self._settings = settings
        self._tls = _server_tls(settings.tls.certificate, settings.tls.key)
        self.control: str | None = None

    def open(self, parts: Parts, operations: Operations) -> Iterator[tuple[str, Listener]]:
        """The operators' listener, then the public one if the settings have it. StartError."""
        # Only the gateway's own account and root may open the socket: they have every role.
        admin = operators_app(operations, EVERY_ROLE)
        caught = partial(parts.faults.caught, "admin API")
        yield "admin API", _unix_listener(admin, self._settings.admin_socket, caught)
        if self._settings.control is not None:
            public = public_app(parts)
            caught = partial(parts.faults.caught, "control API")
            listener, self.control = _tcp_listener(public, self._settings.control, self._tls, caught)
            yield "control API", listener

    def use_pair(self, settings: ListenSettings) -> None:
        """Show the certificate of these settings from now on. StartError if it or its key is unusable."""
        _load_pair(self._tls, settings.tls.certificate, settings.tls.key)


def _server_tls(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer. StartError if the pair is unusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _load_pair(context, certificate, key)
    return context


def _load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Use this pair for new handshakes. StartError if it is unusable."""
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"the certificate {certificate} and its key cannot be used: {error}") from None


def _tcp_listener(
    app: Starlette, address: str, context: ssl.SSLContext, caught: Callable[[Exception], None]
) -> tuple[Listener, str]:
    """A TLS listener, and the `HOST:PORT` that it is bound to. StartError if it can't be."""
    sock = _bind_tcp(address)
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"
    return Listener(_listening(sock), app, caught, tls=context, limits=_public_limits()), shown


def _unix_listener(app: Starlette, path: str, caught: Callable[[Exception], None]) -> Listener:
    """A listener on a Unix socket, mode 0600. StartError if it can't be made."""
    return Listener(_listening(_bind_unix(Path(path))), app, caught, path=path)


def _listening(sock: socket.socket) -> trio.socket.SocketType:
    sock.setblocking(False)
    sock.listen(100)
    return trio.socket.from_stdlib_socket(sock)


def _public_limits() -> HttpLimits:
    """An eighth of our descriptors at most: live sessions and logins need the others."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _CONNECTIONS if descriptors == resource.RLIM_INFINITY else min(_CONNECTIONS, descriptors // 8)
    return HttpLimits(connections=max(most, 8), per_address=max(most // 2, 4))


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
