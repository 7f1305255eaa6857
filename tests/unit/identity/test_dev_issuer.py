"""The shipped dev issuer, over real sockets: in trio, in a thread, as a process."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from hoopwire.demo.issuer import ASSERTION_TYPE, DevIssuer
from hoopwire.demo.issuer_tokens import IssuerTokens, SigningKey
from hoopwire.identity import TokenRefused, Verifier
from hoopwire.model.settings import IssuerSettings

GRANT = {"grant_type": "client_credentials"}


async def post(url: str, form: dict[str, str], **request: Any) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(url, data=form, **request)


async def test_token_endpoint_to_verified_identity(signing_key: SigningKey) -> None:
    async with DevIssuer.serve(signing_key=signing_key) as issuer:
        client = issuer.client("0oaA", groups=["analysts"], scopes=["database", "other"])
        basic = await post(
            f"{issuer.issuer}/v1/token", GRANT | {"scope": "database"}, auth=("0oaA", client.secret)
        )
        by_post = await post(
            f"{issuer.issuer}/v1/token", GRANT | {"client_id": "0oaA", "client_secret": client.secret}
        )
        async with Verifier(
            {"dev": IssuerSettings(issuer=issuer.issuer, dev=True)}, issuer.audience
        ) as verifier:
            for answer, scopes in ((basic, ("database",)), (by_post, ("database", "other"))):
                identity = await verifier.verify(answer.json()["access_token"], channel="http")
                assert identity.principal.key == "cid:0oaA"
                assert identity.evidence.groups == ("analysts",)
                assert identity.evidence.scopes == scopes
            other = await post(
                f"{issuer.issuer}/v1/token", GRANT | {"audience": "other"}, auth=("0oaA", client.secret)
            )
            with pytest.raises(TokenRefused) as caught:
                await verifier.verify(other.json()["access_token"], channel="http")
            assert caught.value.code == "wrong_audience"
        assert issuer.fetches == 1


async def test_wrong_credentials_get_nothing(signing_key: SigningKey) -> None:
    async with DevIssuer.serve(signing_key=signing_key) as issuer:
        client = issuer.client("0oaA")
        issuer.client("0oaKeyOnly", secret="")
        token = f"{issuer.issuer}/v1/token"
        for auth in (("0oaA", "wrong"), ("0oaA", ""), ("0oaKeyOnly", ""), ("nobody", client.secret)):
            assert (await post(token, GRANT, auth=auth)).status_code == 401
        assert (await post(token, GRANT)).status_code == 401
        good = {"auth": ("0oaA", client.secret)}
        assert (await post(token, {"grant_type": "password"}, **good)).status_code == 400
        assert (await post(token, GRANT | {"scope": "admin"}, **good)).status_code == 400
        issuer.deactivate("0oaA")
        assert (await post(token, GRANT, **good)).status_code == 401


async def test_private_key_jwt(signing_key: SigningKey) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    async with DevIssuer.serve(signing_key=signing_key) as issuer:
        issuer.client("0oaK", secret="", jwk=json.loads(RSAAlgorithm.to_jwk(key.public_key())))
        endpoint = f"{issuer.issuer}/v1/token"

        def form(signer: Any, **claims: Any) -> dict[str, str]:
            said = {"iss": "0oaK", "sub": "0oaK", "aud": endpoint, "exp": int(time.time()) + 60}
            assertion = jwt.encode(said | {"jti": str(uuid.uuid4())} | claims, signer, "RS256")
            return GRANT | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}

        once = form(key)
        assert (await post(endpoint, once)).status_code == 200
        assert (await post(endpoint, once)).status_code == 401, "an assertion is good once"
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        assert (await post(endpoint, form(other))).status_code == 401
        for claims in (
            {"aud": "https://other"},
            {"sub": "0oaX"},
            {"exp": 1},
            {"exp": int(time.time()) + 9999},
        ):
            assert (await post(endpoint, form(key, **claims))).status_code == 401


async def test_introspection_sees_deactivation(signing_key: SigningKey) -> None:
    async with DevIssuer.serve(signing_key=signing_key) as issuer:
        asker = issuer.client("0oaGateway")
        issuer.client("0oaA")
        token = issuer.token("0oaA")

        async def answer(of: str) -> dict[str, Any]:
            response = await post(
                f"{issuer.issuer}/v1/introspect", {"token": of}, auth=("0oaGateway", asker.secret)
            )
            said: dict[str, Any] = response.json()
            return said

        assert (await answer(token))["client_id"] == "0oaA"
        for bad in (
            "",
            "a.b.c",
            token[:-8],
            issuer.token("0oaA", key=SigningKey()),
            issuer.token("0oaA", ttl_s=0),
        ):
            assert await answer(bad) == {"active": False}
        issuer.deactivate("0oaA")
        assert await answer(token) == {"active": False}
        assert (await post(f"{issuer.issuer}/v1/introspect", {"token": token})).status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "192.168.0.1"])
async def test_binds_to_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback only"):
        async with DevIssuer.serve(host=host):
            pass
    with pytest.raises(ValueError, match="loopback only"), DevIssuer.run_in_thread(host=host):
        pass


def test_issuer_string_must_say_dev() -> None:
    with pytest.raises(ValueError, match="dev"):
        IssuerTokens("https://acme.okta.com/oauth2/default")


def test_from_ordinary_code(signing_key: SigningKey) -> None:
    with DevIssuer.run_in_thread(signing_key=signing_key) as issuer:
        found = httpx.get(f"{issuer.issuer}/v1/keys", trust_env=False)
        assert found.json()["keys"] == [signing_key.jwk()]
        assert found.headers["cache-control"] == "max-age=3600, must-revalidate"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{issuer.issuer}/v1/keys", trust_env=False)


def test_as_a_process(tmp_path: Path) -> None:
    clients = tmp_path / "clients.json"
    clients.write_text(
        json.dumps({"clients": [{"cid": "0oaA", "secret": "s3cret-of-the-test", "groups": ["g"]}]})
    )
    command = [sys.executable, "-m", "hoopwire.demo.issuer", "--clients", str(clients), "--audience", "gw"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None
        issuer = process.stdout.readline().strip()
        answer = httpx.post(
            f"{issuer}/v1/token", data=GRANT, auth=("0oaA", "s3cret-of-the-test"), trust_env=False
        )
        claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
        assert (claims["aud"], claims["groups"], claims["iss"]) == ("gw", ["g"], issuer)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert errors == ""


def test_process_says_what_is_wrong(tmp_path: Path) -> None:
    clients = tmp_path / "clients.json"
    clients.write_text('{"clients": [{"cid": 1}]}')
    for arguments in (["--clients", str(clients)], ["--host", "0.0.0.0"], ["--clients", "/nonexistent"]):
        done = subprocess.run(
            [sys.executable, "-m", "hoopwire.demo.issuer", *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("dev issuer: ")


def test_secret_is_in_no_repr() -> None:
    client = IssuerTokens("http://127.0.0.1:1/oauth2/dev").client("0oaA", "planted-secret")
    assert "planted" not in repr(client)
