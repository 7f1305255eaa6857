"""ULIDs: 48 bits of milliseconds, 80 random bits, Crockford base32 (github.com/ulid/spec)."""

import secrets

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(now: float) -> str:
    """26 characters that sort by `now` (Unix seconds) and cannot be guessed."""
    value = (int(now * 1000) & (1 << 48) - 1) << 80 | int.from_bytes(secrets.token_bytes(10))
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))
