"""Fetches one small JSON document from an issuer by HTTPS, or posts it a form, and trusts nobody on the way.

What it guards against: a redirect or a proxy from the environment that leads elsewhere, a name that resolves
to the inside of our network, an answer without end, compressed bombs, and a peer that trickles.

The name is resolved here, every address is checked, and the connection goes to a checked address (the URL
carries the address, the Host header and the TLS server name carry the name), so a second, different DNS
answer between check and connect changes nothing. Limit: an address counts as inside by the IANA
special-purpose registries alone; a public address that is routed to something private is not recognised.

An issuer inside of our network is named on purpose, by its addresses. Behind a proxy, which is named on
purpose, too, the proxy resolves: nothing is checked then but TLS and what the answers say.
"""

import ipaddress
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import trio

from hoopwire.model.addresses import Address, is_loopback, is_public, is_within

MAX_BODY_BYTES: Final = 256 * 1024
TOTAL_S: Final = 5.0
"""From resolving the name to the last byte."""


class FetchFailed(Exception):
    """The document could not be fetched. The text is for the log."""


class NotThere(FetchFailed):
    """404: the issuer serves no such document."""


class IssuerClient(httpx.AsyncClient):
    """An HTTP client, and where the issuer that it is for may be."""

    addresses: tuple[str, ...] = ()
    is_proxied: bool = False


def make_client(
    ca: str | None,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    addresses: tuple[str, ...] = (),
    proxy: str | None = None,
) -> IssuerClient:
    """A client that takes nothing from the environment. `ca`: a PEM bundle, else the system's own.

    `addresses`: the only addresses or networks that it may connect to; empty means public ones. With `proxy`,
    an HTTP proxy, it is that which resolves and connects, and TLS goes through it to the issuer.
    """
    client = IssuerClient(
        proxy=proxy,
        verify=ssl.create_default_context(cafile=ca),
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(TOTAL_S),
        # An idle connection to a checked address would outlive the check.
        limits=httpx.Limits(max_connections=4, max_keepalive_connections=0),
        headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "hoopwire"},
    )
    client.addresses, client.is_proxied = addresses, proxy is not None
    return client


async def fetch_json(client: IssuerClient, url: str, *, dev: bool) -> tuple[dict[str, Any], httpx.Headers]:
    """The JSON object at `url` and the response headers. Raises `FetchFailed`, within `TOTAL_S` seconds."""
    _, document, headers = await _ask(client, _Question(httpx.URL(url)), dev=dev)
    return document, headers


async def post_form(
    client: IssuerClient, url: str, form: Mapping[str, str], *, authorization: str = "", dev: bool
) -> tuple[int, dict[str, Any]]:
    """The JSON object that answers a form, and its status: 200, or 400 or 401, with which OAuth refuses.

    Raises `FetchFailed`, within `TOTAL_S` seconds; its text holds nothing of the form.
    """
    headers = {"content-type": "application/x-www-form-urlencoded"}
    if authorization:
        headers["authorization"] = authorization
    question = _Question(httpx.URL(url), "POST", urlencode(form).encode(), headers, (200, 400, 401))
    status, document, _ = await _ask(client, question, dev=dev)
    return status, document


@dataclass(frozen=True)
class _Question:
    """What is sent, and the statuses under which an answer is read."""

    url: httpx.URL
    method: str = "GET"
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    statuses: tuple[int, ...] = (200,)


async def _ask(
    client: IssuerClient, question: _Question, *, dev: bool
) -> tuple[int, dict[str, Any], httpx.Headers]:
    target = question.url
    if target.scheme != "https" and not (dev and target.scheme == "http"):
        raise FetchFailed(f"{target.scheme} is not allowed for {target.host}")
    try:
        with trio.fail_after(TOTAL_S):
            if client.is_proxied:
                addresses: list[Address | None] = [None]
            else:
                addresses = [*await _checked_addresses(client, target, dev=dev)]
            status, response_body, headers = await _try_each(client, question, addresses)
    except trio.TooSlowError:
        raise FetchFailed(f"{target}: no whole answer within {TOTAL_S:.0f} s") from None
    try:
        document = json.loads(response_body)
    except (ValueError, RecursionError):
        raise FetchFailed(f"{target}: not JSON") from None
    if not isinstance(document, dict):
        raise FetchFailed(f"{target}: not a JSON object")
    return status, document, headers


async def _checked_addresses(client: IssuerClient, target: httpx.URL, *, dev: bool) -> list[Address]:
    try:
        addresses: list[Address] = [ipaddress.ip_address(target.host)]
    except ValueError:
        port = target.port or 443
        try:
            answers = await trio.socket.getaddrinfo(target.host, port, type=trio.socket.SOCK_STREAM)
        except OSError as error:
            raise FetchFailed(f"{target.host}: cannot be resolved: {error}") from None
        addresses = [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]
    for address in addresses:
        if dev and not is_loopback(address):
            raise FetchFailed(f"{target.host}: {address} is not loopback")
        if not dev and client.addresses and not is_within(address, client.addresses):
            raise FetchFailed(f"{target.host}: {address} is not among the issuer's `addresses`")
        if not dev and not client.addresses and not is_public(address):
            raise FetchFailed(
                f"{target.host}: {address} is a private address; if it is meant, name it in the issuer's"
                " `addresses`"
            )
    return list(dict.fromkeys(addresses))


async def _try_each(
    client: IssuerClient, question: _Question, addresses: list[Address | None]
) -> tuple[int, bytes, httpx.Headers]:
    target = question.url
    last: Exception | None = None
    for address in addresses:
        try:
            return await _send(client, question, address)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            last = error
        except httpx.HTTPError as error:
            raise FetchFailed(f"{target}: {type(error).__name__}: {_root(error)}") from None
    raise FetchFailed(f"{target}: cannot connect: {_root(last)}")


def _root(error: BaseException | None) -> str:
    """The text of the first cause: httpx and trio wrap a TLS failure in errors that say nothing."""
    text = ""
    while error is not None:
        text = str(error) or text
        error = error.__cause__ or error.__context__
    return text


async def _send(
    client: IssuerClient, question: _Question, address: Address | None
) -> tuple[int, bytes, httpx.Headers]:
    target = question.url
    request = client.build_request(
        question.method,
        target if address is None else target.copy_with(host=str(address)),
        content=question.content,
        headers={**question.headers, "host": target.netloc.decode("ascii")},
        extensions={**_timeouts(), "sni_hostname": target.host},
    )
    response = await client.send(request, stream=True)
    try:
        if response.status_code in (404, 405):
            raise NotThere(f"{target}: HTTP {response.status_code}")
        if response.status_code not in question.statuses:
            raise FetchFailed(f"{target}: HTTP {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise FetchFailed(f"{target}: compressed, though not asked for")
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise FetchFailed(f"{target}: larger than {MAX_BODY_BYTES} bytes")
        return response.status_code, bytes(body), response.headers
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await response.aclose()


def _timeouts() -> Mapping[str, Any]:
    return {"timeout": httpx.Timeout(TOTAL_S).as_dict()}
