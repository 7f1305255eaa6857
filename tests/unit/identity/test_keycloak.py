"""I5: tokens of the shapes that Keycloak 26 makes, signed by the dev issuer."""

from typing import Any

import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.identity import JwksCache, TokenRefused, Verifier, examine
from hoopwire.model.settings import GroupsSettings, IssuerSettings

UUID = "d952cf23-bf92-4c8f-a3ff-4972b4f2bc5b"
ROLES = GroupsSettings(claim="realm_access.roles")


def realm(issuer: DevIssuer, **settings: Any) -> IssuerSettings:
    known: dict[str, Any] = {"kind": "keycloak", "groups": ROLES} | settings
    return IssuerSettings(issuer=issuer.issuer, dev=True, **known)


def service(cid: str = "Reports", **claims: Any) -> dict[str, Any]:
    """Of client credentials: the client scope `service_account` has the mapper of `client_id`."""
    return {
        "sub": UUID,
        "typ": "Bearer",
        "azp": cid,
        "client_id": cid,
        "clientHost": "127.0.0.1",
        "clientAddress": "127.0.0.1",
        "preferred_username": f"service-account-{cid.lower()}",
        "acr": "1",
        "scope": "profile email",
        "email_verified": False,
        "realm_access": {"roles": ["analysts", "offline_access"]},
    } | claims


def person(**claims: Any) -> dict[str, Any]:
    """Of a user at the same client: no `client_id`."""
    made = service(sub="0b1c", preferred_username="anna", name="Anna")
    return {name: value for name, value in made.items() if not name.startswith("client")} | claims


def signed(issuer: DevIssuer, claims: dict[str, Any]) -> str:
    return issuer.token("0oaAgent", drop=["cid", "scp", "groups", "ver", "uid"], claims=claims)


def verifier(issuer: DevIssuer, keys: JwksCache, wall: Any, **settings: Any) -> Verifier:
    return Verifier({"realm": realm(issuer, **settings)}, issuer.audience, keys=keys, now=wall)


async def test_a_service_account(issuer: DevIssuer, keys: JwksCache, wall: Any) -> None:
    """I5: it was a user keyed by a UUID, so that `principals = ["cid:..."]` never matched."""
    identity = await verifier(issuer, keys, wall).verify(signed(issuer, service()), channel="native")
    assert identity.principal.key == "cid:Reports"
    assert identity.principal.kind == "service"
    assert identity.evidence.groups == ("analysts", "offline_access")


async def test_agents_and_static_members(issuer: DevIssuer, keys: JwksCache, wall: Any) -> None:
    """I5: static members and `agents` never matched either."""
    members = GroupsSettings(source="static", members={"cid:Reports": ("readers",)})
    known = verifier(issuer, keys, wall, groups=members, agents=("Reports",))
    identity = await known.verify(signed(issuer, service()), channel="native")
    assert (identity.principal.kind, identity.evidence.groups) == ("ai_agent", ("readers",))


async def test_a_person_at_the_same_client(issuer: DevIssuer, keys: JwksCache, wall: Any) -> None:
    """Keyed by `sub`, with the client by `azp`: never taken for the client itself."""
    identity = await verifier(issuer, keys, wall).verify(signed(issuer, person()), channel="native")
    assert (identity.principal.key, identity.principal.cid) == ("uid:0b1c", "Reports")
    assert identity.principal.kind == "user"


@pytest.mark.parametrize(
    "claims",
    [
        # A mapper that puts client_id into everybody's token, and a user with another name.
        service(preferred_username="anna"),
        service(preferred_username="service-account-other"),
        service(preferred_username="SERVICE-ACCOUNT-REPORTS"),
        service(preferred_username=["service-account-reports"]),
        # A user who calls himself so where the client has no service account.
        person(preferred_username="service-account-reports"),
    ],
)
async def test_who_only_looks_like_one(
    issuer: DevIssuer, keys: JwksCache, wall: Any, claims: dict[str, Any]
) -> None:
    """Both the claim of the session and the user's name must say so; else it is a user by `sub`."""
    identity = await verifier(issuer, keys, wall).verify(signed(issuer, claims), channel="native")
    assert identity.principal.key == f"uid:{claims['sub']}"


async def test_two_clients_in_one_token(issuer: DevIssuer, keys: JwksCache, wall: Any) -> None:
    """Which one is meant?"""
    with pytest.raises(TokenRefused) as caught:
        await verifier(issuer, keys, wall).verify(signed(issuer, service(azp="other")), channel="native")
    assert caught.value.hint.startswith("The token's claims client_id and azp differ")


async def test_an_id_token_of_the_realm(issuer: DevIssuer, keys: JwksCache, wall: Any) -> None:
    """`azp` names a client now: an ID token, whose aud is that client, must not pass as an access token."""
    token = signed(issuer, person(azp=issuer.audience, typ="ID"))
    with pytest.raises(TokenRefused) as caught:
        await verifier(issuer, keys, wall).verify(token, channel="native")
    assert caught.value.code == "id_token"
    token = signed(issuer, person(typ="ID"))
    with pytest.raises(TokenRefused) as caught:
        await verifier(issuer, keys, wall).verify(token, channel="native")
    assert caught.value.code == "id_token"


async def test_other_providers_stay_as_they_were(issuer: DevIssuer, keys: JwksCache, wall: Any) -> None:
    """`oidc` keeps `sub`: there a client's token on behalf of a user has client_id, too (RFC 9068)."""
    token = signed(issuer, service())
    settings = realm(issuer, kind="oidc")
    identity = await Verifier({"x": settings}, issuer.audience, keys=keys, now=wall).verify(
        token, channel="native"
    )
    assert identity.principal.key == f"uid:{UUID}"
    looked = await examine(token, {"x": settings}, issuer.audience, keys=keys, now=wall())
    assert 'with kind = "keycloak" it is known by its client id' in looked.checks[-1].found
