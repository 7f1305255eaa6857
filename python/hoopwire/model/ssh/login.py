"""What custody needs to know to sign a certificate, and nothing of policies; and what it gives back."""

import msgspec


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """What the holder of a certificate may ask of a server (PROTOCOL.certkeys, "Extensions")."""

    pty: bool = False
    port_forwarding: bool = False
    agent_forwarding: bool = False
    x11_forwarding: bool = False
    command: str | None = None
    """The one command there is, whatever is asked for; none: any."""


class LoginGrant(msgspec.Struct, frozen=True, kw_only=True):
    """One session at a target, under a grant."""

    grant: str
    """`g_` + ULID: the key id, which the target's sshd writes into its log."""
    login: str
    expires_at: float
    """Unix seconds: no certificate is good for longer."""
    allowed: Allowed


class AgentGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What a certificate for a principal is to say."""

    grant: str
    """`g_` + ULID: the key id, by which the gateway finds the grant."""
    user_names: tuple[str, ...]
    """What the client may say as its user name: `web1`, `deploy@web1`."""
    minted_at: float
    expires_at: float
    source_addresses: tuple[str, ...] = ()
    """Addresses or networks that it is good from; empty: all."""
    allowed: Allowed


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """How the engine logs in at a target, and whom it takes for it: `Lease.login`, as a MessagePack map.

    Keys and certificates are blobs (RFC 4253 section 6.6, PROTOCOL.certkeys).
    """

    key: bytes = b""
    """Private key, PKCS#8 in DER; empty: none, there is a password."""
    certificate: bytes = b""
    """User certificate over that key; empty: the key alone."""
    host_keys: tuple[bytes, ...] = ()
    """The target's host keys."""
    host_authorities: tuple[bytes, ...] = ()
    """CAs that sign its host certificate."""
    host_name: str
    """What that certificate must list."""

    def __repr__(self) -> str:
        return f"Login(host_name={self.host_name!r}, ...)"


class HostKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that the gateway shows to clients."""

    key: bytes
    """Private key, PKCS#8 in DER."""
    certificate: bytes = b""
    """Host certificate over it; empty: none."""

    def __repr__(self) -> str:
        return "HostKey(...)"
