"""RFC 8628 at an issuer: what it is asked, and what of its answers is believed."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import httpx
import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.identity import DeviceFailed, DeviceFlow, DeviceRefused, Verifier, Wait
from hoopwire.model.settings import DeviceSettings, IssuerSettings

from .conftest import WallClock

SECRET = "a secret: 100% & more"


@pytest.fixture
def settings(issuer: DevIssuer) -> IssuerSettings:
    issuer.client("0oaPublic", "")
    issuer.client("0oaWithSecret", SECRET)
    issuer.person("ada", ["people"], uid="00uAda")
    return IssuerSettings(
        issuer=issuer.issuer, dev=True, device=DeviceSettings(client_id="0oaPublic", scopes=("database",))
    )


@pytest.fixture
async def flow(issuer: DevIssuer, settings: IssuerSettings) -> AsyncIterator[DeviceFlow]:
    async with DeviceFlow({"dev": settings}, transport=httpx.ASGITransport(app=issuer.app)) as opened:
        yield opened


class Scripted(httpx.AsyncBaseTransport):
    """A function in place of the network. What it makes itself is handed out unread, as from a socket."""

    def __init__(self, answer: Callable[[httpx.Request], Awaitable[httpx.Response]]) -> None:
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        made = await self._answer(request)
        if not made.is_stream_consumed:
            return made
        return httpx.Response(made.status_code, headers=made.headers, stream=httpx.ByteStream(made.content))


async def test_a_code_is_confirmed_and_buys_a_token_of_the_person(
    issuer: DevIssuer, flow: DeviceFlow, verifier: Verifier, wall: WallClock
) -> None:
    code = await flow.begin("")
    assert code.page == f"http://127.0.0.1:9/activate?user_code={code.user_code}"
    assert (code.expires_s, code.interval_s) == (300.0, 1.0)
    assert code.device_code not in repr(code)
    assert await flow.poll(code, "") == Wait()
    assert await flow.poll(code, "") == Wait(more_s=5.0)
    assert issuer.devices.confirm(code.user_code, "ada")
    wall.time += 2
    token = await flow.poll(code, "")
    assert isinstance(token, str)
    assert issuer.discoveries == 1
    identity = await verifier.verify(token, channel="ssh")
    assert (identity.principal.key, identity.principal.cid) == ("uid:00uAda", "0oaPublic")
    assert (identity.evidence.groups, identity.evidence.scopes) == (("people",), ("database",))
    with pytest.raises(DeviceFailed, match="invalid_grant") as again:
        await flow.poll(code, "")
    assert again.value.is_lasting


async def test_refused_and_too_late(issuer: DevIssuer, flow: DeviceFlow, wall: WallClock) -> None:
    denied, late = await flow.begin(""), await flow.begin("")
    issuer.devices.deny(denied.user_code)
    with pytest.raises(DeviceRefused, match="access_denied"):
        await flow.poll(denied, "")
    wall.time += 300
    assert not issuer.devices.confirm(late.user_code, "ada")
    with pytest.raises(DeviceRefused, match="expired_token"):
        await flow.poll(late, "")


async def test_a_client_with_a_secret(issuer: DevIssuer, settings: IssuerSettings) -> None:
    """RFC 6749, 2.3.1: form-encoded, then Basic; and not in the form as well."""
    seen: list[httpx.Request] = []
    inner = httpx.ASGITransport(app=issuer.app)

    async def watch(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return await inner.handle_async_request(request)

    with_secret = IssuerSettings(
        issuer=settings.issuer, dev=True, device=DeviceSettings(client_id="0oaWithSecret")
    )
    async with DeviceFlow({"dev": with_secret}, transport=Scripted(watch)) as flow:
        await flow.poll(await flow.begin(SECRET), SECRET)
        with pytest.raises(DeviceFailed, match="invalid_client"):
            await flow.begin("wrong")
    for request in seen[1:3]:
        scheme, _, encoded = request.headers["authorization"].partition(" ")
        assert scheme == "Basic"
        plain = base64.b64decode(encoded).decode()
        assert [unquote_plus(part) for part in plain.split(":")] == ["0oaWithSecret", SECRET]
        assert "client_id" not in parse_qs(request.content.decode())


GOOD: dict[str, Any] = {
    "device_code": "device-code-secret",
    "user_code": "ABCD-EFGH",
    "verification_uri": "http://127.0.0.1:9/activate",
    "expires_in": 600,
}
ISSUER = "http://127.0.0.1:9/oauth2/dev-x"
DESCRIBED: dict[str, Any] = {
    "issuer": ISSUER,
    "device_authorization_endpoint": f"{ISSUER}/v1/device/authorize",
    "token_endpoint": f"{ISSUER}/v1/token",
}


def scripted(
    described: dict[str, Any], code: Any, token: Callable[[], httpx.Response] | None = None
) -> DeviceFlow:
    """An issuer that says what it is told to."""

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=described)
        if request.url.path.endswith("/token"):
            assert token is not None
            return token()
        return code() if callable(code) else httpx.Response(200, json=code)

    settings = IssuerSettings(issuer=ISSUER, dev=True, device=DeviceSettings(client_id="0oaPublic"))
    return DeviceFlow({"dev": settings}, transport=Scripted(answer))


@pytest.mark.parametrize(
    ("described", "code"),
    [
        ({"device_authorization_endpoint": None}, {}),
        ({"device_authorization_endpoint": "http://127.0.0.1:10/device"}, {}),
        ({"token_endpoint": "http://elsewhere.example/token"}, {}),
        ({"token_endpoint": "/v1/token"}, {}),
        ({"issuer": "http://127.0.0.1:9/oauth2/dev-y"}, {}),
        ({}, {"verification_uri": "http://phish.example/activate"}),
        ({}, {"verification_uri_complete": "http://127.0.0.1:9@phish.example/"}),
        ({}, {"verification_uri": "javascript:alert(1)"}),
        ({}, {"verification_uri": "http://127.0.0.1:9/a\x1b[2J"}),
        ({}, {"verification_uri": "http://127.0.0.1:9/" + "a" * 600}),
        ({}, {"verification_uri": None}),
        ({}, {"user_code": "AB\x1b[2J"}),
        ({}, {"user_code": "A" * 65}),
        ({}, {"user_code": 12345678}),
        ({}, {"device_code": ""}),
        ({}, {"device_code": "x" * 20_000}),
        ({}, {"expires_in": "600"}),
        ({}, {"expires_in": True}),
        ({}, {"expires_in": -1}),
        ({}, {"interval": 1e300}),
    ],
)
async def test_what_is_not_believed(described: dict[str, Any], code: dict[str, Any]) -> None:
    async with scripted(DESCRIBED | described, GOOD | code) as flow:
        with pytest.raises(DeviceFailed) as failed:
            await flow.begin("")
    assert "device-code-secret" not in str(failed.value)
    assert "\x1b" not in str(failed.value)


async def test_the_interval_is_the_issuers_within_reason() -> None:
    for said, taken in ((0, 1.0), (7, 7.0), (10**6, 60.0)):
        async with scripted(DESCRIBED, GOOD | {"interval": said}) as flow:
            assert (await flow.begin("")).interval_s == taken
    async with scripted(DESCRIBED, GOOD) as flow:
        assert (await flow.begin("")).interval_s == 5.0


@pytest.mark.parametrize(
    ("token", "is_lasting"),
    [
        (httpx.Response(200, json={"access_token": "T-secret", "token_type": "DPoP"}), True),
        (httpx.Response(200, json={"token_type": "Bearer", "id_token": "T-secret"}), True),
        (httpx.Response(400, json={"error": "T-secret\n"}), True),
        (httpx.Response(400, json={"error_description": "device-code-secret"}), True),
        (httpx.Response(401, json={"error": "invalid_client"}), True),
        (httpx.Response(429, json={}), False),
        (httpx.Response(503, text="T-secret"), False),
        (httpx.Response(302, headers={"location": "http://127.0.0.1:9/other"}), False),
        (httpx.Response(200, text="T-secret"), False),
        (httpx.Response(200, content=b"{" + b" " * 300_000), False),
    ],
)
async def test_polls_that_bring_no_token(token: httpx.Response, is_lasting: bool) -> None:
    async with scripted(DESCRIBED, GOOD, lambda: token) as flow:
        code = await flow.begin("")
        with pytest.raises(DeviceFailed) as failed:
            await flow.poll(code, "")
    assert failed.value.is_lasting is is_lasting
    assert "secret" not in str(failed.value)


async def test_without_device_nothing_is_asked() -> None:
    async with DeviceFlow({"dev": IssuerSettings(issuer=ISSUER, dev=True)}) as flow:
        with pytest.raises(DeviceFailed):
            await flow.begin("")
