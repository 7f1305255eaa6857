"""A person logs in with a browser elsewhere, and the gateway gets the token: RFC 8628, at one issuer.

What an issuer answers is read as closely as a token: endpoints and the page that is shown share the
issuer's origin, a code is printable and short. Nothing here raises or shows a device code, a token or the
client's secret.
"""

import base64
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote_plus

import httpx
import msgspec
import trio

from hoopwire.identity.keys.discovery import discover, own_url
from hoopwire.identity.keys.fetch import FetchFailed, IssuerClient, make_client, post_form
from hoopwire.model.settings import DeviceSettings, IssuerSettings

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
DESCRIBED_S: Final = 15 * 60.0
"""How long an issuer's description of itself is used."""
_INTERVAL_S: Final = 5
_INTERVAL_MAX_S: Final = 60
_USER_CODE: Final = re.compile(r"[A-Za-z0-9_-]{4,64}")
_PAGE: Final = re.compile(r"[!-~]{1,512}")
_ERROR: Final = re.compile(r"[a-z_]{1,64}")
_SECRET_MAX: Final = 16 * 1024


class DeviceFailed(Exception):
    """The issuer did not do its part. The text is for the log, and holds no secret."""

    def __init__(self, internal: str, *, is_lasting: bool = True) -> None:
        """`is_lasting`: it has answered, and asking again would not help."""
        super().__init__(internal)
        self.is_lasting = is_lasting


class DeviceRefused(Exception):
    """The login is over: `code` is `access_denied` or `expired_token` (RFC 8628, 3.5)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class DeviceCode(msgspec.Struct, frozen=True, kw_only=True):
    """A login that waits for its person."""

    device_code: str
    user_code: str
    page: str
    """Where to go; has the user code in it if the issuer offers that."""
    expires_s: float
    interval_s: float

    def __repr__(self) -> str:
        return f"DeviceCode(user_code={self.user_code!r}, ...)"


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Not yet: ask again, so many seconds later than before."""

    more_s: float = 0.0


class DeviceFlow:
    """The flow at the one issuer of the settings that has `device`. An async context manager, as `JwksCache`.

    `transport` replaces the network, for tests.
    """

    def __init__(
        self, issuers: Mapping[str, IssuerSettings], *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = next((each for each in issuers.values() if each.device is not None), None)
        self._transport = transport
        self._client: IssuerClient | None = None
        self._described: tuple[float, str, str] | None = None
        """When; device authorization endpoint; token endpoint."""

    async def __aenter__(self) -> Self:
        if self._settings is not None:
            settings = self._settings
            self._client = make_client(
                settings.ca, self._transport, addresses=settings.addresses, proxy=settings.proxy
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 2):
                await client.aclose()

    async def begin(self, secret: str) -> DeviceCode:
        """A new code (section 3.2). `secret` is the client's, or empty. Raises `DeviceFailed`."""
        settings, device, client = self._opened()
        scopes = device.scopes or ((settings.required_scope,) if settings.required_scope else ())
        form = {"scope": " ".join(scopes)} if scopes else {}
        status, said = await self._post(client, 0, form, secret)
        if status != 200:
            raise DeviceFailed(f"the issuer gives no device code: {_error(said)}")
        return self._read(said)

    async def poll(self, code: DeviceCode, secret: str) -> str | Wait:
        """The access token (section 3.4), once it is confirmed. Raises `DeviceRefused`, `DeviceFailed`."""
        *_, client = self._opened()
        form = {"grant_type": GRANT_TYPE, "device_code": code.device_code}
        status, said = await self._post(client, 1, form, secret)
        if status == 200:
            token, kind = said.get("access_token"), said.get("token_type")
            if not isinstance(token, str) or not isinstance(kind, str) or kind.lower() != "bearer":
                raise DeviceFailed("the issuer's answer has no bearer token")
            return token
        match said.get("error"):
            case "authorization_pending":
                return Wait()
            case "slow_down":
                return Wait(more_s=_INTERVAL_S)
            case "access_denied" | "expired_token" as code_:
                raise DeviceRefused(code_)
        raise DeviceFailed(f"the issuer gives no token: {_error(said)}")

    def _opened(self) -> tuple[IssuerSettings, DeviceSettings, IssuerClient]:
        if self._settings is None or self._settings.device is None or self._client is None:
            raise DeviceFailed("no issuer has `device`")
        return self._settings, self._settings.device, self._client

    async def _post(
        self, client: IssuerClient, which: int, form: dict[str, str], secret: str
    ) -> tuple[int, dict[str, Any]]:
        settings, device, _ = self._opened()
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        basic = base64.b64encode(f"{quote_plus(device.client_id)}:{quote_plus(secret)}".encode()).decode()
        authorization = f"Basic {basic}" if secret else ""
        if not secret:
            form = {"client_id": device.client_id, **form}
        try:
            url = (await self._endpoints(client, settings))[which]
            return await post_form(client, url, form, authorization=authorization, dev=settings.dev)
        except (FetchFailed, ValueError, httpx.InvalidURL) as error:
            raise DeviceFailed(str(error), is_lasting=False) from None

    async def _endpoints(self, client: IssuerClient, settings: IssuerSettings) -> tuple[str, str]:
        now = trio.current_time()
        if self._described is None or now - self._described[0] > DESCRIBED_S:
            issuer = settings.issuers[0]
            metadata = await discover(client, issuer, settings)
            names = ("device_authorization_endpoint", "token_endpoint")
            first, second = (own_url(metadata, name, issuer) for name in names)
            self._described = now, first, second
        return self._described[1:]

    def _read(self, said: Mapping[str, Any]) -> DeviceCode:
        """Section 3.2, of an issuer that is not believed yet."""
        settings, *_ = self._opened()
        issuer = settings.issuers[0]
        device_code, user_code = said.get("device_code"), said.get("user_code")
        if not isinstance(device_code, str) or not 0 < len(device_code) <= _SECRET_MAX:
            raise DeviceFailed("the issuer's answer has no device code")
        if not isinstance(user_code, str) or not _USER_CODE.fullmatch(user_code):
            raise DeviceFailed("the issuer's user code is not of the allowed form")
        try:
            whole = "verification_uri_complete"
            page = own_url(said, whole if whole in said else "verification_uri", issuer)
        except (FetchFailed, ValueError) as error:
            raise DeviceFailed(str(error)) from None
        if not _PAGE.fullmatch(page):
            raise DeviceFailed("the issuer's page is not of the allowed form")
        expires, interval = said.get("expires_in"), said.get("interval", _INTERVAL_S)
        for number in (expires, interval):
            if type(number) is not int or not 0 <= number < 2**31:
                raise DeviceFailed("the issuer's times are not whole seconds")
        assert isinstance(expires, int)
        interval_s = min(max(int(interval), 1), _INTERVAL_MAX_S)
        return DeviceCode(
            device_code=device_code,
            user_code=user_code,
            page=page,
            expires_s=float(expires),
            interval_s=float(interval_s),
        )


def _error(said: Mapping[str, Any]) -> str:
    """The issuer's error code, if it is one: other words could be anything."""
    error = said.get("error")
    return error if isinstance(error, str) and _ERROR.fullmatch(error) else "it does not say why"
