"""I8: a token refused after its signature held left an audit event that named nobody."""

from typing import Any

import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.issuer_tokens import SigningKey
from hoopwire.identity import TokenRefused, Verifier
from hoopwire.model.identity import Vouched


async def refusal(verifier: Verifier, token: str) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(token, channel="native")
    return caught.value


SIGNED: dict[str, dict[str, Any]] = {
    "wrong_audience": {"aud": "other"},
    "expired": {"exp": 1_789_999_000, "iat": 1_789_998_000},
    "not_yet_valid": {"nbf": 1_790_000_100},
    "lifetime": {"exp": 1_790_200_000},
    "possession_required": {"cnf": {"jkt": "x"}},
    "id_token": {"nonce": "n"},
}


@pytest.mark.parametrize(("code", "claims"), SIGNED.items())
async def test_who_it_was(verifier: Verifier, issuer: DevIssuer, code: str, claims: dict[str, Any]) -> None:
    """I8: wrong audience, expired, bound to a key: iss, cid, jti and kid were missing."""
    token = issuer.token("0oaAgent", claims=claims | {"jti": "AT.7", "act": {"sub": "0oaBoss"}})
    refused = await refusal(verifier, token)
    assert refused.code == code
    assert refused.vouched == Vouched(
        iss=issuer.issuer, kid=issuer.signing_key.kid, cid="0oaAgent", jti="AT.7", act=("0oaBoss",)
    )


@pytest.mark.parametrize(
    ("claims", "left"),
    [
        ({"jti": "a b"}, {"jti": ""}),
        ({"client_id": "0oaOther"}, {"cid": ""}),
        ({"act": {"sub": 7}}, {"act": ()}),
        ({"uid": "00uAnna", "groups": [7]}, {"uid": "00uAnna"}),
        ({"uid": ["00uAnna"]}, {"uid": ""}),
        ({"cid": "x" * 300}, {"cid": ""}),
    ],
)
async def test_a_claim_that_is_not_of_its_form_spoils_no_other(
    verifier: Verifier, issuer: DevIssuer, claims: dict[str, Any], left: dict[str, Any]
) -> None:
    """I8: of refused claims, too; what cannot be read is left out, not guessed."""
    refused = await refusal(verifier, issuer.token("0oaAgent", claims={"jti": "AT.7"} | claims))
    assert refused.vouched is not None
    expected = {"iss": issuer.issuer, "cid": "0oaAgent", "uid": "", "jti": "AT.7", "act": ()} | left
    assert {name: getattr(refused.vouched, name) for name in expected} == expected


async def test_nobody_is_named_by_what_no_signature_holds(verifier: Verifier, issuer: DevIssuer) -> None:
    """Anybody can write another's id into a forged token: it must not stand in the audit as that one."""
    forged = issuer.token("0oaAgent", aud="other", key=SigningKey(issuer.signing_key.kid))
    unknown = issuer.token("0oaAgent", header={"kid": "k9"})
    foreign = issuer.token("0oaAgent", claims={"iss": "https://other.example"})
    for token in (forged, unknown, foreign):
        assert (await refusal(verifier, token)).vouched is None


async def test_revoked_and_inactive_are_named(keys: Any, settings: Any, issuer: DevIssuer, wall: Any) -> None:
    """I8: the checks after the claims, too."""

    class Revoked:
        def revoked_before(self, issuer: str, key: str, groups: tuple[str, ...]) -> float | None:
            return wall.time + 1

    class Inactive:
        async def active(self, issuer: str, token: str) -> bool:
            return False

    for code, steps in {
        "revoked": {"watermarks": Revoked()},
        "inactive": {"introspection": Inactive()},
    }.items():
        verifier = Verifier({"dev": settings}, issuer.audience, keys=keys, now=wall, **steps)
        refused = await refusal(verifier, issuer.token("0oaAgent"))
        assert refused.code == code
        assert refused.vouched is not None
        assert refused.vouched.cid == "0oaAgent"
