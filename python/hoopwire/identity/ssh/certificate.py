"""Verifies an OpenSSH user certificate of the agents' CA (PROTOCOL.certkeys) and says which grant it names.

That the client holds the certificate's key is proved before this: by its signature over the session id.

All must pass, in this order: 1. at most 16 KiB, one line of a known kind; 2. signed by a CA of ours, with
SHA-2; 3. neither key nor CA is revoked; 4. a user's, not a host's; 5. valid now, without leeway; 6. it has
principals (none would mean everybody), and the user name is one; 7. no critical option that is unknown, and
the peer's address is among its source addresses; 8. its key id is a grant's id.
"""

import binascii
import ipaddress
import re
from collections.abc import Collection

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from hoopwire.model.ssh.keys import (
    KeyFault,
    PublicKey,
    fingerprint,
    public_blob,
    public_line,
    read_public_key,
)

_LINE = re.compile(r"[a-z0-9-]+-cert-v01@openssh\.com ")
_CHARACTERS = 16 * 1024
_PRINCIPALS = 256
_GRANT = re.compile(rb"g_[0-9A-HJKMNP-TV-Z]{26}")
_SHA2 = (b"rsa-sha2-256", b"rsa-sha2-512")
_COMMAND, _SOURCE = b"force-command", b"source-address"

_HINTS = {
    "certificate_malformed": "Ask for a new certificate: hoopwire ssh-cert.",
    "certificate_authority_unknown": "It comes from another CA. Ask this gateway for one: hoopwire ssh-cert.",
    "certificate_revoked": "",
    "certificate_of_host": "This is a host's certificate. Ask for one of yours: hoopwire ssh-cert.",
    "certificate_not_yet_valid": "It is not valid yet. Compare the clocks of the two machines.",
    "certificate_expired": "It has expired. Ask for a new one: hoopwire ssh-cert.",
    "certificate_other_name": "It is good for the user names {names}.",
    "certificate_other_address": "It is good from other addresses than yours.",
    "certificate_option_unknown": "It has a critical option that this gateway does not know.",
}
"""Whoever gets these has proved to hold the certificate's key, and can read in it what we read."""


class CertificateRefused(Exception):
    """A certificate did not pass. `code` and `hint` are for the principal, `internal` for the audit event."""

    def __init__(self, code: str, internal: str, hint: str) -> None:
        super().__init__("the certificate was not accepted")
        self.code = code
        self.internal = internal
        self.hint = hint


def refused(code: str, internal: str, **words: str) -> CertificateRefused:
    """The exception for `code`, with its hint from the table; `words` fill the hint's gaps."""
    return CertificateRefused(code, internal, _HINTS[code].format_map(words))


class CertifiedKey(msgspec.Struct, frozen=True, kw_only=True):
    """What a certificate proves: whoever holds `key` was given grant `grant`, if that is as it says."""

    grant: str
    key: str
    """Fingerprint of the principal's key."""
    authority: str
    """Fingerprint of the CA."""
    command: str | None
    """Its force-command."""


def looks_like_certificate(line: str) -> bool:
    """Whether this is the line of a certificate, by how it begins."""
    return _LINE.match(line) is not None


