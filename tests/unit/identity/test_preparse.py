"""The pre-parser against whatever anybody may send: refuse or understand, nothing else, cheaply."""

import base64
import json
import sys
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoopwire.identity.refusal import TokenRefused
from hoopwire.identity.token.preparse import SIZE_CAP_BYTES, Presented, check_times, parse

HEADER = {"alg": "RS256", "kid": "k1"}
CLAIMS = {"iss": "https://issuer.example", "iat": 1000, "exp": 1300}


def encode(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token_of(header: object = HEADER, payload: object = CLAIMS, signature: bytes = b"signature") -> str:
    return f"{encode(header)}.{encode(payload)}.{encode(signature)}"


def outcome(token: str) -> Presented | str:
    try:
        return parse(token, "http")
    except TokenRefused as refused:
        return refused.code


def test_a_plain_token() -> None:
    presented = parse(token_of(), "native")
    assert (presented.algorithm, presented.kid, presented.issuer) == ("RS256", "k1", CLAIMS["iss"])
    assert "1300" not in repr(presented)


@pytest.mark.parametrize(
    "hostile",
    [
        "." * 1_000_000,
        "a." * 4000,
        "." * 8192,
        "A" * 10_000_000,
        token_of(payload=b"[" * 6000),
        token_of(payload=b'{"a":' * 1200),
        token_of(payload=b'{"a":"' + b'\\"' * 2900),
        token_of(payload=b'"' * 6000),
        token_of(payload=b"1" * 6000),
        token_of(payload=b"1e" + b"9" * 6000),
        token_of(header=b"[" * 6000),
        token_of(header=b"{" + b" " * 6000),
        "\U0001f600" * 4000,
        "hw1_" * 2000,
        "00" * 4000,
        " " * 8000,
    ],
    ids=range(16),
)
def test_hostile_shapes_are_cheap(hostile: str) -> None:
    """A JWT of a million dots, deep nesting, quotes without end: each costs about what a real token costs."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += 1

    # Counted, not timed: what is called in Python and in C.
    sys.setprofile(count)
    try:
        with pytest.raises(TokenRefused):
            parse(hostile, "native")
    finally:
        sys.setprofile(None)
    # At most in proportion to what a token may have: never to what was sent, never to its square.
    assert calls < 2 * SIZE_CAP_BYTES["native"]


@pytest.mark.parametrize("count", [0, 1, 3, 5, 6])
def test_number_of_segments(count: int) -> None:
    code = outcome(".".join(["YQ"] * (count + 1)))
    assert code == ("encrypted_token" if count == 4 else "malformed")


def test_five_segments_are_an_encrypted_token() -> None:
    assert outcome("YQ.YQ.YQ.YQ.YQ") == "encrypted_token"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s + "=",
        lambda s: s + "==",
        lambda s: s + "\n",
        lambda s: " " + s,
        lambda s: s[:5] + "\n" + s[5:],
        lambda s: s[:5] + "+" + s[6:],
        lambda s: s[:5] + "/" + s[6:],
        lambda s: s[:5] + "\u0430" + s[6:],
        lambda s: s[:5] + "%2E" + s[6:],
        lambda s: "",
    ],
)
@pytest.mark.parametrize("segment", [0, 1])
def test_base64url_has_one_spelling(spoil: Any, segment: int) -> None:
    segments = token_of().split(".")
    segments[segment] = spoil(segments[segment])
    assert outcome(".".join(segments)) == "malformed"


@pytest.mark.parametrize("alg", ["none", "HS256", "HS384", "HS512", "nOnE", "", None, 1, ["RS256"], "A128KW"])
def test_algorithms_that_no_issuer_may_have(alg: Any) -> None:
    """The second lock before the issuer's own list: no configuration lets a symmetric algorithm in."""
    assert outcome(token_of(HEADER | {"alg": alg})) in ("algorithm_refused", "malformed")


def test_stray_bits_after_the_last_byte() -> None:
    """`YQ` and `YR` decode to the same byte: two texts for one token would defeat any list of seen tokens."""
    header, payload, _ = token_of().split(".")
    assert isinstance(outcome(f"{header}.{payload}.YQ"), Presented)
    for stray in ("YR", "Yf", "Y", "YWJjZ"):
        assert outcome(f"{header}.{payload}.{stray}") == "malformed"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"iss"',
        b"{'iss': 'x'}",
        b'{"iss": "x",}',
        b'{"iss": "x"} {}',
        b'{"iss": "x"}\x00',
        b'{"iss": "\xff"}',
        b'{"iss": "a\nb"}',
        b'{"iss": "\\ud800"}',
        b'{"iss": "x", "\\udfff": 1}',
        b'{"iss": "x", "iss": "x"}',
        b'{"iss": "x", "a": {"b": 1, "b": 1}}',
        b'{"iss": "x", "a": NaN}',
        b'{"iss": "x", "a": -Infinity}',
        b'{"iss": "x", "a": 1e400}',
        b"\xef\xbb\xbf" + b'{"iss": "x"}',
        '{"iss": "x"}'.encode("utf-16"),
        '{"iss": "x"}'.encode("utf-32-le"),
        b'{"iss": "x", "a": ' + b"[" * 16 + b"]" * 16 + b"}",
    ],
)
def test_payloads_with_no_or_two_readings(payload: bytes) -> None:
    assert outcome(token_of(payload=payload)) == "malformed"


