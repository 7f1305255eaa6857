"""Buys a grant: sends an access token to the gateway's public API, over TLS that is always verified.

Operators' commands import this file and never ask by it: what only it needs is imported when it is used.
"""

import socket
from collections.abc import Mapping

import msgspec

from hoopwire.client.answers import Unreachable, decoded
from hoopwire.client.exchange import TIMEOUT_S, Response, exchange
from hoopwire.model.api import GrantIssued, GrantRequest, SshView


class AddressUnusable(ValueError):
    """The gateway's URL cannot be asked; the text goes on after its name."""


class AuthorityUnusable(ValueError):
    """The file with the authority of the gateway's certificate cannot be used."""


def request_grant(gateway: str, token: str, asked: GrantRequest, *, ca: str | None) -> GrantIssued:
    """`POST /v1/grants`. `ca` is a file with the authority of the gateway's certificate, if not the system's.

    Raises AddressUnusable, AuthorityUnusable, Refused, Unreachable or Unreadable. Environment proxies are
    never used.
    """
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    body = msgspec.json.encode(asked)
    return decoded(_ask(gateway, "POST", "/v1/grants", ca, content=body, headers=headers), GrantIssued)


def ssh_place(gateway: str, *, ca: str | None) -> SshView:
    """`GET /v1/ssh`; as `request_grant`."""
    return decoded(_ask(gateway, "GET", "/v1/ssh", ca), SshView)


def _ask(
    gateway: str,
    method: str,
    path: str,
    ca: str | None,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    import ssl

    host, port, base = _address(gateway)
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise AuthorityUnusable(f"cannot use the CA file {ca}: {error}") from None
    named = f"[{host}]" if ":" in host else host
    try:
        wire = socket.create_connection((host, port), timeout=TIMEOUT_S)
        try:
            secured = context.wrap_socket(wire, server_hostname=host)
            return exchange(secured, f"{named}:{port}", method, base + path, content=content, headers=headers)
        finally:
            wire.close()
    except (OSError, UnicodeError) as error:
        untrusted = isinstance(error, ssl.SSLCertVerificationError)
        raise Unreachable(f"cannot reach {gateway}: {error}", is_untrusted=untrusted) from None


def _address(gateway: str) -> tuple[str, int, str]:
    """Host, port and path of the gateway's URL."""
    from urllib.parse import urlsplit

    if not gateway.startswith("https://"):
        raise AddressUnusable("must be an https:// URL: the token must not travel in clear")
    try:
        url = urlsplit(gateway)
        host, port = url.hostname, url.port
    except ValueError as error:
        raise AddressUnusable(f"is no usable URL: {error}") from None
    if not host or not gateway.isascii() or not gateway.isprintable() or " " in gateway:
        raise AddressUnusable("is no usable URL: https://HOST:PORT")
    if url.username is not None or url.query or url.fragment:
        raise AddressUnusable("is no usable URL: only a host, a port and a path belong there")
    return host, port or 443, url.path.rstrip("/")
