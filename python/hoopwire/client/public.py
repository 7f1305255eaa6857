"""Buys a grant: sends an access token to the gateway's public API, over TLS that is always verified."""

import ssl
from collections.abc import Mapping

import httpx
import msgspec

from hoopwire.client.answers import Unreachable, decoded
from hoopwire.client.operators import TIMEOUT_S
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
) -> httpx.Response:
    if not gateway.startswith("https://"):
        raise AddressUnusable("must be an https:// URL: the token must not travel in clear")
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise AuthorityUnusable(f"cannot use the CA file {ca}: {error}") from None
    with httpx.Client(verify=context, timeout=TIMEOUT_S, trust_env=False) as client:
        try:
            return client.request(method, gateway.rstrip("/") + path, content=content, headers=headers)
        except httpx.InvalidURL as error:
            raise AddressUnusable(f"is no usable URL: {error}") from None
        except httpx.TransportError as error:
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
            raise Unreachable(f"cannot reach {gateway}: {error}", is_untrusted=untrusted) from None
