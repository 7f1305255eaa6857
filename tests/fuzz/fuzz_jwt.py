"""Coverage-guided fuzzing of the token pre-parser: `python tests/fuzz/fuzz_jwt.py [OPTIONS] [CORPUS]`.

The options are libFuzzer's. What must hold for any bytes: the pre-parser refuses or understands, and raises
nothing but `TokenRefused`; what it understands, PyJWT reads the same way; and the text is the only base64url
spelling of its bytes.
`test_jwt_corpus.py` runs the kept corpus as a plain test, so only this file needs atheris.
"""

import base64
import json
import sys
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus" / "jwt"


def check_text(text: str) -> None:
    """The properties, for one text as it would arrive."""
    import jwt

    from hoopwire.identity.refusal import TokenRefused
    from hoopwire.identity.token.preparse import check_times, parse

    try:
        presented = parse(text, "native")
    except TokenRefused:
        return
    try:
        read = jwt.decode(text, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return  # PyJWT is stricter here, so the token is refused at its signature
    assert read == presented.claims, "two readings of one payload"
    for segment in text.split("."):
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        assert base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == segment, "two spellings of one token"
    json.dumps(presented.claims, allow_nan=False).encode()
    try:
        check_times(presented.claims)
    except TokenRefused:
        return
    assert type(presented.claims["exp"]) is int


def check(raw: bytes) -> None:
    """One input. The first byte picks how the rest is dressed, so that the fuzzer gets past base64url.

    Even: as it is. Odd: header, payload and signature as plain bytes with zero bytes between.
    """
    if not raw[:1]:
        return
    rest = raw[1:]
    if raw[0] % 2 == 0:
        check_text(rest.decode("latin-1"))
        return
    parts = rest.split(b"\0")
    check_text(".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts))


def main() -> None:
    """Fuzz until stopped."""
    import atheris

    with atheris.instrument_imports(include=["hoopwire.identity.token.preparse"]):
        import hoopwire.identity.token.preparse  # noqa: F401

    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
