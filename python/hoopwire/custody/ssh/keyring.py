"""Reads the keys of `[ssh]` once, at start, and refuses a key that has two purposes."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from hoopwire.custody.source import SourceFailed, read_public_file, read_secret
from hoopwire.custody.ssh.authorities import AgentsAuthority, HostsAuthority, TargetsAuthority
from hoopwire.model.ssh.keys import (
    KeyFault,
    PrivateKey,
    blob_line,
    pkcs8,
    public_blob,
    read_private_key,
    read_public_keys,
    used_twice,
)
from hoopwire.model.ssh.login import HostKey
from hoopwire.model.ssh.settings import SecretSettings, SshSettings


class KeyringFailed(Exception):
    """A key of `[ssh]` cannot be used. The text is for the operator and holds no part of a key."""


@dataclass(frozen=True)
class Keyring:
    """What the gateway has of keys for SSH. Public keys are blobs."""

    host_keys: tuple[HostKey, ...]
    agents: AgentsAuthority | None
    targets: TargetsAuthority | None
    agents_trusted: tuple[bytes, ...]
    """The CA of now, and the one before: what either has signed lets a principal in."""
    hosts_trusted: tuple[bytes, ...]
    """What clients are to trust for the gateway's host key; empty: they pin it."""
    host_key_blobs: tuple[bytes, ...]

    def known_hosts(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Lines for a client's known_hosts: the hosts' CAs, or the host keys if there is none."""
        hosts = ",".join(names)
        if self.hosts_trusted:
            return tuple(f"@cert-authority {hosts} {blob_line(blob)}" for blob in self.hosts_trusted)
        return tuple(f"{hosts} {blob_line(blob)}" for blob in self.host_key_blobs)


async def open_keyring(settings: SshSettings, node: str) -> Keyring:
    """Read every key, and certify the host keys. `node` is their certificates' key id. KeyringFailed."""
    private: dict[str, PrivateKey] = {}
    public: dict[str, bytes] = {}
    for name in ("host_key", "host_key_previous", "agents_ca", "targets_ca", "host_ca"):
        if (source := getattr(settings, name)) is not None:
            private[name] = await _private(name, source)
    for name in ("agents_ca_previous", "targets_ca_previous", "host_ca_previous"):
        if (path := getattr(settings, name)) is not None:
            public[name] = await _public(name, path)
    blobs = {name: public_blob(key.public_key()) for name, key in private.items()} | public
    for first, second in used_twice(blobs):
        raise KeyringFailed(
            f"ssh.{second} is the same key as ssh.{first}: a certificate of one would be good for the other"
        )
    for name in ("host_key", "host_key_previous"):
        key = private.get(name)
        if isinstance(key, EllipticCurvePrivateKey) and key.curve.key_size > 384:
            raise KeyringFailed(f"ssh.{name} is on the curve P-521, which is not taken as a host key")
    hosts = HostsAuthority(private["host_ca"]) if "host_ca" in private else None
    return Keyring(
        host_keys=tuple(
            HostKey(
                key=pkcs8(private[name]),
                certificate=hosts.certify(private[name].public_key(), key_id=node, names=settings.names)
                if hosts is not None
                else b"",
            )
            for name in ("host_key", "host_key_previous")
            if name in private
        ),
        agents=AgentsAuthority(private["agents_ca"]) if "agents_ca" in private else None,
        targets=_targets(private["targets_ca"], settings) if "targets_ca" in private else None,
        agents_trusted=_both(blobs, "agents_ca"),
        hosts_trusted=_both(blobs, "host_ca"),
        host_key_blobs=_both(blobs, "host_key"),
    )


def _targets(key: PrivateKey, settings: SshSettings) -> TargetsAuthority:
    return TargetsAuthority(
        key, valid_s=float(settings.certificate), source_addresses=settings.source_addresses
    )


def _both(blobs: dict[str, bytes], name: str) -> tuple[bytes, ...]:
    """The key of now, and the one before."""
    return tuple(blobs[key] for key in (name, f"{name}_previous") if key in blobs)


async def _private(name: str, source: str | SecretSettings) -> PrivateKey:
    try:
        return read_private_key((await read_secret(source)).encode())
    except (SourceFailed, KeyFault) as error:
        raise KeyringFailed(_told(name, error)) from None


async def _public(name: str, path: str) -> bytes:
    try:
        [blob] = read_public_keys((await read_public_file(path)).encode())
    except SourceFailed as error:
        raise KeyringFailed(_told(name, error)) from None
    except ValueError as error:
        words = error if isinstance(error, KeyFault) else "must hold one public key"
        raise KeyringFailed(f"ssh.{name} {words}") from None
    return blob


def _told(name: str, error: SourceFailed | KeyFault) -> str:
    return f"ssh.{name} {error}" if isinstance(error, KeyFault) else f"ssh.{name}: {error}"
