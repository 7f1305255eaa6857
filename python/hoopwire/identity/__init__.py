"""Verifies an access token and returns the `Identity` that it proves. The token goes no further than here.

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
