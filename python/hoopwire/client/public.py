"""Buys a grant: sends an access token to the gateway's public API, over TLS that is always verified."""

import ssl

import httpx
import msgspec

from hoopwire.client.answers import Unreachable, decoded
from hoopwire.client.operators import TIMEOUT_S
from hoopwire.model.api import GrantIssued, GrantRequest


class AddressUnusable(ValueError):
    """The gateway's URL cannot be asked; the text goes on after its name."""


class AuthorityUnusable(ValueError):
    """The file with the authority of the gateway's certificate cannot be used."""


def request_grant(gateway: str, token: str, asked: GrantRequest, *, ca: str | None) -> GrantIssued:
    """`POST /v1/grants`. `ca` is a file with the authority of the gateway's certificate, if not the system's.

    Raises AddressUnusable, AuthorityUnusable, Refused, Unreachable or Unreadable. Environment proxies are
    never used.
    """
    if not gateway.startswith("https://"):
        raise AddressUnusable("must be an https:// URL: the token must not travel in clear")
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise AuthorityUnusable(f"cannot use the CA file {ca}: {error}") from None
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    with httpx.Client(verify=context, timeout=TIMEOUT_S, trust_env=False) as client:
        try:
            response = client.post(
                gateway.rstrip("/") + "/v1/grants", content=msgspec.json.encode(asked), headers=headers
            )
        except httpx.InvalidURL as error:
            raise AddressUnusable(f"is no usable URL: {error}") from None
        except httpx.TransportError as error:
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
            raise Unreachable(f"cannot reach {gateway}: {error}", is_untrusted=untrusted) from None
    return decoded(response, GrantIssued)
