"""Verifies what a principal proves itself with: a token, which goes no further than here, or a certificate.

It knows OIDC, JWKS and Okta's claims; it must never know targets, policies or the engine.
"""

from hoopwire.identity.device import DeviceCode, DeviceFailed, DeviceFlow, DeviceRefused, Wait
from hoopwire.identity.issuers import check_issuers
from hoopwire.identity.keys.jwks import JwksCache, KeySource
from hoopwire.identity.refusal import TokenRefused
from hoopwire.identity.ssh.certificate import (
    CertificateRefused,
    CertifiedKey,
    looks_like_certificate,
    verify_certificate,
)
from hoopwire.identity.token.examine import Examination, examine
from hoopwire.identity.token.verify import Introspection, Verifier, Watermarks

__all__ = [
    "CertificateRefused",
    "CertifiedKey",
    "DeviceCode",
    "DeviceFailed",
    "DeviceFlow",
    "DeviceRefused",
    "Examination",
    "Introspection",
    "JwksCache",
    "KeySource",
    "TokenRefused",
    "Verifier",
    "Wait",
    "Watermarks",
    "check_issuers",
    "examine",
    "looks_like_certificate",
    "verify_certificate",
]
