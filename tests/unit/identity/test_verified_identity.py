"""What a token that passed becomes: principal, evidence, groups; and the steps that look beyond the token."""

import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from hoopwire.demo.issuer import DevIssuer
from hoopwire.identity import JwksCache, TokenRefused, Verifier
from hoopwire.model.settings import GroupsSettings, IssuerSettings


def with_settings(keys: JwksCache, issuer: DevIssuer, wall: Any, **settings: Any) -> Verifier:
    own = IssuerSettings(issuer=issuer.issuer, dev=True, **settings)
    return Verifier({"dev": own}, issuer.audience, keys=keys, now=wall)


async def code_of(verifier: Verifier, token: str) -> str:
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(token, channel="native")
    return caught.value.code


async def test_service_agent_and_user(keys: JwksCache, issuer: DevIssuer, wall: Any) -> None:
    verifier = with_settings(keys, issuer, wall, agents=("0oaRobot",))
    issuer.client("0oaRobot")
    issuer.client("0oaPerson", uid="00uAnna")
    kinds = {}
    for cid in ("0oaAgent", "0oaRobot", "0oaPerson"):
        who = (await verifier.verify(issuer.token(cid), channel="native")).principal
        kinds[who.key] = who.kind
    assert kinds == {"cid:0oaAgent": "service", "cid:0oaRobot": "ai_agent", "uid:00uAnna": "user"}


async def test_sub_is_display_only(verifier: Verifier, issuer: DevIssuer) -> None:
    """Administrators can remap `sub`, and name a user like a client: it must not become the key."""
    token = issuer.token("0oaAgent", claims={"sub": "0oaAdmin\u0007\u202e"})
    who = (await verifier.verify(token, channel="native")).principal
    assert who.key == "cid:0oaAgent"
    assert who.name == "0oaAdmin??"


async def test_sub_is_the_person_outside_okta(keys: JwksCache, issuer: DevIssuer, wall: Any) -> None:
    verifier = with_settings(keys, issuer, wall, kind="oidc")
    person = issuer.token("0oaAgent", claims={"sub": "248289761001"})
    assert (await verifier.verify(person, channel="native")).principal.key == "uid:248289761001"
    itself = issuer.token("0oaAgent", claims={"sub": "0oaAgent"})
    assert (await verifier.verify(itself, channel="native")).principal.key == "cid:0oaAgent"


async def test_words_of_rfc_9068(verifier: Verifier, issuer: DevIssuer) -> None:
    token = issuer.token(
        "0oaAgent", drop=["cid", "scp"], claims={"client_id": "0oaAgent", "scope": "database other"}
    )
    identity = await verifier.verify(token, channel="native")
    assert identity.principal.cid == "0oaAgent"
    assert identity.evidence.scopes == ("database", "other")


@pytest.mark.parametrize(
    "claims",
    [
        {"client_id": "0oaOther"},
        {"scope": "database admin"},
        {"scp": "database"},
        {"scope": ["database"]},
        {"scp": [1]},
        {"cid": ["0oaAgent"]},
        {"cid": "0oa Agent"},
        {"cid": "0oa\nAgent"},
        {"cid": "x" * 257},
        {"uid": ""},
        {"uid": None},
        {"jti": ""},
        {"jti": 1},
        {"sub": 1},
        {"act": "0oaX"},
        {"act": {}},
        {"act": {"sub": "a", "act": None}},
        {"groups": "analysts"},
        {"groups": [["analysts"]]},
        {"groups": ["analysts\n"]},
        {"groups": [""]},
    ],
)
async def test_ambiguous_or_malformed_claims(
    verifier: Verifier, issuer: DevIssuer, claims: dict[str, Any]
) -> None:
    assert await code_of(verifier, issuer.token("0oaAgent", claims=claims)) == "claims_refused"


async def test_both_spellings_with_one_value(verifier: Verifier, issuer: DevIssuer) -> None:
    token = issuer.token("0oaAgent", claims={"client_id": "0oaAgent", "scope": "database"})
    await verifier.verify(token, channel="native")


def chain(length: int) -> dict[str, Any]:
    actor: dict[str, Any] = {"sub": f"actor{length}"}
    for number in range(length - 1, 0, -1):
        actor = {"sub": f"actor{number}", "sub_profile": "ai_agent", "act": actor}
    return actor


async def test_delegation_chain(verifier: Verifier, issuer: DevIssuer) -> None:
    identity = await verifier.verify(issuer.token("0oaAgent", claims={"act": chain(8)}), channel="native")
    assert identity.principal.actors == tuple(f"actor{number}" for number in range(1, 9))
    assert await code_of(verifier, issuer.token("0oaAgent", claims={"act": chain(9)})) == "claims_refused"


async def test_required_scope(keys: JwksCache, issuer: DevIssuer, wall: Any) -> None:
    verifier = with_settings(keys, issuer, wall, required_scope="database")
    await verifier.verify(issuer.token("0oaAgent"), channel="native")
    for scopes in ([], ["data"], ["database.read"]):
        assert await code_of(verifier, issuer.token("0oaAgent", scopes=scopes)) == "scope_missing"


