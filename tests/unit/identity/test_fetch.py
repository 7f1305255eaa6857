"""Fetching from an issuer over real sockets: where it may lead, and how much and how long it takes."""

import datetime
import ipaddress
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hoopwire.demo.issuer_tokens import SigningKey
from hoopwire.identity import JwksCache, TokenRefused
from hoopwire.identity.keys.fetch import FetchFailed, NotThere, fetch_json, make_client
from hoopwire.model.addresses import is_public
from hoopwire.model.settings import IssuerSettings

Answer = Callable[[trio.abc.Stream, bytes], Awaitable[None]]


@asynccontextmanager
async def server(
    answer: bytes | Answer, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A loopback HTTP server that gives one answer; yields its port and the requests it saw."""
    seen: list[bytes] = []

    async def handle(stream: Any) -> None:
        try:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = await stream.receive_some()
                if not piece:
                    return
                request += piece
            seen.append(request)
            if isinstance(answer, bytes):
                await stream.send_all(answer)
            else:
                await answer(stream, request)
            await stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client had enough

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        wrapped = (
            [trio.SSLListener(one, tls, https_compatible=True) for one in listeners] if tls else listeners
        )
        await nursery.start(trio.serve_listeners, handle, wrapped)
        yield port, seen
        nursery.cancel_scope.cancel()


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Resolver(trio.abc.HostnameResolver):
    """Answers with the listed addresses, one list a call, and counts."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def getaddrinfo(self, host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        addresses = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, int(port)))
            for one in addresses
        ]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


async def fetch(url: str, *, dev: bool = True, ca: str | None = None) -> dict[str, Any]:
    async with make_client(ca) as client:
        return (await fetch_json(client, url, dev=dev))[0]


async def test_a_document() -> None:
    async with server(http(b'{"a": 1}')) as (port, seen):
        assert await fetch(f"http://127.0.0.1:{port}/x/y") == {"a": 1}
    assert seen[0].startswith(b"GET /x/y HTTP/1.1\r\n")
    assert f"host: 127.0.0.1:{port}\r\n".encode() in seen[0].lower()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_redirect_is_not_followed(status: str) -> None:
    """An open redirect at the issuer, or a captive portal, must not choose our keys."""
    async with server(http(b'{"keys": []}')) as (elsewhere, seen):
        redirect = http(b"{}", status, f"location: http://127.0.0.1:{elsewhere}/")
        async with server(redirect) as (port, _):
            with pytest.raises(FetchFailed, match="HTTP 30"):
                await fetch(f"http://127.0.0.1:{port}/")
    assert seen == []


async def test_proxy_from_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        server(http(b'{"from": "proxy"}')) as (proxy, seen),
        server(http(b'{"from": "issuer"}')) as (port, _),
    ):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        assert await fetch(f"http://127.0.0.1:{port}/") == {"from": "issuer"}
    assert seen == []


async def test_too_large_with_and_without_saying_so() -> None:
    async with server(http(b'"' + b"x" * 300_000 + b'"')) as (port, _):
        with pytest.raises(FetchFailed, match="larger"):
            await fetch(f"http://127.0.0.1:{port}/")

    async def endless(stream: trio.abc.Stream, request: bytes) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send_all(b"x" * 65536)

    async with server(endless) as (port, _):
        with pytest.raises(FetchFailed, match="larger"):
            await fetch(f"http://127.0.0.1:{port}/")


async def test_compressed_answer_is_not_unpacked() -> None:
    async with server(http(b"\x1f\x8b", "200 OK", "content-encoding: gzip")) as (port, _):
        with pytest.raises(FetchFailed, match="compressed"):
            await fetch(f"http://127.0.0.1:{port}/")


