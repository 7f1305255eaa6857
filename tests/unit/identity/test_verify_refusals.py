"""Each token that must not pass, refused for its own reason, with the same text for the principal."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.issuer_tokens import SigningKey
from hoopwire.identity import TokenRefused, Verifier
from hoopwire.identity.refusal import GENERIC


async def refusal(verifier: Verifier, token: str, channel: Any = "native") -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(token, channel=channel)
    assert str(caught.value) == GENERIC
    for part in token.split("."):
        if len(part) > 12:
            assert part not in caught.value.internal + caught.value.hint, "a part of the token in the refusal"
    return caught.value


def encode(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_a_plain_access_token_passes(verifier: Verifier, issuer: DevIssuer) -> None:
    identity = await verifier.verify(issuer.token("0oaAgent"), channel="native")
    assert identity.principal.key == "cid:0oaAgent"
    assert identity.evidence.groups == ("analysts",)


async def test_id_token_sent_as_access_token(verifier: Verifier, issuer: DevIssuer) -> None:
    refused = await refusal(verifier, issuer.id_token("0oaAgent"))
    assert refused.code == "id_token"
    assert "ID token" in refused.hint


@pytest.mark.parametrize("claims", [{"nonce": "n"}, {"at_hash": "x"}, {"cid": "hoopwire-dev"}])
async def test_id_token_made_out_for_our_own_audience(
    verifier: Verifier, issuer: DevIssuer, claims: dict[str, Any]
) -> None:
    """An ID token for a client named like our audience has the right aud; its other claims betray it."""
    refused = await refusal(verifier, issuer.token("0oaAgent", claims=claims))
    assert refused.code == "id_token"


async def test_token_without_a_client_is_no_access_token(verifier: Verifier, issuer: DevIssuer) -> None:
    refused = await refusal(verifier, issuer.token("0oaAgent", drop=["cid"]))
    assert refused.code == "not_an_access_token"


async def test_id_jag_sent_instead_of_the_token_it_buys(verifier: Verifier, issuer: DevIssuer) -> None:
    refused = await refusal(verifier, issuer.id_jag("0oaAgent", audience="hoopwire-dev"))
    assert refused.code == "id_jag"
    assert "Exchange" in refused.hint


@pytest.mark.parametrize(
    "typ", ["dpop+jwt", "logout+jwt", "secevent+jwt", "", "jwt", "AT+JWT", None, 1, ["JWT"]]
)
async def test_other_kinds_of_jwt_are_refused_by_name(
    verifier: Verifier, issuer: DevIssuer, typ: Any
) -> None:
    refused = await refusal(verifier, issuer.token("0oaAgent", header={"typ": typ}))
    assert refused.code == "not_an_access_token"
    assert refused.internal.startswith("header: typ")


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "application/at+jwt"])
async def test_access_token_types_pass(verifier: Verifier, issuer: DevIssuer, typ: str) -> None:
    await verifier.verify(issuer.token("0oaAgent", header={"typ": typ}), channel="native")


async def test_org_server_token_is_told_of_custom_authorization_servers(
    verifier: Verifier, issuer: DevIssuer
) -> None:
    refused = await refusal(verifier, issuer.org_token("0oaAgent"))
    assert refused.code == "org_server_token"
    assert "custom authorization server" in refused.hint
    assert issuer.fetches == 0


async def test_another_okta_org_server_is_recognised_too(verifier: Verifier, issuer: DevIssuer) -> None:
    token = issuer.token("0oaAgent", claims={"iss": "https://acme.okta.com"})
    assert (await refusal(verifier, token)).code == "org_server_token"


@pytest.mark.parametrize("aud", ["other", "", "hoopwire-dev ", "HOOPWIRE-DEV", "hoopwire-de"])
async def test_other_audience_is_refused_and_told_the_right_one(
    verifier: Verifier, issuer: DevIssuer, aud: str
) -> None:
    refused = await refusal(verifier, issuer.token("0oaAgent", aud=aud))
    assert refused.code == "wrong_audience"
    assert "'hoopwire-dev'" in refused.hint


@pytest.mark.parametrize("aud", [["hoopwire-dev"], ["hoopwire-dev", "other"], None, {"hoopwire-dev": 1}, 1])
async def test_audience_that_is_not_one_string(verifier: Verifier, issuer: DevIssuer, aud: Any) -> None:
    assert (await refusal(verifier, issuer.token("0oaAgent", claims={"aud": aud}))).code == "wrong_audience"


async def test_audience_is_told_only_to_the_holder_of_a_signed_token(
    verifier: Verifier, issuer: DevIssuer
) -> None:
    forged = issuer.token("0oaAgent", aud="other", key=SigningKey(issuer.signing_key.kid))
    refused = await refusal(verifier, forged)
    assert refused.code == "bad_signature"
    assert refused.hint == ""


async def test_other_issuer_costs_no_network(verifier: Verifier, issuer: DevIssuer) -> None:
    token = issuer.token("0oaAgent", claims={"iss": "https://evil.example/oauth2/default"})
    assert (await refusal(verifier, token)).code == "unknown_issuer"
    assert issuer.fetches == issuer.discoveries == 0


@pytest.mark.parametrize(
    "change", [lambda s: s + "/", str.upper, lambda s: s.replace("127.0.0.1", "localhost")]
)
async def test_issuer_is_compared_byte_by_byte(verifier: Verifier, issuer: DevIssuer, change: Any) -> None:
    token = issuer.token("0oaAgent", claims={"iss": change(issuer.issuer)})
    assert (await refusal(verifier, token)).code == "unknown_issuer"


@pytest.mark.parametrize(
    "iss",
    [
        "",
        "https://xn--a",
        "https://[",
        "https://a:b",
        "http://\u0130",
        "https://acme.okta.com/\n",
        "x" * 2000,
    ],
)
async def test_iss_that_is_no_sensible_url(verifier: Verifier, issuer: DevIssuer, iss: str) -> None:
    """The unverified `iss` is compared, never parsed: a URL parser must not meet it."""
    assert (await refusal(verifier, issuer.token("0oaAgent", claims={"iss": iss}))).code == "unknown_issuer"


async def test_encrypted_token_is_said_to_be_one(verifier: Verifier) -> None:
    header = encode({"alg": "RSA-OAEP", "enc": "A256GCM"})
    refused = await refusal(verifier, f"{header}.a2V5.aXY.Y2lwaGVy.dGFn")
    assert refused.code == "encrypted_token"
    assert "encrypted" in refused.hint


async def test_hs256_signed_with_the_public_key(verifier: Verifier, issuer: DevIssuer) -> None:
    """Algorithm confusion: a verifier that takes alg from the token uses the public key as an HMAC secret."""
    header = encode({"alg": "HS256", "kid": issuer.signing_key.kid})
    signing_input = f"{header}.{encode(issuer.claims('0oaAgent'))}"
    for secret in (issuer.signing_key.public_pem(), json.dumps(issuer.signing_key.jwk()).encode()):
        signature = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
        assert (await refusal(verifier, f"{signing_input}.{encode(signature)}")).code == "algorithm_refused"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS512", "rs256", "RS256 ", "", "RSA1_5"])
async def test_unsigned_and_unknown_algorithms(verifier: Verifier, issuer: DevIssuer, alg: str) -> None:
    token = issuer.token("0oaAgent", header={"alg": alg})
    assert (await refusal(verifier, token)).code == "algorithm_refused"


async def test_alg_none_with_an_empty_signature(verifier: Verifier, issuer: DevIssuer) -> None:
    token = f"{encode({'alg': 'none', 'kid': 'k'})}.{encode(issuer.claims('0oaAgent'))}."
    assert (await refusal(verifier, token)).code == "unsigned"


@pytest.mark.parametrize("alg", ["ES256", "PS256", "RS512", "EdDSA"])
async def test_algorithm_outside_the_issuers_own_list(
    verifier: Verifier, issuer: DevIssuer, alg: str
) -> None:
    """A strong algorithm that the issuer was not configured for is refused before any key is looked up."""
    refused = await refusal(verifier, issuer.token("0oaAgent", header={"alg": alg}))
    assert refused.code == "algorithm_refused"
    assert issuer.fetches == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crit", ["exp"]),
        ("crit", []),
        ("jwk", SigningKey("attacker").jwk()),
        ("jku", "https://evil.example/keys"),
        ("x5u", "https://evil.example/cert"),
        ("x5c", ["MIIB"]),
        ("b64", False),
    ],
)
async def test_header_that_brings_its_own_key_or_rules(
    verifier: Verifier, issuer: DevIssuer, name: str, value: Any
) -> None:
    refused = await refusal(verifier, issuer.token("0oaAgent", header={name: value}))
    assert refused.code == "header_refused"
    assert name in refused.internal


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "k' OR 1=1", "", "k" * 129, None, 7, "http://evil", "k\n", "k\u0000"]
)
async def test_kid_tricks(verifier: Verifier, issuer: DevIssuer, kid: Any) -> None:
    """A kid used as a file name, an SQL literal or a URL; here it is a plain name or nothing."""
    assert (await refusal(verifier, issuer.token("0oaAgent", header={"kid": kid}))).code == "kid_refused"


async def test_key_of_another_token_signs(verifier: Verifier, issuer: DevIssuer) -> None:
    forged = issuer.token("0oaAgent", key=SigningKey(issuer.signing_key.kid))
    assert (await refusal(verifier, forged)).code == "bad_signature"


async def test_changed_payload_under_a_true_signature(verifier: Verifier, issuer: DevIssuer) -> None:
    header, _, signature = issuer.token("0oaAgent").split(".")
    changed = issuer.claims("0oaAgent") | {"groups": ["admins"]}
    assert (await refusal(verifier, f"{header}.{encode(changed)}.{signature}")).code == "bad_signature"


def signed_raw(issuer: DevIssuer, payload: bytes, header: bytes | None = None) -> str:
    plain = json.dumps({"alg": "RS256", "kid": issuer.signing_key.kid}).encode()
    return issuer.signing_key.sign(header or plain, payload)


async def test_duplicate_claims(verifier: Verifier, issuer: DevIssuer) -> None:
    """Two readers, two answers: one takes the first `cid`, the other the last."""
    payload = json.dumps(issuer.claims("0oaAgent"))[:-1].encode() + b', "cid": "0oaAdmin"}'
    refused = await refusal(verifier, signed_raw(issuer, payload))
    assert (refused.code, refused.internal) == ("malformed", "payload: a member name occurs twice")


async def test_duplicate_claims_spelled_differently(verifier: Verifier, issuer: DevIssuer) -> None:
    payload = json.dumps(issuer.claims("0oaAgent"))[:-1].encode() + b', "\\u0063id": "0oaAdmin"}'
    assert (
        await refusal(verifier, signed_raw(issuer, payload))
    ).internal == "payload: a member name occurs twice"


async def test_duplicate_members_deep_inside(verifier: Verifier, issuer: DevIssuer) -> None:
    payload = json.dumps(issuer.claims("0oaAgent"))[:-1].encode() + b', "act": {"sub": "a", "sub": "b"}}'
    assert (await refusal(verifier, signed_raw(issuer, payload))).code == "malformed"


async def test_duplicate_header_members(verifier: Verifier, issuer: DevIssuer) -> None:
    header = json.dumps({"alg": "RS256", "kid": issuer.signing_key.kid})[:-1].encode() + b', "alg": "none"}'
    payload = json.dumps(issuer.claims("0oaAgent")).encode()
    assert (await refusal(verifier, signed_raw(issuer, payload, header))).code == "malformed"


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", ["1790000100", 1790000100.5, True, None, [1790000100], {}, "x"])
async def test_times_that_are_not_integers(
    verifier: Verifier, issuer: DevIssuer, name: str, value: Any
) -> None:
    """PyJWT alone takes a string `exp`."""
    refused = await refusal(verifier, issuer.token("0oaAgent", claims={name: value}))
    assert refused.code == "claims_refused"
    assert name in refused.internal


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
async def test_numbers_that_json_does_not_have(verifier: Verifier, issuer: DevIssuer, literal: str) -> None:
    payload = json.dumps(issuer.claims("0oaAgent"))[:-1].encode() + f', "x": {literal}}}'.encode()
    assert (await refusal(verifier, signed_raw(issuer, payload))).code == "malformed"


@pytest.mark.parametrize("name", ["exp", "iat", "jti", "iss", "aud"])
async def test_required_claim_missing(verifier: Verifier, issuer: DevIssuer, name: str) -> None:
    token = issuer.token("0oaAgent", drop=[name])
    assert (await refusal(verifier, token)).code in ("issuer_missing", "claims_refused", "wrong_audience")


async def test_lifetime_over_24_hours(verifier: Verifier, issuer: DevIssuer) -> None:
    await verifier.verify(issuer.token("0oaAgent", ttl_s=24 * 3600), channel="native")
    assert (await refusal(verifier, issuer.token("0oaAgent", ttl_s=24 * 3600 + 1))).code == "lifetime"


async def test_expiry_has_no_leeway(verifier: Verifier, issuer: DevIssuer, wall: Any) -> None:
    token = issuer.token("0oaAgent", ttl_s=300)
    wall.time += 299.9
    await verifier.verify(token, channel="native")
    wall.time += 0.1
    assert (await refusal(verifier, token)).code == "expired"


@pytest.mark.parametrize("name", ["iat", "nbf"])
async def test_clock_off_by_31_seconds(verifier: Verifier, issuer: DevIssuer, wall: Any, name: str) -> None:
    await verifier.verify(issuer.token("0oaAgent", claims={name: int(wall.time) + 30}), channel="native")
    refused = await refusal(verifier, issuer.token("0oaAgent", claims={name: int(wall.time) + 31}))
    assert refused.code == "not_yet_valid"


async def test_bound_token_without_its_proof(verifier: Verifier, issuer: DevIssuer) -> None:
    """A DPoP-bound token that is taken as a bearer token is worth as much as a stolen one."""
    for channel in ("native", "http"):
        token = issuer.token(
            "0oaAgent", claims={"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}
        )
        assert (await refusal(verifier, token, channel)).code == "possession_required"


async def test_ssws_token_is_refused_with_its_reason(verifier: Verifier) -> None:
    shape = "00" + "QCjAl4MlV-WPXM_ABCdefGHIjklMNOpqrSTUvwx12"[:40]
    for token in (shape, f"SSWS {shape}", f"ssws {shape}"):
        refused = await refusal(verifier, token)
        assert refused.code == "ssws_token"
        assert shape not in refused.internal + refused.hint


async def test_grant_secret_is_no_token(verifier: Verifier) -> None:
    assert (await refusal(verifier, "hw1_" + "A" * 76)).code == "grant_secret"


async def test_bearer_word_left_in(verifier: Verifier, issuer: DevIssuer) -> None:
    assert (await refusal(verifier, "Bearer " + issuer.token("0oaAgent"))).code == "bearer_prefix"


async def test_size_caps_of_the_two_channels(verifier: Verifier, issuer: DevIssuer) -> None:
    between = issuer.token("0oaAgent", claims={"padding": "x" * 8000})
    assert 8 * 1024 < len(between) < 16 * 1024
    assert (await refusal(verifier, between)).code == "too_large"
    await verifier.verify(between, channel="http")
    over = issuer.token("0oaAgent", claims={"padding": "x" * 16000})
    assert (await refusal(verifier, over, "http")).code == "too_large"
