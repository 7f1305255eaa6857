"""An issuer's own description (OpenID Connect Discovery 1.0, RFC 8414), and the URLs that it names."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from hoopwire.identity.keys.fetch import FetchFailed, IssuerClient, NotThere, fetch_json
from hoopwire.model.settings import IssuerSettings

_DISCOVERY: Final = {
    "okta": ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"),
    "oidc": ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"),
    "keycloak": ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"),
}


async def discover(client: IssuerClient, issuer: str, settings: IssuerSettings) -> dict[str, Any]:
    """The document, which must be of this very issuer. Raises `FetchFailed`."""
    first, second = (issuer.rstrip("/") + path for path in _DISCOVERY[settings.kind])
    try:
        metadata = (await fetch_json(client, first, dev=settings.dev))[0]
    except NotThere:
        metadata = (await fetch_json(client, second, dev=settings.dev))[0]
    if metadata.get("issuer") != issuer:
        raise FetchFailed(f"{issuer}: discovery names another issuer")
    return metadata


def own_url(document: Mapping[str, Any], name: str, issuer: str) -> str:
    """A URL of the document, of the issuer's own origin. Raises `FetchFailed`; ValueError if it is none."""
    url = document.get(name)
    if not isinstance(url, str) or origin(url) != origin(issuer):
        raise FetchFailed(f"{issuer}: {name} is missing or of another origin")
    return url


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host, port (RFC 6454). Raises ValueError for a relative URL or one with user information."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"not a URL: {error}") from None
    if not parsed.host or parsed.userinfo:
        raise ValueError("not an absolute URL, or one with user information")
    return parsed.scheme, parsed.host, parsed.port
