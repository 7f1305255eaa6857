"""The relying party: an access token in, an `Identity` out. The token goes no further than this room.

It knows OIDC, JWKS and Okta's claims; it must never know targets, policies or the engine.
"""

from hoopwire.identity.issuers import check_issuers
from hoopwire.identity.keys.jwks import JwksCache, KeySource
from hoopwire.identity.refusal import TokenRefused
from hoopwire.identity.token.verify import Introspection, Verifier, Watermarks

__all__ = [
    "Introspection",
    "JwksCache",
    "KeySource",
    "TokenRefused",
    "Verifier",
    "Watermarks",
    "check_issuers",
]