async def test_exactly_one_source_of_groups(keys: JwksCache, issuer: DevIssuer, wall: Any) -> None:
    """A union of sources keeps a group alive that one of them has dropped."""
    token = issuer.token("0oaAgent", scopes=["grp:ops", "database"], claims={"roles": ["by-claim"]})
    sources = {
        "claim": GroupsSettings(source="claim", claim="roles"),
        "scopes": GroupsSettings(source="scopes", scope_prefix="grp:"),
        "static": GroupsSettings(source="static", members={"cid:0oaAgent": ("by-hand",)}),
    }
    found = {}
    for name, groups in sources.items():
        verifier = with_settings(keys, issuer, wall, groups=groups)
        evidence = (await verifier.verify(token, channel="native")).evidence
        assert evidence.groups_source == name
        found[name] = evidence.groups
    assert found == {"claim": ("by-claim",), "scopes": ("ops",), "static": ("by-hand",)}


async def test_no_groups_claim_means_no_groups(verifier: Verifier, issuer: DevIssuer) -> None:
    identity = await verifier.verify(issuer.token("0oaAgent", drop=["groups"]), channel="native")
    assert identity.evidence.groups == ()


class Marks:
    """Watermarks for one group."""

    def __init__(self, at: float) -> None:
        self.at = at

    def revoked_before(self, issuer: str, key: str, groups: tuple[str, ...]) -> float | None:
        return self.at if "analysts" in groups else None


@pytest.mark.parametrize("later_s", [0.0, 0.5])
async def test_revocation_watermark(
    keys: JwksCache, settings: IssuerSettings, issuer: DevIssuer, wall: Any, later_s: float
) -> None:
    """Everything issued up to the watermark is refused, also in the watermark's own second."""
    issuer.client("0oaOther", groups=["others"])
    marks = Marks(wall.time + later_s)
    verifier = Verifier({"dev": settings}, issuer.audience, keys=keys, watermarks=marks, now=wall)
    assert await code_of(verifier, issuer.token("0oaAgent")) == "revoked"
    await verifier.verify(issuer.token("0oaOther"), channel="native")
    wall.time += 1
    await verifier.verify(issuer.token("0oaAgent"), channel="native")


async def test_introspection_sees_a_deactivated_client(
    keys: JwksCache, settings: IssuerSettings, issuer: DevIssuer, wall: Any
) -> None:
    """A deactivated client's token still verifies by its signature; only the issuer knows better."""

    class Asked:
        async def active(self, iss: str, token: str) -> bool:
            return bool(issuer.introspect(issuer._own_claims(token))["active"])

    wall.time = time.time()
    verifier = Verifier({"dev": settings}, issuer.audience, keys=keys, introspection=Asked(), now=wall)
    token = issuer.token("0oaAgent")
    await verifier.verify(token, channel="native")
    issuer.deactivate("0oaAgent")
    assert await code_of(verifier, token) == "inactive"


async def test_two_issuers_with_the_same_kid(wall: Any) -> None:
    """Keys are looked up by (issuer, kid): a kid of one issuer must not open tokens of the other."""
    first = DevIssuer("http://127.0.0.1:9", name="dev-one", now=wall)
    second = DevIssuer("http://127.0.0.1:9", name="dev-two", now=wall)
    for issuer in (first, second):
        issuer.client("0oaAgent")
        issuer.rotate(kid="same", keep_old=False)
    settings = {
        "one": IssuerSettings(issuer=first.issuer, dev=True),
        "two": IssuerSettings(issuer=second.issuer, dev=True),
    }
    first.app.routes.extend(second.app.routes)
    async with JwksCache(settings, transport=httpx.ASGITransport(app=first.app)) as keys:
        verifier = Verifier(settings, first.audience, keys=keys, now=wall)
        await verifier.verify(second.token("0oaAgent"), channel="native")
        crossed = first.token("0oaAgent", key=second.signing_key)
        assert await code_of(verifier, crossed) == "bad_signature"


@pytest.mark.parametrize("algorithm", ["RS384", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
async def test_other_algorithms_that_an_issuer_may_be_configured_for(
    keys: JwksCache, issuer: DevIssuer, wall: Any, algorithm: str
) -> None:
    private: Any = {
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }.get(algorithm, lambda: issuer.signing_key.private)()
    published = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)
    issuer.published = [published | {"kid": "other"}]
    token = jwt.encode(issuer.claims("0oaAgent"), private, algorithm, headers={"kid": "other"})
    verifier = with_settings(keys, issuer, wall, algorithms=(algorithm,))
    assert (await verifier.verify(token, channel="native")).principal.key == "cid:0oaAgent"
    head, signature = token.rsplit(".", 1)
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert await code_of(verifier, f"{head}.{flipped}") == "bad_signature"
