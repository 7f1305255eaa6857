"""Certificates for principals: the key that a grant is bound to, and the signature once there is one."""

from dataclasses import dataclass

from hoopwire.access import allowed_by, user_names
from hoopwire.control import texts
from hoopwire.control.parts import Denied, Parts
from hoopwire.control.places import found_at
from hoopwire.model.grant import Grant, SshBinding
from hoopwire.model.ssh.keys import PublicKey, fingerprint, public_blob
from hoopwire.model.ssh.login import AgentGrant, Allowed
from hoopwire.model.ssh.rights import CompiledSsh
from hoopwire.model.ssh.settings import SshTarget


@dataclass(frozen=True)
class SshPlace:
    """Where SSH clients find the gateway, and whom to take for it."""

    names: tuple[str, ...]
    """What they may type: the names of its host certificate, else `listen.public_host` or the address."""
    port: int
    known_hosts: tuple[str, ...]
    """Lines for known_hosts."""


def bind(parts: Parts, key: PublicKey, source_addresses: tuple[str, ...]) -> SshBinding:
    """What a grant is bound to that is to be opened by this key. Denied if nobody could certify it."""
    if parts.keyring is None or parts.keyring.agents is None:
        raise Denied(texts.certificates_not_made())
    return SshBinding(
        key=fingerprint(public_blob(key)),
        authority=fingerprint(parts.keyring.agents.blob),
        source_addresses=source_addresses,
    )


def certify(parts: Parts, key: PublicKey, grant: Grant) -> str:
    """The certificate over the key that `grant` is bound to, as one line."""
    target = parts.current.settings.target(grant.target)
    if parts.keyring is None or parts.keyring.agents is None or not isinstance(target, SshTarget):
        raise Denied(texts.certificates_not_made(), grant=grant)
    assert grant.ssh is not None
    wanted = AgentGrant(
        grant=grant.id,
        user_names=user_names(grant, target),
        minted_at=grant.minted_at,
        expires_at=grant.expires_at,
        source_addresses=grant.ssh.source_addresses,
        allowed=allowed_of(parts, grant),
    )
    return parts.keyring.agents.certify(key, wanted)


def allowed_of(parts: Parts, grant: Grant) -> Allowed:
    """What certificates say of the grant's rights; nothing if it has none of SSH."""
    rights = parts.compiled(grant, grant.databases[0]).rights
    return allowed_by(rights) if isinstance(rights, CompiledSsh) else Allowed()


def ssh_place(parts: Parts, asked: str | None) -> SshPlace | None:
    """None if the gateway does not listen for SSH. `asked` is how the client that asks has found us."""
    addresses, settings = parts.engine.addresses_of("ssh"), parts.current.settings.ssh
    if not addresses or settings is None or parts.keyring is None:
        return None
    host, port = found_at(addresses[0], parts.current.settings, asked)
    names = settings.names or (host,)
    # Looked up by the first with `HostKeyAlias`, by the second when it is typed.
    ported = () if port == "22" else tuple(f"[{name}]:{port}" for name in names)
    return SshPlace(names, int(port), parts.keyring.known_hosts((*names, *ported)))
