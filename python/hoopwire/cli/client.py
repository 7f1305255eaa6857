"""The gateway's two HTTP APIs, as commands call them. Environment proxies are never used."""

import getpass
import os
import re
import ssl
from pathlib import Path
from typing import Any

import httpx
import msgspec

from hoopwire.cli.exits import REFUSED, UNREACHABLE, USAGE, CommandFailed
from hoopwire.config import load

_TIMEOUT_S = 30.0


def operators_socket(config: str, given: str | None) -> str:
    """The socket named on the command line, else the one of the config file."""
    return given if given is not None else load(config, files=False).listen.admin_socket


def call_operators(socket: str, method: str, path: str, **request: Any) -> Any:
    """One call on the operators' socket: the decoded answer."""
    transport = httpx.HTTPTransport(uds=socket)
    with httpx.Client(transport=transport, base_url="http://gateway", timeout=_TIMEOUT_S) as client:
        try:
            response = client.request(method, path, **request)
        except httpx.TransportError as error:
            raise CommandFailed(_no_gateway(socket, error), UNREACHABLE) from None
    return _answer(response)


def ending(reason: str) -> dict[str, str]:
    """Body of the verbs that end something: why, and the account that says so."""
    try:
        operator = re.sub(r"[^A-Za-z0-9._@-]", "_", getpass.getuser())[:64]
    except (KeyError, OSError):
        operator = ""
    return {"reason": reason, "operator": operator}


def request_grant(gateway: str, token: str, body: dict[str, Any], *, ca: str | None) -> Any:
    """`POST /v1/grants` over verified TLS."""
    if not gateway.startswith("https://"):
        raise CommandFailed("--gateway must be an https:// URL: the token must not travel in clear", USAGE)
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise CommandFailed(f"cannot use the CA file {ca}: {error}", USAGE) from None
    with httpx.Client(verify=context, timeout=_TIMEOUT_S, trust_env=False) as client:
        try:
            response = client.post(
                gateway.rstrip("/") + "/v1/grants", json=body, headers={"authorization": f"Bearer {token}"}
            )
        except httpx.InvalidURL as error:
            raise CommandFailed(f"--gateway is no usable URL: {error}", USAGE) from None
        except httpx.TransportError as error:
            hint = ""
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                hint = "\nGive the CA that signed the gateway's certificate with --ca FILE."
            raise CommandFailed(f"cannot reach {gateway}: {error}{hint}", UNREACHABLE) from None
    return _answer(response)


def _no_gateway(socket: str, error: Exception) -> str:
    path = Path(socket)
    if not path.exists():
        return f"no gateway answers on {socket}: it is not running, or its config names another socket"
    if not os.access(path, os.W_OK):
        return f"you may not open {socket}: run this as the account of the gateway"
    return f"no gateway answers on {socket}: {error}"


def _answer(response: httpx.Response) -> Any:
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.MsgspecError:
        raise CommandFailed(f"the gateway gave no readable answer (HTTP {response.status_code})") from None
    if response.is_success:
        return body
    lines = [str(body.get("title", f"HTTP {response.status_code}"))]
    lines += [f"{body[key]}" for key in ("detail", "hint") if body.get(key)]
    lines.append(f"(code {body.get('code', 'unknown')})")
    raise CommandFailed("\n".join(lines), REFUSED)
