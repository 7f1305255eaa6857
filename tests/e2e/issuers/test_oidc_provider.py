"""Tokens of an issuer that we did not write: npm `oidc-provider` over HTTP, with claims in Okta's shape."""

import importlib.util
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from hoopwire.identity import TokenRefused, Verifier
from hoopwire.model.settings import GroupsSettings, IssuerSettings
from support.node import missing

spec = importlib.util.spec_from_file_location("oidc_provider", Path(__file__).with_name("oidc_provider.py"))
assert spec is not None
assert spec.loader is not None
oidc_provider = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oidc_provider)

AUDIENCE = "https://gateway.example/orders"
OTHER = "https://gateway.example/other"
SECRET = "a-secret-of-the-test-and-of-nobody-else"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = json.loads(RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "agent", "use": "sig", "alg": "RS256"}
CLIENTS = [
    {"client_id": "0oaSecret", "client_secret": SECRET, "groups": ["analysts", "on-call"]},
    {"client_id": "0oaKey", "jwks": {"keys": [PUBLIC]}, "groups": ["operators"]},
    {"client_id": "plain", "client_secret": SECRET, "groups": ["readers"], "okta": False},
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(f"the third-party issuer lane must run in CI, and it {reason}")
    if reason:
        pytest.skip(reason)
    with oidc_provider.serve(CLIENTS, [AUDIENCE, OTHER]) as running:
        yield running


@pytest.fixture
async def verifier(issuer: str) -> AsyncIterator[Verifier]:
    settings = IssuerSettings(issuer=issuer, dev=True, required_scope="database")
    async with Verifier({"third": settings}, AUDIENCE) as made:
        yield made


async def token_endpoint(issuer: str, form: dict[str, str], **request: Any) -> dict[str, Any]:
    form = {"grant_type": "client_credentials", "scope": "database", "resource": AUDIENCE} | form
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(f"{issuer}/token", data=form, **request)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def by_secret(issuer: str, cid: str = "0oaSecret", **form: str) -> str:
    return str((await token_endpoint(issuer, form, auth=(cid, SECRET)))["access_token"])


async def test_client_secret_and_groups(issuer: str, verifier: Verifier) -> None:
    identity = await verifier.verify(await by_secret(issuer), channel="native")
    assert identity.principal.issuer == issuer
    assert identity.principal.key == "cid:0oaSecret"
    assert identity.evidence.groups == ("analysts", "on-call")
    assert identity.evidence.scopes == ("database",)
    assert identity.evidence.exp - identity.evidence.iat == 300


async def test_private_key_jwt(issuer: str, verifier: Verifier) -> None:
    now = int(time.time())
    claims = {
        "iss": "0oaKey",
        "sub": "0oaKey",
        "aud": issuer,
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
    }
    form = {
        "client_id": "0oaKey",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(claims, KEY, "RS256", headers={"kid": "agent"}),
    }
    token = (await token_endpoint(issuer, form))["access_token"]
    identity = await verifier.verify(token, channel="native")
    assert identity.principal.key == "cid:0oaKey"
    assert identity.evidence.groups == ("operators",)


async def test_its_own_words_unchanged(issuer: str) -> None:
    settings = IssuerSettings(issuer=issuer, dev=True, kind="oidc", groups=GroupsSettings(source="claim"))
    async with Verifier({"third": settings}, AUDIENCE) as verifier:
        identity = await verifier.verify(await by_secret(issuer, "plain"), channel="native")
    assert identity.principal.key == "cid:plain"
    assert identity.evidence.scopes == ("database",)
    assert identity.evidence.groups == ("readers",)


async def code_of(verifier: Verifier, token: str) -> str:
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(token, channel="native")
    return caught.value.code


async def test_token_for_another_resource(issuer: str, verifier: Verifier) -> None:
    assert await code_of(verifier, await by_secret(issuer, resource=OTHER)) == "wrong_audience"


async def test_token_without_the_scope(issuer: str, verifier: Verifier) -> None:
    assert await code_of(verifier, await by_secret(issuer, scope="")) == "scope_missing"


async def test_dpop_bound_token_as_a_password(issuer: str, verifier: Verifier) -> None:
    """A bound token was stolen, or its holder forgot the proof: either way it is no bearer token."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    claims = {"htm": "POST", "htu": f"{issuer}/token", "iat": int(time.time()), "jti": str(uuid.uuid4())}
    proof = jwt.encode(claims, key, "ES256", headers={"typ": "dpop+jwt", "jwk": jwk})
    answer = await token_endpoint(issuer, {}, auth=("0oaSecret", SECRET), headers={"DPoP": proof})
    assert answer["token_type"] == "DPoP"
    assert await code_of(verifier, answer["access_token"]) == "possession_required"
