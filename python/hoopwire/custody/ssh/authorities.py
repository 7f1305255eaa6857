"""Three CAs of OpenSSH certificates (PROTOCOL.certkeys), each a type of its own that signs one kind only.

    AgentsAuthority    user certificates over principals' keys; only the gateway trusts it
    TargetsAuthority   user certificates for one session at a target, which trusts it; never leave the gateway
    HostsAuthority     host certificates over the gateway's own key; clients trust it

Mixed up, the first would open targets past the gateway, and the last would not be what clients think: so
nothing here takes a key of one for another, and `keyring` refuses a key that has two purposes.
"""

import base64
import secrets
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import SSHCertificateBuilder, SSHCertificateType

from hoopwire.model.ssh.keys import PrivateKey, PublicKey, pkcs8, public_blob
from hoopwire.model.ssh.login import AgentGrant, Allowed, LoginGrant

CLOCKS_S = 60
"""A certificate for a target is good from so long before: its clock may be behind ours."""
_FOR_EVER = 2**64 - 1
"""PROTOCOL.certkeys: `valid before` of a certificate without an end."""


class _Authority:
    """A CA's key. Its `blob` is public."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.blob = public_blob(key.public_key())

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def _certificate(
        self,
        kind: SSHCertificateType,
        key: PublicKey,
        *,
        key_id: str,
        principals: Iterable[str],
        valid_after: int,
        valid_before: int,
        options: Iterable[tuple[str, str]] = (),
        extensions: Iterable[str] = (),
    ) -> str:
        """The certificate as one line. No principals would mean every one: TypeError."""
        builder = (
            SSHCertificateBuilder()
            .public_key(key)
            .serial(secrets.randbits(64))
            .type(kind)
            .key_id(key_id.encode())
            .valid_principals([principal.encode() for principal in principals])
            .valid_after(valid_after)
            .valid_before(valid_before)
        )
        for name, value in options:
            builder = builder.add_critical_option(name.encode(), value.encode())
        for name in extensions:
            builder = builder.add_extension(name.encode(), b"")
        return builder.sign(self._key).public_bytes().decode()


class AgentsAuthority(_Authority):
    """Signs what principals log in to the gateway with."""

    def certify(self, key: PublicKey, wanted: AgentGrant) -> str:
        """A user certificate over the principal's key, as one line: good as long as the grant."""
        return self._certificate(
            SSHCertificateType.USER,
            key,
            key_id=wanted.grant,
            principals=wanted.user_names,
            valid_after=int(wanted.minted_at),
            valid_before=int(wanted.expires_at),
            options=_options(wanted.allowed, wanted.source_addresses),
            extensions=_extensions(wanted.allowed),
        )


class TargetsAuthority(_Authority):
    """Signs what the gateway logs in to targets with: good for `valid_s`, from `source_addresses` if any."""

    def __init__(self, key: PrivateKey, *, valid_s: float, source_addresses: tuple[str, ...] = ()) -> None:
        super().__init__(key)
        self._valid_s = valid_s
        self._source_addresses = source_addresses

    def certify(self, wanted: LoginGrant, now: float) -> tuple[bytes, bytes]:
        """A fresh private key (PKCS#8) and the blob of a user certificate over it, for one session.

        It names the one login, and is good from `now` (Unix seconds), not beyond the grant.
        """
        key = Ed25519PrivateKey.generate()
        line = self._certificate(
            SSHCertificateType.USER,
            key.public_key(),
            key_id=wanted.grant,
            principals=(wanted.login,),
            valid_after=int(now) - CLOCKS_S,
            valid_before=int(min(now + self._valid_s, wanted.expires_at)),
            options=_options(wanted.allowed, self._source_addresses),
            extensions=_extensions(wanted.allowed),
        )
        return pkcs8(key), certificate_blob(line)


class HostsAuthority(_Authority):
    """Signs what the gateway shows to clients."""

    def certify(self, key: PublicKey, *, key_id: str, names: tuple[str, ...]) -> bytes:
        """The blob of a host certificate without an end: it is worth nothing without the key beside it."""
        line = self._certificate(
            SSHCertificateType.HOST,
            key,
            key_id=key_id,
            principals=names,
            valid_after=0,
            valid_before=_FOR_EVER,
        )
        return certificate_blob(line)


def certificate_blob(line: str) -> bytes:
    """The blob of a certificate's line."""
    return base64.b64decode(line.split()[1])


def _options(allowed: Allowed, source_addresses: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    if allowed.command is not None:
        yield "force-command", allowed.command
    if source_addresses:
        yield "source-address", ",".join(source_addresses)


def _extensions(allowed: Allowed) -> Iterable[str]:
    """Never permit-user-rc: the login's own file would run beside what was asked."""
    if allowed.pty:
        yield "permit-pty"
    if allowed.port_forwarding:
        yield "permit-port-forwarding"
    if allowed.agent_forwarding:
        yield "permit-agent-forwarding"
    if allowed.x11_forwarding:
        yield "permit-X11-forwarding"