async def test_trickling_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then resets every per-read timeout; the whole fetch has one deadline."""
    monkeypatch.setattr("hoopwire.identity.keys.fetch.TOTAL_S", 0.5)

    async def trickle(stream: trio.abc.Stream, request: bytes) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send_all(b" ")
            await trio.sleep(0.05)

    async with server(trickle) as (port, _):
        with trio.fail_after(60), pytest.raises(FetchFailed, match="no whole answer"):
            await fetch(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b"[" * 100_000, b"\xff\xfe"])
async def test_what_is_no_json_object(body: bytes) -> None:
    async with server(http(body)) as (port, _):
        with pytest.raises(FetchFailed, match="not"):
            await fetch(f"http://127.0.0.1:{port}/")


async def test_missing_document_and_closed_port() -> None:
    async with server(http(b"{}", "404 Not Found")) as (port, _):
        with pytest.raises(NotThere):
            await fetch(f"http://127.0.0.1:{port}/")
    with pytest.raises(FetchFailed, match="cannot connect"):
        await fetch(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("scheme", ["http", "ftp", "file", "ws"])
async def test_real_issuer_is_https_only(scheme: str) -> None:
    with pytest.raises(FetchFailed, match="not allowed"):
        await fetch(f"{scheme}://93.184.215.14/", dev=False)


INSIDE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
]


@pytest.mark.parametrize("address", INSIDE)
async def test_name_that_leads_inside(address: str) -> None:
    """A discovery host whose DNS answer is the metadata service, the gateway itself, or the intranet."""
    assert not is_public(ipaddress.ip_address(address))
    trio.socket.set_custom_hostname_resolver(Resolver(["93.184.215.14", address]))
    with pytest.raises(FetchFailed, match="private address"):
        await fetch("https://issuer.example/", dev=False)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


async def test_dev_issuer_is_loopback_only() -> None:
    for address in ("93.184.215.14", "10.0.0.1"):
        trio.socket.set_custom_hostname_resolver(Resolver(["127.0.0.1", address]))
        with pytest.raises(FetchFailed, match="not loopback"):
            await fetch("http://issuer.example/", dev=True)


async def test_second_dns_answer_changes_nothing() -> None:
    """DNS rebinding: the first answer passes the check, the second, asked at connect, leads elsewhere."""
    resolver = Resolver(["127.0.0.1"], ["127.0.0.2"])
    trio.socket.set_custom_hostname_resolver(resolver)
    async with server(http(b'{"a": 1}')) as (port, seen):
        assert await fetch(f"http://issuer.example:{port}/") == {"a": 1}
    assert resolver.calls == 1
    assert f"host: issuer.example:{port}\r\n".encode() in seen[0].lower()


async def test_next_address_is_tried() -> None:
    trio.socket.set_custom_hostname_resolver(Resolver(["127.0.0.3", "127.0.0.1"]))
    async with server(http(b'{"a": 1}')) as (port, _):
        assert await fetch(f"http://issuer.example:{port}/") == {"a": 1}


def general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, str]:
    """A server context for `name`, and the path of the CA bundle that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([general_name(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, secret)
    return context, str(chain)


async def test_tls_is_verified_by_name_though_we_connect_to_an_address(tmp_path: Path) -> None:
    context, ca = certificate(tmp_path, "issuer.example")
    trio.socket.set_custom_hostname_resolver(Resolver(["127.0.0.1"]))
    async with server(http(b'{"a": 1}'), context) as (port, _):
        assert await fetch(f"https://issuer.example:{port}/", ca=ca) == {"a": 1}


@pytest.mark.parametrize("url", ["https://other.example:{port}/", "https://127.0.0.1:{port}/"])
async def test_certificate_of_another_name(tmp_path: Path, url: str) -> None:
    context, ca = certificate(tmp_path, "issuer.example")
    trio.socket.set_custom_hostname_resolver(Resolver(["127.0.0.1"]))
    async with server(http(b'{"a": 1}'), context) as (port, seen):
        with pytest.raises(FetchFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch(url.format(port=port), ca=ca)
    assert seen == []


async def test_certificate_of_an_unknown_authority(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, "issuer.example")
    trio.socket.set_custom_hostname_resolver(Resolver(["127.0.0.1"]))
    async with server(http(b'{"a": 1}'), context) as (port, _):
        with pytest.raises(FetchFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch(f"https://issuer.example:{port}/")


def test_client_takes_nothing_from_the_environment() -> None:
    client = make_client(None)
    assert isinstance(client, httpx.AsyncClient)
    assert not client.trust_env
    assert not client.follow_redirects


def published(key: SigningKey) -> Answer:
    """Discovery and keys of the realm x, wherever it is asked for."""

    async def answer(stream: trio.abc.Stream, request: bytes) -> None:
        path, host = request.split()[1].decode(), request.lower().split(b"host: ")[1].split()[0].decode()
        issuer = f"https://{host}/realms/x"
        document: dict[str, Any] = {"issuer": issuer, "jwks_uri": f"{issuer}/keys"}
        if path.endswith("/keys"):
            document = {"keys": [key.jwk()]}
        await stream.send_all(http(json.dumps(document).encode()))

    return answer


@asynccontextmanager
async def proxy(*, refuses: bool = False) -> AsyncIterator[tuple[int, list[bytes]]]:
    """An HTTP proxy whose every tunnel ends at this machine; yields its port and the requests it saw."""

    async def answer(stream: trio.abc.Stream, request: bytes) -> None:
        if refuses:
            await stream.send_all(http(b"", "403 Forbidden"))
            return
        port = int(request.split()[1].rpartition(b":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port) as far, trio.open_nursery() as nursery:
            await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")

            async def carry(source: trio.abc.ReceiveStream, sink: trio.abc.SendStream) -> None:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    async for piece in source:
                        await sink.send_all(piece)
                nursery.cancel_scope.cancel()

            nursery.start_soon(carry, stream, far)
            nursery.start_soon(carry, far, stream)

    async with server(answer) as (port, seen):
        yield port, seen


async def key_of(issuer: str, key: SigningKey, **settings: Any) -> str:
    """What comes of a login by this issuer: the key, or why there is none."""
    known = IssuerSettings(issuer=issuer, kind="keycloak", **settings)
    async with JwksCache({"inside": known}) as keys:
        try:
            await keys.key(issuer, key.kid, "RS256")
        except TokenRefused as refused:
            return refused.internal
    return "found"


async def test_an_issuer_inside_that_is_named_on_purpose(tmp_path: Path, signing_key: SigningKey) -> None:
    """I4: `https://10.0.0.5/realms/x` with its CA was valid, and every login was refused."""
    context, ca = certificate(tmp_path, "127.0.0.1")
    async with server(published(signing_key), context) as (port, _):
        issuer = f"https://127.0.0.1:{port}/realms/x"
        for addresses in (("127.0.0.1",), ("10.0.0.0/8", "127.0.0.0/30")):
            assert await key_of(issuer, signing_key, ca=ca, addresses=addresses) == "found"
        assert "private address; if it is meant" in await key_of(issuer, signing_key, ca=ca)
        away = await key_of(issuer, signing_key, ca=ca, addresses=("10.0.0.0/8",))
        assert "127.0.0.1 is not among the issuer's `addresses`" in away
        assert "CERTIFICATE_VERIFY_FAILED" in await key_of(issuer, signing_key, addresses=("127.0.0.1",))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "10.0.0.6", "8.8.8.8", "::ffff:169.254.169.254", "::"]
)
async def test_its_name_leads_nowhere_else(address: str) -> None:
    """What names an inner network on purpose must not open the rest of it, nor the cloud's metadata."""
    trio.socket.set_custom_hostname_resolver(Resolver([address]))
    async with make_client(None, addresses=("10.0.0.5", "169.254.0.0/16")) as client:
        with pytest.raises(FetchFailed, match="not among the issuer's `addresses`"):
            await fetch_json(client, "https://issuer.example/", dev=False)


async def test_by_a_proxy(tmp_path: Path) -> None:
    """I4: a site whose only way out is a proxy. It finds the name; TLS is with the issuer, by its name."""
    context, ca = certificate(tmp_path, "issuer.example")
    trio.socket.set_custom_hostname_resolver(Resolver([]))
    async with (
        server(http(b'{"a": 1}'), context) as (port, _),
        proxy() as (way, seen),
        make_client(ca, proxy=f"http://127.0.0.1:{way}") as client,
    ):
        document, _ = await fetch_json(client, f"https://issuer.example:{port}/", dev=False)
        assert document == {"a": 1}
        assert seen[0].startswith(f"CONNECT issuer.example:{port} HTTP/1.1\r\n".encode())
        with pytest.raises(FetchFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch_json(client, f"https://other.example:{port}/", dev=False)


async def test_a_proxy_that_refuses_or_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is told, for `status` and the log; and nothing goes past the proxy."""
    trio.socket.set_custom_hostname_resolver(Resolver([]))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with (
        proxy(refuses=True) as (way, _),
        make_client(None, proxy=f"http://127.0.0.1:{way}") as client,
    ):
        with pytest.raises(FetchFailed, match="403 Forbidden"):
            await fetch_json(client, "https://issuer.example/", dev=False)
    async with make_client(None, proxy=f"http://127.0.0.1:{way}") as client:
        with pytest.raises(FetchFailed, match="cannot connect"):
            await fetch_json(client, "https://issuer.example/", dev=False)