def verify_certificate(
    line: str,
    *,
    user_name: str,
    peer: str,
    now: float,
    authorities: Collection[bytes],
    revoked: Collection[str] = (),
) -> CertifiedKey:
    """See above. CertificateRefused.

    `user_name` as the client said it, without a task; `peer` is `ADDRESS:PORT`; `authorities` are public
    blobs; `revoked` are fingerprints of keys and CAs.
    """
    certificate, key = _read(line)
    authority = _verified_authority(certificate, authorities)
    names = {"key": fingerprint(public_blob(key)), "CA": fingerprint(authority)}
    for what, name in names.items():
        if name in revoked:
            raise refused("certificate_revoked", f"the {what} {name} is revoked")
    if certificate.type is not SSHCertificateType.USER:
        raise refused("certificate_of_host", "not a user certificate")
    if now < certificate.valid_after:
        raise refused("certificate_not_yet_valid", f"valid from {certificate.valid_after}, now {now:.0f}")
    if now >= certificate.valid_before:
        raise refused("certificate_expired", f"valid until {certificate.valid_before}, now {now:.0f}")
    _check_name(certificate.valid_principals, user_name)
    command = _command(certificate.critical_options, peer)
    if not _GRANT.fullmatch(certificate.key_id):
        raise refused("certificate_malformed", "the key id is no grant's")
    return CertifiedKey(
        grant=certificate.key_id.decode(), key=names["key"], authority=names["CA"], command=command
    )


def _read(line: str) -> tuple[SSHCertificate, PublicKey]:
    if len(line) > _CHARACTERS or not line.isascii() or not looks_like_certificate(line):
        raise refused("certificate_malformed", "too long, or not the line of a certificate")
    try:
        certificate = load_ssh_public_identity(line.encode())
        if not isinstance(certificate, SSHCertificate):
            raise refused("certificate_malformed", "not a certificate")
        key = read_public_key(public_line(certificate.public_key()).encode())
    except (KeyFault, ValueError, UnsupportedAlgorithm) as error:
        raise refused("certificate_malformed", f"cannot be read: {error}") from None
    return certificate, key


def _verified_authority(certificate: SSHCertificate, authorities: Collection[bytes]) -> bytes:
    """The blob of the CA that signed it."""
    try:
        signer = certificate.signature_key()
        blob = public_blob(signer)
        if blob not in authorities:
            raise refused("certificate_authority_unknown", f"signed by {fingerprint(blob)}")
        if isinstance(signer, RSAPublicKey) and not _is_signed_by_sha2(certificate, signer.key_size // 8):
            raise refused("certificate_malformed", "its RSA signature is not made with SHA-2")
        certificate.verify_cert_signature()
    except InvalidSignature:
        raise refused("certificate_authority_unknown", f"not by {fingerprint(blob)}") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise refused("certificate_malformed", f"its signature cannot be read: {error}") from None
    return blob


def _is_signed_by_sha2(certificate: SSHCertificate, size: int) -> bool:
    """A certificate ends with the algorithm's name and a signature as long as the modulus (RFC 8332)."""
    body = _bytes_of(certificate)
    start = len(body) - size - 4
    return any(body[start - len(name) : start] == name for name in _SHA2)


def _bytes_of(certificate: SSHCertificate) -> bytes:
    """The bytes of the certificate."""
    return binascii.a2b_base64(certificate.public_bytes().split()[1])


def _check_name(principals: list[bytes], user_name: str) -> None:
    if not 1 <= len(principals) <= _PRINCIPALS:
        raise refused("certificate_malformed", f"{len(principals)} principals")
    if user_name.encode() not in principals:
        names = ", ".join(name.decode(errors="replace") for name in principals[:10])
        raise refused("certificate_other_name", "the user name is none of its principals", names=names)


def _command(options: dict[bytes, bytes], peer: str) -> str | None:
    if unknown := options.keys() - {_COMMAND, _SOURCE}:
        raise refused("certificate_option_unknown", f"critical options {sorted(unknown)}")
    if _SOURCE in options and not _comes_from(options[_SOURCE], peer):
        raise refused("certificate_other_address", f"good from {options[_SOURCE]!r}, not from {peer}")
    return options[_COMMAND].decode(errors="replace") if _COMMAND in options else None


def _comes_from(sources: bytes, peer: str) -> bool:
    """A list of addresses and networks with commas between (PROTOCOL.certkeys, "source-address")."""
    try:
        address = ipaddress.ip_address(peer.rpartition(":")[0].strip("[]"))
        networks = [ipaddress.ip_network(part) for part in sources.decode("ascii").split(",")]
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