@pytest.mark.parametrize(
    "payload", [b"{}", b'{"iss": 1}', b'{"iss": null}', b'{"iss": ["https://issuer.example"]}']
)
def test_payloads_without_an_issuer(payload: bytes) -> None:
    assert outcome(token_of(payload=payload)) == "issuer_missing"


def test_brackets_inside_strings_are_no_nesting() -> None:
    assert isinstance(outcome(token_of(payload={"iss": "x", "note": '[{"' * 100})), Presented)
    assert isinstance(
        outcome(token_of(payload=b'{"iss": "x", "a": ' + b"[" * 15 + b"]" * 15 + b"}")), Presented
    )


@pytest.mark.parametrize(("channel", "cap"), SIZE_CAP_BYTES.items())
def test_size_cap_to_the_byte(channel: Any, cap: int) -> None:
    with pytest.raises(TokenRefused) as caught:
        parse("a" * cap, channel)
    assert caught.value.code == "malformed"
    with pytest.raises(TokenRefused) as caught:
        parse("a" * (cap + 1), channel)
    assert caught.value.code == "too_large"


def test_lifetime_to_the_second() -> None:
    check_times({"iat": 0, "exp": 86400})
    for times in (
        {"iat": 0, "exp": 86401},
        {"iat": 5, "exp": 5},
        {"iat": 6, "exp": 5},
        {"iat": -86400, "exp": 1},
    ):
        with pytest.raises(TokenRefused):
            check_times(times)


TEXTS = st.one_of(
    st.text(max_size=200),
    st.text(alphabet='abcAB01._-= \n{}[]"', max_size=300),
    st.lists(st.binary(max_size=80).map(encode), min_size=1, max_size=6).map(".".join),
)


@given(TEXTS)
def test_any_text_is_refused_or_understood(text: str) -> None:
    outcome(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "iss", "exp", "iat", "nbf", "aud", "act", "x"])
OBJECTS = st.dictionaries(NAMES, JSON, max_size=8)


@given(OBJECTS, OBJECTS)
def test_any_json_is_refused_or_understood(header: dict[str, Any], payload: dict[str, Any]) -> None:
    understood = outcome(token_of(HEADER | header, CLAIMS | payload))
    if isinstance(understood, Presented):
        assert understood.claims == CLAIMS | payload
        assert not {"crit", "jwk"} & header.keys()


@given(st.dictionaries(NAMES.filter(lambda name: name != "iss"), JSON, max_size=8))
def test_what_is_understood_pyjwt_reads_the_same(payload: dict[str, Any]) -> None:
    token = token_of(HEADER, CLAIMS | payload)
    understood = outcome(token)
    if isinstance(understood, Presented):
        options: Any = {"verify_signature": False}
        assert jwt.decode(token, options=options) == understood.claims


@given(st.data())
def test_one_changed_character_never_gives_the_same_bytes(data: st.DataObject) -> None:
    """No second text for the same token: the signature covers the text, the ledger trusts that."""
    token = token_of()
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(max_codepoint=0x7F))
    changed = token[:at] + other + token[at + 1 :]
    if changed == token:
        return
    understood = outcome(changed)
    if isinstance(understood, Presented):
        whole = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in changed.split(".")]
        again = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in whole)
        assert again == changed


@given(st.dictionaries(st.sampled_from(["exp", "iat", "nbf"]), JSON))
def test_times_are_integers_or_refused(claims: dict[str, Any]) -> None:
    try:
        check_times(claims)
    except TokenRefused:
        return
    assert all(type(claims[name]) is int for name in claims)
    assert 0 < claims["exp"] - claims["iat"] <= 86400
